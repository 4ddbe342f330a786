import json
import shutil

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fgtl.errors import DataError
from fgtl.training.checkpoint import Checkpoints, ForeignCheckpoint


def variables(value, shape=(2, 3)):
    return {
        "model": [keras.Variable(np.full(shape, value, "float32"), name="kernel"), keras.Variable(value, dtype="int64")]
    }


@pytest.fixture
def checkpoints(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints", keep=2, identity="mine")
    for step in (1, 2, 3, 4):
        checkpoints.save(step, variables(step), {"note": f"step {step}"}, pinned=1)
    return checkpoints


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_keeps_the_newest_and_the_pinned(checkpoints):
    assert checkpoints.steps() == [4, 3, 1]
    assert checkpoints.newest()["note"] == "step 4"
    groups = variables(0)
    checkpoints.load(1, groups)
    assert groups["model"][0].numpy().tolist() == [[1.0] * 3] * 2 and int(groups["model"][1].numpy()) == 1


@pytest.mark.parametrize("name", ["arrays.npz", "state.json"])
def test_a_flipped_bit_is_seen_and_the_one_before_is_taken(checkpoints, name, capsys):
    flip_a_bit(checkpoints.folder / "step-4" / name)
    assert checkpoints.newest()["step"] == 3
    assert "step-4 is damaged, going back" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["arrays.npz", "state.json"])
def test_a_missing_or_empty_file_is_damage(checkpoints, name):
    (checkpoints.folder / "step-4" / name).unlink()
    (checkpoints.folder / "step-3" / name).write_bytes(b"")
    assert checkpoints.newest()["step"] == 1


def test_damage_is_told_without_advice_that_does_not_fit(checkpoints, capsys):
    for step in (1, 3):
        shutil.rmtree(checkpoints.folder / f"step-{step}")
    (checkpoints.folder / "step-4" / "state.json").write_text("{")
    with pytest.raises(DataError, match="Remove"):
        checkpoints.newest()
    told = capsys.readouterr().err
    assert "step-4 is damaged: " in told and "is not JSON" in told
    assert "going back" not in told and "Write it anew" not in told


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """One checkpoint, its state and the bytes of its files."""
    checkpoints = Checkpoints(tmp_path_factory.mktemp("whole") / "checkpoints", identity="mine")
    folder = checkpoints.save(1, variables(1), {"note": "one", "meter": {"rows": [[0.1, 1e-30]], "epoch_steps": 3}})
    return checkpoints, checkpoints.state(1), {name: (folder / name).read_bytes() for name in FILES}


FILES = ("arrays.npz", "state.json")
CHANGES = st.one_of(
    st.tuples(st.just("flip"), st.integers(0, 10**6), st.integers(0, 7)),
    st.tuples(st.just("byte"), st.integers(0, 10**6), st.integers(0, 255)),
    st.tuples(st.just("cut"), st.integers(0, 10**6), st.just(0)),
    st.tuples(st.just("append"), st.integers(1, 9), st.integers(0, 255)),
    st.tuples(st.just("zeros"), st.integers(0, 10**6), st.integers(1, 64)),
)


def damaged(content, change):
    kind, place, number = change
    place = place if kind == "append" else place % len(content)
    if kind == "cut":
        return content[:place]
    if kind == "append":
        return content + bytes([number]) * place
    if kind == "zeros":
        return content[:place] + bytes(min(number, len(content) - place)) + content[place + number :]
    byte = content[place] ^ 1 << number if kind == "flip" else number
    return content[:place] + bytes([byte]) + content[place + 1 :]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(FILES), CHANGES)
def test_a_torn_or_changed_checkpoint_never_loads(whole, name, change):
    checkpoints, state, contents = whole
    changed, groups = damaged(contents[name], change), variables(0)
    path = checkpoints.folder / "step-1" / name
    path.write_bytes(changed)
    try:
        checkpoints.load(1, groups)
        # White space in the JSON, at most: what was said is what is read.
        assert changed == contents[name] or (name == "state.json" and checkpoints.state(1) == state)
    except ForeignCheckpoint:
        raise AssertionError("damage was taken for another run's checkpoint") from None
    except DataError:
        assert changed != contents[name]
        assert int(groups["model"][1].numpy()) == 0
    finally:
        path.write_bytes(contents[name])


def test_every_flipped_bit_is_seen(whole):
    checkpoints, _, contents = whole
    for name in FILES:
        path = checkpoints.folder / "step-1" / name
        for place in range(0, len(contents[name]), 7):
            path.write_bytes(damaged(contents[name], ("flip", place, place % 8)))
            with pytest.raises(DataError):
                checkpoints.state(1)
        path.write_bytes(contents[name])


def test_a_number_that_became_infinite_is_damage(whole):
    checkpoints, _, contents = whole
    path = checkpoints.folder / "step-1" / "state.json"
    path.write_bytes(contents["state.json"].replace(b"1e-30", b"1e999"))
    with pytest.raises(DataError, match="was changed after it was written"):
        checkpoints.state(1)
    path.write_bytes(contents["state.json"])


def test_any_groups_are_held_and_some_of_them_can_be_loaded(tmp_path):
    checkpoints, groups = Checkpoints(tmp_path), variables(2)
    groups |= {"ema": [keras.Variable(5.0, name="average")], "optimizer": []}
    checkpoints.save(1, groups, {})
    average = keras.Variable(0.0, name="average")
    checkpoints.load(1, {"ema": [average]})
    assert float(average.numpy()) == 5.0
    with pytest.raises(DataError, match="ema/00001: checkpoint has none"):
        checkpoints.load(1, {"ema": [average, keras.Variable(1.0)]})


def test_an_edited_state_is_damage_even_when_it_is_json(checkpoints):
    path = checkpoints.folder / "step-4" / "state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"step": 400}))
    assert checkpoints.newest()["step"] == 3


def test_when_all_are_damaged_it_does_not_start_over_silently(checkpoints):
    for step in checkpoints.steps():
        flip_a_bit(checkpoints.folder / f"step-{step}" / "arrays.npz")
    with pytest.raises(DataError, match=r"(?s)No checkpoint .* is a whole one.*arrays\.npz was changed.*Remove"):
        checkpoints.newest()


def test_none_at_all_is_a_fresh_start(tmp_path):
    assert Checkpoints(tmp_path).newest() is None


def test_half_written_ones_do_not_count_and_are_cleared(checkpoints):
    half = checkpoints.folder / "step-9.123.partial"
    half.mkdir()
    (half / "arrays.npz").write_bytes(b"half")
    assert checkpoints.newest()["step"] == 4
    checkpoints.save(5, variables(5), {})
    assert not half.exists()


def test_a_failure_while_writing_leaves_nothing(checkpoints, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        checkpoints.save(5, variables(5), {})
    assert sorted(path.name for path in checkpoints.folder.iterdir()) == ["step-1", "step-3", "step-4"]


def test_one_of_another_run_is_refused_and_not_called_damaged(checkpoints, capsys):
    with pytest.raises(DataError, match=r"(?s)No checkpoint.*other settings or data.*Remove"):
        Checkpoints(checkpoints.folder, identity="yours").newest()
    told = capsys.readouterr().err
    assert "step-4 was written by a run with other settings or data" in told
    assert "damaged" not in told


def test_one_of_another_version_is_refused_and_says_so(checkpoints, monkeypatch, capsys):
    monkeypatch.setattr("fgtl.training.checkpoint.SCHEMA", 2)
    with pytest.raises(DataError, match="No checkpoint"):
        checkpoints.newest()
    assert "another version of fgtl" in capsys.readouterr().err


def test_what_a_kept_checkpoint_pins_is_kept_too(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints", keep=2)
    for step, best in ((1, 1), (2, 1), (3, 1), (4, 4)):
        checkpoints.save(step, variables(step), {}, pinned=best)
    assert checkpoints.steps() == [4, 3, 1]  # step 3 is one to fall back to, and its best is step 1
    checkpoints.save(5, variables(5), {}, pinned=4)
    assert checkpoints.steps() == [5, 4]


@pytest.fixture
def torn(tmp_path):
    """Steps 50 and 100, and whoever goes on from 50 because 100 is damaged."""
    for step in (50, 100):
        Checkpoints(tmp_path / "checkpoints", keep=2, identity="mine").save(step, variables(step), {})
    flip_a_bit(tmp_path / "checkpoints" / "step-100" / "arrays.npz")
    checkpoints = Checkpoints(tmp_path / "checkpoints", keep=2, identity="mine")
    assert checkpoints.newest()["step"] == 50
    return checkpoints


def test_a_damaged_one_that_was_passed_over_takes_no_place_among_those_that_are_kept(torn):
    for step, kept in ((60, [60, 50]), (70, [70, 60]), (100, [100, 70]), (110, [110, 100])):
        torn.save(step, variables(step), {})
        assert torn.steps() == kept
    assert all(torn.state(step) for step in torn.steps())


def test_nor_does_one_that_was_passed_over_and_is_older_than_the_next_that_is_written(torn):
    torn.save(120, variables(120), {})
    assert torn.steps() == [120, 50]


def test_a_damaged_one_stays_until_a_whole_one_is_written(torn, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        torn.save(60, variables(60), {})
    assert torn.steps() == [100, 50]


def test_one_of_another_run_takes_no_place_and_is_not_removed(checkpoints):
    Checkpoints(checkpoints.folder, keep=9, identity="yours").save(9, variables(9), {})
    assert checkpoints.newest()["step"] == 4
    for step in (5, 6):
        checkpoints.save(step, variables(step), {})
    assert checkpoints.steps() == [9, 6, 5]


def test_a_damaged_neighbour_does_not_prevent_saving(checkpoints):
    (checkpoints.folder / "step-4" / "state.json").write_text("{")
    checkpoints.save(5, variables(5), {}, pinned=1)
    assert checkpoints.steps() == [5, 4, 1]


def test_other_shapes_are_listed_and_nothing_is_assigned(checkpoints):
    groups = variables(0, shape=(5, 3))
    with pytest.raises(DataError, match=r"1 of 2 variables differ(?s:.*)model/00000.*\(2, 3\).*\(5, 3\)"):
        checkpoints.load(4, groups)
    assert int(groups["model"][1].numpy()) == 0


def test_more_or_fewer_variables_are_listed(checkpoints):
    more = variables(0)
    more["model"].append(keras.Variable(1.0))
    with pytest.raises(DataError, match="model/00002: checkpoint has none"):
        checkpoints.load(4, more)
    fewer = {"model": variables(0)["model"][:1]}
    with pytest.raises(DataError, match="model has none"):
        checkpoints.load(4, fewer)


def test_amending_changes_the_state_and_leaves_the_arrays(checkpoints):
    checkpoints.amend(4, {"note": "over"})
    state = checkpoints.newest()
    assert (state["step"], state["note"]) == (4, "over")
    groups = variables(0)
    checkpoints.load(4, groups)
    assert int(groups["model"][1].numpy()) == 4

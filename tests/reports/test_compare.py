import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from fgtl.errors import DataError, UsageError
from fgtl.files import read_json, write_json
from fgtl.reports.compare import Comparison, compare_runs
from fgtl.reports.compare_page import as_csv, as_html, as_text, dot_plot
from fgtl.reports.hierarchy import Taxonomy
from fgtl.reports.intervals import mean_interval, wilson_interval
from fgtl.reports.metrics import evaluate_predictions
from fgtl.reports.paired import mcnemar, paired_bootstrap
from fgtl.reports.predictions import Predictions, write_evaluation

NAMES = tuple("abc")
COUNT = 60
LABELS = np.arange(COUNT) % 3
IDS = np.array([f"image {i}" for i in range(COUNT)])
BASE = {"backbone": "mobilenet_v2", "head": "linear", "seed": 0, "epochs": 3, "threads": 1, "devices": []}
LONG = ("crop_min_area", "label_smoothing", "head_learning_rate", "warmup_epochs")


def write_run(
    folder: Path,
    right: np.ndarray,
    *,
    ids=IDS,
    labels=LABELS,
    manifest="a" * 64,
    split="test",
    training=None,
    paths=None,
    start=None,
    **config,
) -> Path:
    """An evaluated run that recognises the images where `right` is true; its model is what its folder is called.

    start: the run that it started from.
    """
    folder.mkdir(parents=True)
    facts = {
        "config": BASE | {"run_dir": str(folder), "init_run": start and str(start)} | config,
        "dataset": {"class_names": list(NAMES), "manifest_sha256": manifest},
        "init": start and {"run": str(start.absolute()), "sha256": read_json(start / "model.json")["sha256"]},
    }
    write_json(folder / "run.json", facts)
    write_json(folder / "model.json", {"sha256": str(folder)})
    said = np.where(right, labels, (labels + 1) % 3)
    probabilities = np.where(np.arange(3) == said[:, None], 0.8, 0.1).astype(np.float32)
    taxonomy = Taxonomy(paths) if paths else None
    result = evaluate_predictions(probabilities, labels, NAMES).detailed(training, 10, taxonomy)
    made = Predictions(ids, labels, probabilities)
    write_evaluation(folder / "eval", split, result, made, manifest_sha256=manifest)
    return folder


def draw(seed: int, share: float) -> np.ndarray:
    return np.random.default_rng(seed).random(COUNT) < share


@pytest.fixture
def two(tmp_path) -> list[Path]:
    return [write_run(tmp_path / "low", draw(0, 0.5)), write_run(tmp_path / "high", draw(1, 0.8), backbone="big")]


def test_two_runs_are_ranked_and_tested_on_the_same_images(two):
    found = compare_runs(two, "test", seed=4)
    assert [(row.name, row.backbone) for row in found.rows] == [("high", "big"), ("low", "mobilenet_v2")]
    low, high = draw(0, 0.5), draw(1, 0.8)
    assert found.rows[0].top1 == high.mean() and found.rows[0].interval == wilson_interval(high.sum(), COUNT)
    (pair,) = found.pairs
    assert (pair.only_one, pair.only_other, pair.p) == mcnemar(high, low)
    assert (pair.test, pair.corrected) == ("McNemar", pair.p)
    assert pair.difference == pytest.approx(high.mean() - low.mean())
    assert pair.interval == paired_bootstrap(high.astype(float) - low.astype(float), 4)


def test_the_order_in_which_images_were_evaluated_does_not_matter(tmp_path, two):
    order = np.random.default_rng(0).permutation(COUNT)
    other = write_run(tmp_path / "other" / "high", draw(1, 0.8)[order], ids=IDS[order], labels=LABELS[order])
    found, again = compare_runs(two, "test"), compare_runs([two[0], other], "test")
    assert (found.pairs[0].p, found.pairs[0].interval) == (again.pairs[0].p, again.pairs[0].interval)


def test_runs_that_differ_in_the_seed_only_are_one_row(tmp_path, two):
    shares = [0.75, 0.8, 0.9]
    seeds = [
        write_run(tmp_path / f"many-seed{seed}", draw(10 + seed, share), seed=seed, epochs=9, threads=seed)
        for seed, share in enumerate(shares)
    ]
    found = compare_runs([*seeds, *two], "test", free={"threads"})
    (row,) = [row for row in found.rows if len(row.each) > 1]
    each = [draw(10 + seed, share).mean() for seed, share in enumerate(shares)]
    assert row.name == "many-seed (3 seeds)" and row.each == tuple(each)
    assert row.top1 == pytest.approx(np.mean(each)) and row.interval == mean_interval(each)
    assert row.settings == ("epochs=9",)
    place = found.rows.index(row)
    mixed = [pair for pair in found.pairs if place in (pair.one, pair.other)]
    assert [(pair.test, pair.p, pair.corrected) for pair in mixed] == [("", None, None)] * 2
    assert "no test" in as_text(found)


def test_several_seeds_of_two_settings_are_tested_over_the_seeds(tmp_path):
    runs = [
        write_run(tmp_path / f"{name}{seed}", draw(seed, share), seed=seed, epochs=epochs)
        for name, share, epochs in (("short", 0.4, 1), ("long", 0.9, 9))
        for seed in range(3)
    ]
    (pair,) = compare_runs(runs, "test").pairs
    assert pair.test == "Welch" and pair.p < 0.05 and pair.only_one is None
    assert pair.interval[0] > 0


@pytest.fixture
def stages(tmp_path) -> list[Path]:
    """Second stages of three seeds, each from the first stage of its seed; that of the last was trained longer."""
    firsts = [
        write_run(tmp_path / f"first{seed}", draw(seed, 0.5), seed=seed, epochs=50 if seed == 2 else 3)
        for seed in range(3)
    ]
    return [write_run(tmp_path / f"then{seed}", draw(seed, 0.7), seed=seed, start=firsts[seed]) for seed in range(3)]


def sizes(found: Comparison) -> list[int]:
    return sorted(len(row.each) for row in found.rows)


def test_runs_that_started_from_runs_of_other_seeds_are_one_row(stages):
    found = compare_runs(stages, "test")
    assert sizes(found) == [1, 2]
    alone = next(row for row in found.rows if len(row.each) == 1)
    assert alone.settings == (f"init_run={stages[2].parent / 'first2'}",)
    assert compare_runs(stages[:2], "test").rows[0].settings == ()


def test_the_working_directory_does_not_change_what_is_one_row(stages, tmp_path, monkeypatch):
    for seed, folder in enumerate(stages):
        card = read_json(folder / "run.json")
        card["config"]["init_run"] = f"first{seed}"
        write_json(folder / "run.json", card)
    # What the typed names lead to from elsewhere is something else.
    for seed in range(3):
        write_run(tmp_path / "elsewhere" / f"first{seed}", draw(seed, 0.5), seed=seed, epochs=seed)
    found = []
    for place in (tmp_path, tmp_path / "elsewhere"):
        monkeypatch.chdir(place)
        found.append(compare_runs(stages, "test").as_dict())
    assert found[0] == found[1]
    assert sorted(len(row["each"]) for row in found[0]["rows"]) == [1, 2]


@pytest.mark.parametrize("harm", ["removed", "trained anew", "damaged", "written by an older version"])
def test_runs_are_kept_apart_where_nobody_knows_what_they_started_from(stages, harm):
    first, card = stages[0].parent / "first0", stages[0] / "run.json"
    if harm == "removed":
        shutil.rmtree(first)
    elif harm == "trained anew":
        write_json(first / "model.json", {"sha256": "another"})
    elif harm == "damaged":
        (first / "run.json").write_text("{")
    else:
        write_json(card, read_json(card) | {"init": None})
    found = compare_runs(stages[:2], "test")
    assert sizes(found) == [1, 1]
    assert any(str(stages[0]) in note and str(first) in note for note in found.notes)
    assert str(first) in as_text(found)


def test_seeds_that_started_from_one_model_are_one_row_even_where_it_is_gone(tmp_path, stages):
    first = stages[0].parent / "first0"
    other = write_run(tmp_path / "again", draw(9, 0.7), seed=9, start=first)
    shutil.rmtree(first)
    found = compare_runs([stages[0], other], "test")
    assert sizes(found) == [2] and not any("other seeds" in note for note in found.notes)


def test_a_run_that_started_from_none_is_no_seed_of_one_that_did(tmp_path, stages):
    fresh = write_run(tmp_path / "fresh", draw(9, 0.7), seed=9)
    found = compare_runs([stages[0], fresh], "test")
    assert sizes(found) == [1, 1] and not any("other seeds" in note for note in found.notes)


def test_an_ancestor_further_back_counts_too(tmp_path, stages):
    thirds = [
        write_run(tmp_path / f"last{seed}", draw(seed, 0.8), seed=seed, start=folder)
        for seed, folder in enumerate(stages)
    ]
    assert sizes(compare_runs(thirds, "test")) == [1, 2]


def test_the_same_seed_twice_is_two_rows(tmp_path):
    runs = [write_run(tmp_path / name, draw(k, 0.6)) for k, name in enumerate(("one", "two"))]
    assert len(compare_runs(runs, "test").rows) == 2


def test_three_tests_are_corrected_together(tmp_path, two):
    found = compare_runs([*two, write_run(tmp_path / "more", draw(5, 0.95), epochs=5)], "test")
    raw = sorted(pair.p for pair in found.pairs)
    assert min(pair.corrected for pair in found.pairs) == pytest.approx(min(1, 3 * raw[0]))
    assert all(pair.corrected >= pair.p for pair in found.pairs)
    assert "Holm, for 3 tests" in as_text(found)


def test_a_ranking_on_test_images_says_what_it_must_not_be_used_for(tmp_path, two):
    three = [*two, write_run(tmp_path / "more", draw(5, 0.95), epochs=5)]
    assert "test images" in as_text(compare_runs(three, "test"))
    assert not compare_runs(two, "test").caution
    for number, folder in enumerate(three):
        write_run(tmp_path / "v" / str(number), draw(number, 0.5), split="validation", epochs=number)
        assert folder.is_dir()
    assert not compare_runs([tmp_path / "v" / str(number) for number in range(3)], "validation").caution


def test_head_and_tail_are_shown_where_they_are_the_same_classes(tmp_path):
    one = write_run(tmp_path / "one", draw(0, 0.5), training=(50, 9, 10))
    two = write_run(tmp_path / "two", draw(1, 0.8), training=(40, 8, 11), epochs=1)
    other = write_run(tmp_path / "other", draw(1, 0.8), training=(9, 9, 11), epochs=2)
    rows = compare_runs([one, two], "test").rows
    assert rows[0].tail == draw(1, 0.8)[LABELS == 1].mean()
    assert rows[1].head == draw(0, 0.5)[LABELS != 1].mean()
    assert "tail classes" in as_text(compare_runs([one, two], "test"))
    assert [row.head for row in compare_runs([one, two, other], "test").rows] == [None] * 3
    assert "tail classes" not in as_text(compare_runs([one, other], "test"))


def test_seeds_with_halves_of_their_own_are_averaged_where_every_row_has_the_same_ones(tmp_path):
    tails = {0: (50, 9, 10), 1: (9, 50, 60)}
    runs = [
        write_run(tmp_path / name / str(seed), draw(number + seed, 0.6), training=tails[seed], seed=seed, epochs=number)
        for number, name in enumerate(("first", "second"))
        for seed in tails
    ]
    found = compare_runs(runs, "test")
    expected = [draw(0, 0.6)[LABELS == 1].mean(), draw(1, 0.6)[LABELS == 0].mean()]
    first = next(row for row in found.rows if "first" in row.name)
    assert first.tail == pytest.approx(np.mean(expected))
    assert "each one's own" in as_text(found)
    unlike = compare_runs(
        [*runs[:3], write_run(tmp_path / "else", draw(4, 0.6), training=(9, 9, 50), epochs=9)], "test"
    )
    assert {row.tail for row in unlike.rows} == {None}
    assert "not the same classes" in as_text(unlike)


def test_long_settings_stand_below_the_table(tmp_path):
    few = [write_run(tmp_path / "few" / str(k), draw(k, 0.5), epochs=k) for k in range(2)]
    assert "settings" in as_text(compare_runs(few, "test")).splitlines()[0]
    many = [write_run(tmp_path / "many" / str(k), draw(k, 0.5), epochs=k, **dict.fromkeys(LONG, k)) for k in range(2)]
    header, *rest = as_text(compare_runs(many, "test")).splitlines()
    assert "settings" not in header
    assert f"settings of 0: epochs=0, {', '.join(f'{name}=0' for name in LONG)}" in rest


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ((50, 9, 10), (9, 9, 11), "not the same classes"),
        ((50, 9, 10), None, "runs/two are not known"),
        (None, None, "were not known at the evaluation"),
        ((9, 8, 7), (7, 8, 9), "fewer than 10"),
        ((90, 80, 70), (70, 80, 90), "at least 10"),
        ((50, 9, 10), (50, 9, 10), ""),
    ],
)
def test_why_there_are_no_figures_of_head_and_tail_is_said(tmp_path, first, second, why):
    runs = [
        write_run(tmp_path / "runs" / name, draw(k, 0.5), training=training, epochs=k)
        for k, (name, training) in enumerate([("one", first), ("two", second)])
    ]
    found = compare_runs(runs, "test")
    assert bool(found.notes) == bool(why) == (found.rows[0].head is None)
    assert why in " ".join(found.notes)
    assert all(note in as_text(found) and note in as_html(found) for note in found.notes)


def test_a_head_without_images_is_said_and_the_tail_is_shown(tmp_path):
    few = LABELS != 2
    runs = [
        write_run(tmp_path / name, draw(k, 0.5)[few], ids=IDS[few], labels=LABELS[few], training=(1, 2, 50), epochs=k)
        for k, name in enumerate(("one", "two"))
    ]
    found = compare_runs(runs, "test")
    assert found.notes == ("No image is of a class of the head.",)
    assert [(row.head, row.tail is None) for row in found.rows] == [(None, False)] * 2


def test_the_taxonomy_stays_where_fewer_images_are_compared(tmp_path):
    paths = [("x", "a"), ("x", "b"), ("y", "c")]
    right = draw(1, 0.6)
    runs = [
        write_run(tmp_path / "all", right, paths=paths),
        write_run(tmp_path / "most", right[:-10], ids=IDS[:-10], labels=LABELS[:-10], paths=paths, epochs=5),
    ]
    found = compare_runs(runs, "test", common=True)
    # A wrong answer is the next class: b is one step from a, c and a are two steps from b and c.
    expected = np.array([1, 2, 2])[LABELS[:-10][~right[:-10]]].mean()
    assert [row.mistake_height for row in found.rows] == pytest.approx([expected] * 2)
    assert not any("taxonomy" in note for note in found.notes)
    # -- one that was evaluated before the taxonomy was kept -----------------------------------------------------------
    path = runs[0] / "eval" / "test.json"
    old = read_json(path)
    del old["hierarchy"]["paths"]
    write_json(path, old)
    found = compare_runs(runs, "test", common=True)
    assert {row.name: row.mistake_height is None for row in found.rows} == {"all": True, "most": False}
    assert any("taxonomy" in note and str(runs[0]) in note for note in found.notes)


@pytest.mark.parametrize("difference", ["manifest", "images"])
def test_other_data_is_refused_and_common_images_are_compared_when_asked(tmp_path, two, capsys, difference):
    keep = slice(10, None) if difference == "images" else slice(None)
    manifest = "b" * 64 if difference == "manifest" else "a" * 64
    right = draw(3, 0.7)
    other = write_run(
        tmp_path / "other", right[keep], ids=IDS[keep], labels=LABELS[keep], manifest=manifest, training=(9, 9, 50)
    )
    with pytest.raises(UsageError, match="different data") as refused:
        compare_runs([two[0], other], "test")
    assert "--common" in str(refused.value)
    found = compare_runs([two[0], other], "test", common=True)
    assert found.images == len(right[keep])
    tops = {row.name: row.top1 for row in found.rows}
    assert tops == {"low": draw(0, 0.5)[keep].mean(), "other": right[keep].mean()}
    assert ("50 images that all runs have" in capsys.readouterr().err) == (difference == "images")


def test_no_common_image_other_labels_and_other_classes_are_refused(tmp_path, two):
    far = write_run(tmp_path / "far", draw(3, 0.7), ids=np.array([f"x{i}" for i in range(COUNT)]))
    with pytest.raises(UsageError, match="no image in common"):
        compare_runs([two[0], far], "test", common=True)
    relabelled = write_run(tmp_path / "relabelled", draw(3, 0.7), labels=(LABELS + 1) % 3)
    with pytest.raises(UsageError, match="other labels"):
        compare_runs([two[0], relabelled], "test")
    card = read_json(two[1] / "run.json")
    card["dataset"]["class_names"] = ["a", "c", "b"]
    write_json(two[1] / "run.json", card)
    with pytest.raises(UsageError, match="same classes"):
        compare_runs(two, "test")


def test_one_run_or_one_twice_is_refused(two):
    with pytest.raises(UsageError, match="(?s)One run is given.*two or more evaluated runs"):
        compare_runs(two[:1], "test")
    with pytest.raises(UsageError, match="twice"):
        compare_runs([two[0], two[0] / ".." / two[0].name], "test")


def test_a_run_that_was_not_evaluated_is_told_the_command(two):
    with pytest.raises(DataError, match=r"fgtl evaluate --run_dir=\S*low '--split=train\[:10%\]' --views=ten"):
        compare_runs(two, "train[:10%]", views="ten")
    with pytest.raises(DataError, match="no run.json"):
        compare_runs([two[0], two[0].parent], "test")
    (two[1] / "eval" / "test.json").write_text('{"top1": 1}')
    with pytest.raises(DataError, match="damaged"):
        compare_runs(two, "test")


@pytest.fixture
def several(tmp_path, two) -> Comparison:
    seeds = [write_run(tmp_path / f"<b>{seed}", draw(20 + seed, 0.7), seed=seed, epochs=9) for seed in range(3)]
    return compare_runs([*two, *seeds], "test")


def test_csv_and_json_hold_all_rows(several):
    rows = list(csv.DictReader(io.StringIO(as_csv(several))))
    assert [float(row["top1"]) for row in rows] == [row.top1 for row in several.rows]
    assert [row["runs"] for row in rows] == [str(len(row.each)) for row in several.rows]
    again = json.loads(json.dumps(several.as_dict(), allow_nan=False))
    assert [row["name"] for row in again["rows"]] == [row.name for row in several.rows]
    assert len(again["pairs"]) == 3


def test_the_picture_has_a_dot_an_interval_and_the_seeds_of_each_row(several):
    (axes,) = dot_plot(several).axes
    shown = [line.get_xdata() for line in axes.lines]
    for row in several.rows:
        assert any(tuple(x) == row.interval for x in shown)
        assert any(tuple(x) == (row.top1,) for x in shown)
        assert len(row.each) == 1 or any(tuple(x) == row.each for x in shown)
    assert axes.get_xlim()[0] < min(row.interval[0] for row in several.rows)


def test_the_page_loads_nothing_and_takes_names_for_text(several):
    html = as_html(several)
    assert "&lt;b&gt;" in html and "<b>0" not in html
    assert "<script" not in html and "<link" not in html and "src=" not in html and "@import" not in html
    for row in several.rows:
        assert f"{row.top1:.4f}" in html

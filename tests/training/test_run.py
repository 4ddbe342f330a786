import json
import multiprocessing
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest

from fgtl.errors import DataError, UsageError
from fgtl.training.run import DatasetFacts, Run

CONFIG = {"learning_rate": 0.1, "seed": 3, "devices": [], "log_every_steps": 10, "run_dir": "runs/a"}
FACTS = DatasetFacts("birds", 2, ("wren", "robin"), "abc", {"train": 10, "test": 4})


def small_model():
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])


def start_elsewhere(folder, queue):
    try:
        Run.create_or_resume(folder, CONFIG, FACTS)
        queue.put("started")
    except UsageError as error:
        queue.put(str(error))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs" / "birds"


def begun(folder, dataset=None):
    """A run that has a checkpoint."""
    run = Run.create_or_resume(folder, CONFIG, dataset or FACTS)
    (run.stage().checkpoints / "step-1").mkdir(parents=True)
    return run


def test_a_finished_run_whose_checkpoints_were_deleted_keeps_its_settings(folder):
    begun(folder).save_model(small_model(), {"metrics": {}})
    shutil.rmtree(folder / "checkpoints")
    with pytest.raises(UsageError, match="--learning_rate: there 0.1, now 0.2"):
        Run.create_or_resume(folder, CONFIG | {"learning_rate": 0.2}, FACTS)
    assert Run.create_or_resume(folder, CONFIG, FACTS).resumed
    assert json.loads((folder / "run.json").read_text())["config"] == CONFIG


def test_a_run_that_ended_at_a_bad_record_may_go_on_without_it(folder):
    begun(folder)  # before there was this knob
    for choice in ("fail", "skip"):
        assert Run.create_or_resume(folder, CONFIG | {"bad_records": choice}, FACTS).resumed


def test_half_a_first_checkpoint_leaves_nothing_to_go_on_with(folder):
    run = Run.create_or_resume(folder, CONFIG, FACTS)
    (run.stage().checkpoints / "step-1.77.partial").mkdir(parents=True)
    del run
    assert not Run.create_or_resume(folder, CONFIG | {"learning_rate": 0.2}, FACTS).resumed


def test_a_checkpoint_of_the_refit_alone_is_something_to_go_on_with(folder):
    run = Run.create_or_resume(folder, CONFIG, FACTS)
    (run.stage("refit").checkpoints / "step-1").mkdir(parents=True)
    del run
    with pytest.raises(UsageError, match="--learning_rate"):
        Run.create_or_resume(folder, CONFIG | {"learning_rate": 0.2}, FACTS)


def test_before_the_first_checkpoint_other_settings_start_afresh(folder):
    Run.create_or_resume(folder, CONFIG, FACTS)
    run = Run.create_or_resume(folder, CONFIG | {"learning_rate": 0.2}, FACTS)
    assert not run.resumed
    assert run.facts["config"]["learning_rate"] == 0.2


def test_a_new_run_writes_down_what_it_is(folder):
    run = Run.create_or_resume(folder, CONFIG, FACTS)
    written = json.loads((folder / "run.json").read_text())
    assert not run.resumed and run.class_names == ("wren", "robin")
    assert written["config"] == CONFIG and written["seed"] == 3 and written["schema"] == 1
    assert written["dataset"] == {
        "name": "birds",
        "classes": 2,
        "class_names": ["wren", "robin"],
        "manifest_sha256": "abc",
        "counts": {"train": 10, "test": 4},
    }
    assert set(written["versions"]) == {"fgtl", "tensorflow", "keras"}


def test_the_same_settings_go_on_and_free_ones_may_change(folder):
    first = begun(folder)
    identity = first.stage().identity
    del first
    again = Run.create_or_resume(folder, CONFIG | {"log_every_steps": 50, "devices": ()}, FACTS)
    assert again.resumed and again.stage().identity == identity


def test_the_recipes_spelling_is_free_what_came_of_it_is_not(folder):
    begun(folder)
    own = {"recipe": "recipes/linear.flags", "steps_per_call": 8}
    assert Run.create_or_resume(folder, CONFIG | own, FACTS).resumed
    with pytest.raises(UsageError, match="--learning_rate"):
        Run.create_or_resume(folder, CONFIG | own | {"learning_rate": 0.2}, FACTS)


def test_the_start_is_compared_by_its_model_not_by_its_place(folder):
    start = {"run": "/a/first", "sha256": "ab" * 32}
    run = Run.create_or_resume(folder, CONFIG | {"init_run": "/a/first"}, FACTS, start)
    run.save_model(small_model(), {})
    del run
    moved = CONFIG | {"init_run": "first"}
    assert Run.create_or_resume(folder, moved, FACTS, start | {"run": "/b/first"}).resumed
    with pytest.raises(UsageError, match=r"--init_run: there '/a/first \(model abab.*now '/b/first \(model cdcd"):
        Run.create_or_resume(folder, moved, FACTS, {"run": "/b/first", "sha256": "cd" * 32})
    with pytest.raises(UsageError, match="--init_run: there '/a/first .*now None"):
        Run.create_or_resume(folder, CONFIG, FACTS)


def test_other_settings_are_listed_with_both_values(folder):
    begun(folder)
    with pytest.raises(UsageError) as caught:
        Run.create_or_resume(folder, CONFIG | {"learning_rate": 0.2, "flip": True}, FACTS)
    assert "--flip: there None, now True\n    --learning_rate: there 0.1, now 0.2" in str(caught.value)
    assert "seed" not in str(caught.value)


def test_other_data_is_another_run(folder):
    begun(folder)
    other = DatasetFacts("birds", 2, ("wren", "robin"), "xyz", {"train": 10, "test": 4})
    with pytest.raises(UsageError, match="fingerprint: there abc, now xyz"):
        Run.create_or_resume(folder, CONFIG, other)


def test_another_record_set_is_told_in_words_and_not_offered_as_free(folder):
    run = Run.create_or_resume(folder, CONFIG | {"records": "/old/birds"}, replace(FACTS, manifest_sha256="a" * 64))
    (run.stage().checkpoints / "step-1").mkdir(parents=True)
    del run
    other = DatasetFacts("birds", 3, ("wren", "robin", "owl"), "b" * 64, {"train": 12, "test": 4})
    with pytest.raises(UsageError) as caught:
        Run.create_or_resume(folder, CONFIG | {"records": "/new/birds"}, other)
    assert str(caught.value).splitlines() == [
        f"/new/birds is not the record set that the run in {folder} was trained on:",
        "    classes: there 2, now 3",
        "    images of train: there 10, now 12",
        "    fingerprint: there aaaaaaaaaaaa, now bbbbbbbbbbbb",
        "  Expected that one, birds; it was at /old/birds.",
        "  Name its place with --records, or choose another --run_dir to train on this one.",
    ]


def test_the_data_sets_name_is_free_its_content_is_not(folder):
    begun(folder)
    assert Run.create_or_resume(folder, CONFIG | {"dataset": "cub_200"}, FACTS).resumed


def test_a_run_without_its_run_file_is_named_as_such(folder):
    begun(folder)
    (folder / "run.json").unlink()
    for use in (lambda: Run.create_or_resume(folder, CONFIG, FACTS), lambda: Run.open(folder)):
        with pytest.raises(DataError, match=r"(?s)there is step-1\), but its run.json is missing.*from a copy"):
            use()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("{}", "it lacks schema, config, dataset"),
        ("{", "line 1 is not JSON"),
        ("[]", "it lacks schema"),
        ('{"schema": 1, "config": {}, "dataset": {}}', "it lacks classes"),
        (
            '{"schema": 1, "config": 3, "dataset": {"classes": 2, "manifest_sha256": "", "counts": {}}}',
            "it lacks config",
        ),
    ],
)
def test_a_damaged_run_file_is_not_called_another_version(folder, content, what):
    begun(folder)
    (folder / "run.json").write_text(content)
    with pytest.raises(DataError, match=rf"(?s)run\.json is damaged: {what}.*from a copy") as caught:
        Run.create_or_resume(folder, CONFIG, FACTS)
    assert "Write it anew" not in str(caught.value)


def test_another_number_of_classes_is_said_first(folder):
    begun(folder)
    other = DatasetFacts("birds", 3, ("wren", "robin", "owl"), "abc", {"train": 10, "test": 4})
    with pytest.raises(UsageError, match="classes: there 2, now 3"):
        Run.create_or_resume(folder, CONFIG, other)


def test_the_message_says_which_settings_may_change(folder):
    begun(folder)
    with pytest.raises(UsageError, match="may change at any time: --keep, --log_every_steps, --run_dir, --threads.$"):
        Run.create_or_resume(folder, CONFIG | {"learning_rate": 0.2, "keep": 3, "threads": 0}, FACTS)


def test_a_worker_joins_the_run_that_the_chief_made_and_writes_nothing(folder):
    with pytest.raises(UsageError, match=r"(?s)does not see the run that worker 0 has.*share"):
        Run.join(folder, CONFIG, FACTS)
    chief = Run.create_or_resume(folder, CONFIG, FACTS)
    before = sorted(path.name for path in folder.iterdir())
    worker = Run.join(folder, CONFIG | {"threads": 3}, FACTS)
    assert worker.stage().identity == chief.stage().identity
    assert sorted(path.name for path in folder.iterdir()) == before
    with pytest.raises(UsageError, match="--learning_rate: there 0.1, now 0.3"):
        Run.join(folder, CONFIG | {"learning_rate": 0.3}, FACTS)


def test_a_folder_that_holds_something_else_is_refused_untouched(folder):
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match=r"holds something else \(thesis.tex\)"):
        Run.create_or_resume(folder, CONFIG, FACTS)
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]
    with pytest.raises(UsageError, match="is a file"):
        Run.create_or_resume(folder / "thesis.tex", CONFIG, FACTS)


def test_what_a_killed_start_left_behind_is_no_obstacle(folder):
    folder.mkdir(parents=True)
    (folder / "run.json.77.partial").write_text("{")
    assert not Run.create_or_resume(folder, CONFIG, FACTS).resumed


def test_two_processes_do_not_train_in_one_folder(folder):
    run = Run.create_or_resume(folder, CONFIG, FACTS)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=start_elsewhere, args=(folder, queue))
    process.start()
    assert "Another process is training in" in queue.get(timeout=30)
    process.join()
    assert not run.resumed


def test_stages_have_their_own_files_and_identity(folder):
    run = Run.create_or_resume(folder, CONFIG, FACTS)
    main, refit = run.stage(), run.stage("refit")
    assert main.metrics == folder / "metrics.jsonl" and refit.metrics == folder / "refit" / "metrics.jsonl"
    assert main.identity != refit.identity


def test_a_saved_model_comes_back_with_its_card(folder):
    run = Run.create_or_resume(folder, CONFIG, FACTS)
    assert not run.is_finished
    model = small_model()
    run.save_model(model, {"backbone": "none", "metrics": {"top1": 0.5}})
    opened = Run.open(folder)
    assert opened.model_facts["class_names"] == ["wren", "robin"]
    assert opened.model_facts["metrics"] == {"top1": 0.5}
    again = keras.saving.load_model(opened.model, compile=False)
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not list(folder.glob("*partial*"))


def test_a_failed_save_leaves_an_unfinished_run(folder, monkeypatch):
    run = Run.create_or_resume(folder, CONFIG, FACTS)
    run.save_model(small_model(), {})
    model = small_model()

    def fail(path):
        path.write_bytes(b"half a model")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model, "save", fail)
    with pytest.raises(OSError, match="No space"):
        run.save_model(model, {})
    assert not run.is_finished and not list(folder.glob("*partial*"))


def test_opening_what_is_not_a_finished_run_says_which(folder, tmp_path):
    with pytest.raises(DataError, match="is not a run folder"):
        Run.open(tmp_path)
    run = Run.create_or_resume(folder, CONFIG, FACTS)
    with pytest.raises(DataError, match="is not finished"):
        Run.open(folder)
    run.save_model(small_model(), {})
    content = bytearray(run.model.read_bytes())
    content[100] ^= 1
    run.model.write_bytes(content)
    with pytest.raises(DataError, match=r"model\.keras is not the file that was written"):
        Run.open(folder)


def test_a_model_says_how_it_sees_images(folder):
    run = Run.create_or_resume(folder, CONFIG, FACTS)
    card = {"input_size": 8, "resize": 11, "eval_crop": 0.9, "legacy_resize": False}
    run.save_model(small_model(), card)
    seen = {"image_size": 8, "resize": 11, "eval_crop": 0.9, "legacy_resize": False, "threads": 1}
    assert Run.open(folder).view_knobs(threads=1).as_dict().items() >= seen.items()
    # One that was saved before there was a resize.
    run.save_model(small_model(), {name: value for name, value in card.items() if name != "resize"})
    assert Run.open(folder).view_knobs().resize == 0


@pytest.mark.parametrize("name", ["run.json", "model.json"])
def test_a_run_file_that_lost_its_content_is_named(folder, name):
    run = Run.create_or_resume(folder, CONFIG, FACTS)
    run.save_model(small_model(), {"input_size": 8, "eval_crop": 1.0, "legacy_resize": False})
    (folder / name).write_text("{}")
    with pytest.raises(DataError, match=f"{name} lacks "):
        Run.open(folder)

import io
import json
import re
import subprocess
import sys
from dataclasses import asdict
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from fgtl.commands.app import main
from fgtl.errors import DataError
from fgtl.files import read_json, write_json
from fgtl.reports.headline import duration, percent
from fgtl.reports.hierarchy import Taxonomy
from fgtl.reports.metrics import Evaluation, evaluate_predictions
from fgtl.reports.predictions import Predictions, write_evaluation
from fgtl.reports.run_report import write_report
from fgtl.training.best import Best

VOID = {"meta", "img", "input", "br", "link"}


class Page(HTMLParser):
    """The tags, ids, references and text of a page; fails on tags that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def sections(self):
        return [attributes["id"] for attributes in self.all("section") if "id" in attributes]


def page(made, records=True) -> Page:
    return Page(write_report(made.run_dir, made.records if records else None).read_text(encoding="utf-8"))


def test_an_evaluated_run_has_every_section(evaluated):
    found = page(evaluated)
    assert found.sections == ["training", "confusion", "mistakes", "classes", "calibration", "data", "config"]
    assert [link["href"] for link in found.all("a")] == [f"#{name}" for name in found.sections]
    top1 = read_json(evaluated.run_dir / "eval" / "test.json")["top1"]
    assert percent(top1) in found.text and "mobilenet_v2" in found.text
    assert len(found.all("svg")) == 7 and len(found.all("img")) > 10


def test_a_run_that_only_trained_says_which_command_adds_the_rest(trained):
    found = page(trained)
    assert found.sections == ["training", "data", "config"]
    assert f"fgtl evaluate --run_dir={trained.run_dir}" in found.text
    assert "Best validation top-1 accuracy" in found.text


@pytest.mark.parametrize(
    ("metric", "value", "shown"),
    [
        ("validation/loss", 1.387, "Best validation loss1.3870"),
        ("validation/mean_class", 0.8125, "Best validation mean class accuracy81.2\u00a0%"),
    ],
)
def test_the_best_figure_is_shown_as_what_it_is(trained, metric, value, shown):
    write_json(trained.run_dir / "best.json", asdict(Best(20, 1, metric, value)))
    assert shown in "".join(page(trained).text.split("\n"))


def test_reproduction_names_the_split_that_was_evaluated(evaluated):
    at = f"fgtl evaluate --run_dir={evaluated.run_dir} --split="
    assert at + "test\n" in page(evaluated).text
    path = evaluated.run_dir / "eval" / "test.json"
    write_json(path.with_name("train.json"), read_json(path) | {"split": "train[:10%]"})
    path.unlink()
    found = page(evaluated).text
    assert f"fgtl evaluate --run_dir={evaluated.run_dir} '--split=train[:10%]'\n" in found
    assert at + "test" not in found


def test_a_run_without_test_images_is_told_a_split_that_it_has(trained):
    card = read_json(trained.run_dir / "run.json")
    card["dataset"]["counts"] = {"train": 30, "validation": 20, "test": 0}
    write_json(trained.run_dir / "run.json", card)
    assert "--split=validation" in page(trained).text


def test_the_time_of_a_refit_counts(trained):
    before = page(trained).text
    assert "120 steps" in before and "of the refit" not in before
    (trained.run_dir / "refit").mkdir()
    line = {"step": 10, "epoch": 1.0, "phase": "all", "images_per_second": 0.064}
    (trained.run_dir / "refit" / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    after = page(trained).text
    assert "2 h" in after and "120 steps, 10 of the refit" in after


def test_a_run_that_has_just_begun_has_a_report(trained):
    for name in ("metrics.jsonl", "best.json"):
        (trained.run_dir / name).unlink()
    assert page(trained, records=False).sections == ["data", "config"]


def test_the_page_loads_nothing_and_runs_nothing(evaluated):
    found = page(evaluated)
    assert not found.all("script") and not found.all("link") and not found.all("iframe")
    for _, attributes in found.tags:
        for name in ("src", "href", "xlink:href"):
            assert attributes.get(name, "#").startswith(("#", "data:image/")), attributes
        assert not any(name.startswith("on") for name in attributes)
    html = (evaluated.run_dir / "report.html").read_text(encoding="utf-8")
    assert "url(http" not in html and "@import" not in html


def test_class_names_are_text_and_never_markup(evaluated):
    found = page(evaluated)
    for name in ("Gull <script>alert(1)</script>", "Müller's & Sons", "Тундра \u9ce5", "Price $5$ to $6$"):
        assert name in found.text


def test_every_picture_says_what_it_shows_and_no_id_occurs_twice(evaluated):
    found = page(evaluated)
    assert all(image["alt"] for image in found.all("img"))
    assert all(drawing["aria-label"] and drawing["role"] == "img" for drawing in found.all("svg"))
    # Shapes that matplotlib repeats in several figures have equal ids and equal content.
    ids = [a["id"] for tag, a in found.tags if "id" in a and tag in ("section", "input", "article", "div", "g")]
    assert len(ids) == len(set(ids))


def test_without_a_record_set_mistakes_are_named_and_the_way_to_pictures_is_told(evaluated):
    found = page(evaluated, records=False)
    assert not found.all("img")
    assert "test/" in found.text and "--records=FOLDER" in found.text


def test_without_the_predictions_of_each_image_there_are_figures_but_no_examples(evaluated):
    (evaluated.run_dir / "eval" / "test.npz").unlink()
    found = page(evaluated)
    assert "mistakes" not in found.sections and "confusion" in found.sections and "eval/test.npz" in found.text


def test_a_record_set_of_another_version_is_pointed_out(evaluated):
    assert "not the version" not in page(evaluated).text
    card = read_json(evaluated.run_dir / "run.json")
    card["dataset"]["manifest_sha256"] = "0" * 64
    write_json(evaluated.run_dir / "run.json", card)
    assert "not the version" in page(evaluated).text


def test_the_test_split_is_the_headline_and_others_follow(evaluated):
    folder = evaluated.run_dir / "eval"
    for name in ("validation", "train[:10%]"):
        write_json(folder / f"{name}.json", read_json(folder / "test.json") | {"split": name})
    found = page(evaluated)
    assert "split test, each once" in found.text
    assert "validation" in found.text and "train[:10%]" in found.text


def test_mistakes_that_are_not_among_the_most_confident_are_shown_as_furthest_off(evaluated):
    assert "Furthest off" not in page(evaluated).text
    test = evaluated.records.select("test")
    labels, wrong = test.labels, (test.labels + 1) % 5
    probabilities = np.where(np.arange(5) == wrong[:, None], 0.6, 0.1).astype(np.float32)
    result = evaluate_predictions(probabilities, labels, evaluated.records.class_names)
    write_evaluation(evaluated.run_dir / "eval", "test", result, Predictions(test.ids, labels, probabilities))
    assert "Furthest off" in page(evaluated).text


def detailed(evaluated) -> None:
    path = evaluated.run_dir / "eval" / "test.json"
    written = read_json(path)
    paths = [("bird", name) for name in "abc"] + [("fish", name) for name in "de"]
    result = Evaluation.from_dict(written).detailed((500, 100, 99, 3, 0), 100, Taxonomy(paths))
    write_json(path, written | result.as_dict())


def test_head_tail_and_taxonomy_are_shown_where_they_are_known(evaluated):
    before = page(evaluated)
    assert "Head and tail" not in before.text and "Right at which level" not in before.text
    detailed(evaluated)
    found = page(evaluated)
    assert len(found.all("svg")) == len(before.all("svg")) + 2
    parts = read_json(evaluated.run_dir / "eval" / "test.json")["head_tail"]
    for name in ("head", "tail"):
        assert f"{percent(parts[name]['accuracy'])} of {parts[name]['images']} images" in found.text
    assert "1 class has no training image" in found.text
    assert "lowest common ancestor" in found.text


def test_classes_that_are_absent_are_counted_beside_the_mean_over_classes(evaluated):
    path = evaluated.run_dir / "eval" / "test.json"
    test = evaluated.records.select("test[:12]")
    result = evaluate_predictions(np.eye(5)[test.labels], test.labels, evaluated.records.class_names)
    path.unlink()
    write_json(path, {"split": "test"} | result.as_dict())
    assert result.classes_absent == 2
    found = page(evaluated).text
    assert "2 are absent" in found and "2 of 5 classes have no images in this split" in found


def test_watched_checkpoints_are_a_curve(evaluated):
    before = len(page(evaluated).all("svg"))
    line = {"step": 4, "epoch": 1.0, "top1": 0.5, "loss": 1.0}
    (evaluated.run_dir / "eval" / "validation-steps.jsonl").write_text(json.dumps(line) + "\n")
    found = page(evaluated)
    assert "fgtl evaluate --watch" in found.text and len(found.all("svg")) == before + 1


def test_several_views_are_another_evaluation_of_the_split(evaluated):
    folder = evaluated.run_dir / "eval"
    write_json(folder / "test-ten.json", read_json(folder / "test.json") | {"views": "ten"})
    found = page(evaluated).text
    assert "split test, each once" in found and "test, ten views" in found
    assert f"fgtl evaluate --run_dir={evaluated.run_dir} --split=test --views=ten\n" in found


def test_crops_of_the_run_are_shown(evaluated):
    out = io.BytesIO()
    Image.new("RGB", (300, 100), "teal").save(out, "PNG")
    (evaluated.run_dir / "crops.png").write_bytes(out.getvalue())
    assert any(image.get("class") == "sheet" for image in page(evaluated).all("img"))


def test_where_the_model_looks_is_shown_of_the_evaluation_else_of_the_training(evaluated):
    assert "heat" not in page(evaluated).sections
    for path, images in (
        (evaluated.run_dir / "heat.png", "validation"),
        (evaluated.run_dir / "eval" / "test.heat.png", "test"),
    ):
        Image.new("RGB", (300, 100), "teal").save(path)
        found = page(evaluated)
        assert found.sections[:3] == ["training", "heat", "confusion"]
        assert [link["href"] for link in found.all("a")] == [f"#{name}" for name in found.sections]
        shown = [image["alt"] for image in found.all("img") if image.get("class") == "sheet"]
        assert shown == [f"A sheet of images of {images} with their kept points and class maps"]
        assert f"fgtl heat --run_dir={evaluated.run_dir}" in found.text


def test_the_command_line_repeats_every_knob(evaluated):
    text = page(evaluated).text
    for part in ("--flip", "--nojit", "--devices=cpu:0,cpu:1", "--batch_size=64", "--backbone=mobilenet_v2"):
        assert part in text
    assert "--limit" not in text


def test_a_class_name_that_is_not_utf_8_does_not_prevent_the_report(evaluated):
    path = evaluated.run_dir / "eval" / "test.json"
    values = read_json(path)
    values["per_class"][0]["name"] = "bird\udcff"
    path.write_text(json.dumps(values))
    page(evaluated)


def test_hundreds_of_classes_and_pictures_stay_below_three_megabytes(tmp_path, evaluated):
    classes = 200
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), 5)
    probabilities = rng.dirichlet(np.ones(classes), len(labels)).astype(np.float32)
    result = evaluate_predictions(probabilities, labels, [f"a rather long class name, {k}" for k in range(classes)])
    write_json(evaluated.run_dir / "eval" / "test.json", result.as_dict())
    (evaluated.run_dir / "eval" / "test.npz").unlink()
    path = write_report(evaluated.run_dir, None)
    assert path.stat().st_size < 1_000_000
    assert len(re.findall("<tr>", path.read_text(encoding="utf-8"))) > classes


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(DataError, match="not a run"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_a_damaged_evaluation_is_named(evaluated):
    (evaluated.run_dir / "eval" / "test.json").write_text('{"top1": 1}')
    with pytest.raises(DataError, match=r"test\.json is not an evaluation"):
        write_report(evaluated.run_dir)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(9.4, "9 s"), (65, "1 min 5 s"), (599.6, "10 min"), (3600, "1 h 00 min"), (5025, "1 h 23 min")],
)
def test_durations_read_naturally(seconds, text):
    assert duration(seconds) == text


def test_the_verb_writes_the_report_with_pictures_of_the_run_s_own_record_set(evaluated, capsys):
    assert main(["report", f"--run_dir={evaluated.run_dir}"]) == 0
    assert capsys.readouterr().out == f"report: {evaluated.run_dir / 'report.html'}\n"
    assert Page((evaluated.run_dir / "report.html").read_text(encoding="utf-8")).all("img")


def test_the_verb_says_when_the_record_set_has_moved_and_takes_another(evaluated, capsys):
    moved = evaluated.records.folder.rename(evaluated.records.folder.with_name("moved"))
    assert main(["report", f"--run_dir={evaluated.run_dir}"]) == 0
    assert "--records" in capsys.readouterr().err
    assert main(["report", f"--run_dir={evaluated.run_dir}", f"--records={moved}"]) == 0
    assert Page((evaluated.run_dir / "report.html").read_text(encoding="utf-8")).all("img")


@pytest.mark.parametrize("harm", ["relative", "no records any more"])
def test_a_record_set_that_is_not_where_it_was_costs_the_pictures_and_not_the_report(
    evaluated, capsys, harm, tmp_path, monkeypatch
):
    card = read_json(evaluated.run_dir / "run.json")
    if harm == "relative":
        card["config"]["records"] = "records/tiny"
        write_json(evaluated.run_dir / "run.json", card)
        monkeypatch.chdir(tmp_path)
    else:
        (evaluated.records.folder / "manifest.json").unlink()
    assert main(["report", f"--run_dir={evaluated.run_dir}"]) == 0
    told = capsys.readouterr().err
    assert card["config"]["records"] in told and "--records" in told
    assert (evaluated.run_dir / "report.html").is_file()


def test_a_record_set_that_was_named_and_is_none_is_an_error_that_names_the_flag(evaluated, tmp_path, capsys):
    assert main(["report", f"--run_dir={evaluated.run_dir}", f"--records={tmp_path / 'nowhere'}"]) == 3
    told = capsys.readouterr().err
    assert "nowhere" in told and "--records" in told


@pytest.mark.parametrize(
    ("arguments", "code"), [([], 2), (["--run_dir=nowhere"], 3), (["--run_dir=x", "--records=y"], 3)]
)
def test_the_verb_s_mistakes_have_exit_codes(arguments, code, capsys):
    assert main(["report", *arguments]) == code
    assert "Expected" in capsys.readouterr().err


def test_a_report_needs_no_tensorflow(evaluated):
    program = (
        "import sys\nfrom fgtl.commands.app import main\ncode = main(sys.argv[1:])\n"
        "sys.exit(code or any(m.split('.')[0] in ('tensorflow', 'keras') for m in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", program, "report", f"--run_dir={evaluated.run_dir}"], check=True)

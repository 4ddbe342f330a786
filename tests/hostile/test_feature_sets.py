"""Feature sets that are damaged, unfinished, made by others or do not fit: every command says so, and writes nothing."""

import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fgtl.commands.app import main
from fgtl.data.records import RecordSet
from fgtl.features.extractor import Extractor
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.features.writing import write_feature_set

NET = Extractor("mobilenet_v2", "ab" * 32, input_size=224)
ROWS = 60
Damage = Callable[[Path], object]


def make(folder: Path, classes: int = 4, dim: int = 6, net: Extractor = NET, **more: Any) -> Path:
    """44 training and 16 test images of some classes, and others, of five, without images."""
    rng = np.random.default_rng(len(folder.name))
    labels = np.arange(ROWS, dtype=np.int32) % classes
    rows = rng.normal(size=(5, dim))[labels] + 0.3 * rng.normal(size=(ROWS, dim))
    found = Features(rows.astype(np.float32), labels, np.array([f"{row}.jpg" for row in range(ROWS)]), tuple("abcde"))
    more = {"probabilities": np.full((ROWS, 2), 0.5, np.float32), "source_classes": ("x", "y")} | more
    write_feature_set(folder, found, np.repeat([0, 2], [44, 16]).astype(np.uint8), net, dataset=folder.name, **more)
    return folder


def with_meta(change: Callable[[dict[str, Any]], object]) -> Damage:
    def damage(folder: Path) -> None:
        values = json.loads((folder / "meta.json").read_text())
        change(values)
        (folder / "meta.json").write_text(json.dumps(values))

    return damage


def stored(name: str, change: Callable[[np.ndarray], np.ndarray], honest: bool = True) -> Damage:
    """Another array in its place; honest: with its size and digest in meta.json, as another program may write it."""

    def damage(folder: Path) -> None:
        path = folder / f"{name}.npy"
        np.save(path, change(np.load(path)), allow_pickle=True)
        if honest:
            described(name)(folder)

    return damage


def described(name: str) -> Damage:
    def damage(folder: Path) -> None:
        data = (folder / f"{name}.npy").read_bytes()
        file = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        with_meta(lambda values: values["files"].update({name: file}))(folder)

    return damage


def put(place: Any, value: Any) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        array[place] = value
        return array

    return change


def cut(name: str) -> Damage:
    return lambda folder: os.truncate(folder / f"{name}.npy", (folder / f"{name}.npy").stat().st_size - 100)


def pickled(folder: Path) -> None:
    (folder / "features.npy").write_bytes(pickle.dumps([1] * 1000))
    described("features")(folder)


def unfinished(folder: Path) -> None:
    (folder / "meta.json").rename(folder / "progress.json")


def text(content: str | bytes) -> Damage:
    data = content if isinstance(content, bytes) else content.encode()
    return lambda folder: (folder / "meta.json").write_bytes(data)


# What is wrong, and what the message says besides the folder.
DAMAGED: dict[str, tuple[Damage, str]] = {
    "NaN": (stored("features", put((3, 1), np.nan)), "3.jpg (row 3) are not finite"),
    "infinity": (stored("features", put((59, 0), np.inf)), "59.jpg (row 59) are not finite"),
    "NaN, wrong hash": (stored("features", put((3, 1), np.nan), honest=False), "features.npy was changed"),
    "features wrong hash": (stored("features", lambda a: a[::-1], honest=False), "features.npy was changed"),
    "labels wrong hash": (stored("labels", lambda a: a[::-1], honest=False), "labels.npy was changed"),
    "probabilities wrong hash": (stored("probabilities", lambda a: a * 2, honest=False), "bilities.npy was changed"),
    "features cut": (cut("features"), "features.npy has"),
    "labels cut": (cut("labels"), "labels.npy has"),
    "features gone": (lambda folder: (folder / "features.npy").unlink(), "features.npy is missing"),
    "features pickled": (pickled, "cannot be read"),
    "features objects": (stored("features", lambda a: a.astype(object)), "Python objects"),
    "ids objects": (stored("ids", lambda a: a.astype(object)), "Object arrays"),
    "float64": (stored("features", lambda a: a.astype("f8")), "holds float64 (60, 6)"),
    "float16": (stored("features", lambda a: a.astype("f2")), "holds float16 (60, 6)"),
    "one long row": (stored("features", np.ravel), "holds float32 (360,)"),
    "fewer features": (stored("features", lambda a: a[:30]), "features.npy has shape (30, 6)"),
    "narrower features": (stored("features", lambda a: a[:, :4].copy()), "features.npy has shape (60, 4)"),
    "fewer labels": (stored("labels", lambda a: a[:40]), "labels.npy has shape (40,)"),
    "fewer ids": (stored("ids", lambda a: a[:40]), "ids.npy has shape (40,)"),
    "fewer splits": (stored("splits", lambda a: a[:40]), "splits.npy has shape (40,)"),
    "fewer probabilities": (stored("probabilities", lambda a: a[:40]), "probabilities.npy has shape (40, 2)"),
    "wider probabilities": (stored("probabilities", lambda a: np.tile(a, 2)), "probabilities.npy has shape (60, 4)"),
    "label too large": (stored("labels", put(2, 77)), "Row 2 (2.jpg) has the label 77"),
    "label negative": (stored("labels", put(2, -1)), "Row 2 (2.jpg) has the label -1"),
    "labels that are floats": (stored("labels", lambda a: a.astype("f4")), "holds float32 (60,)"),
    "ids twice": (stored("ids", put(2, "3.jpg")), "The id 3.jpg comes 2 times"),
    "ids that are bytes": (stored("ids", lambda a: a.astype("S")), "ids.npy holds |S"),
    "unknown split": (stored("splits", put(2, 7)), "Row 2 (2.jpg) has the split 7"),
    "class names lost": (with_meta(lambda v: v.update(class_names=["a"])), "has the label 1"),
    "meta gone": (lambda folder: (folder / "meta.json").unlink(), "not a finished feature set"),
    "being written": (unfinished, "not a finished feature set"),
    "meta half": (text('{"schema": 1,'), "line 1 is not JSON"),
    "meta empty": (text(""), "is not JSON"),
    "meta in bytes": (text(b"\xff\xfe\x00"), "is not JSON"),
    "meta a list": (text("[1]"), "has schema list"),
    "future schema": (with_meta(lambda v: v.update(schema=2)), "a newer fgtl"),
    "other rows": (with_meta(lambda v: v.update(rows=10)), "has shape (60,)"),
    "other dim": (with_meta(lambda v: v.update(dim=10)), "has shape (60, 6)"),
    "file without size": (with_meta(lambda v: v["files"]["labels"].pop("bytes")), "is damaged"),
    "file lost": (with_meta(lambda v: v["files"].pop("labels")), "is damaged"),
    "extractor of the future": (with_meta(lambda v: v["extractor"].update(eyes=2)), "is damaged"),
    "size in words": (with_meta(lambda v: v["extractor"].update(input_size="big")), "input_size is 'big'"),
    "name a number": (with_meta(lambda v: v.update(dataset=3)), "dataset is 3"),
    "question a list": (with_meta(lambda v: v.update(question=[1])), "question is [1]"),
    "names a word": (with_meta(lambda v: v.update(class_names="abcde")), "class_names are no texts"),
}


def commands(found: Path, other: Path, out: Path) -> dict[str, list[str]]:
    pair = [f"--sources={found}", f"--targets={other}"]
    return {
        "similarity": ["similarity", *pair, "--bootstrap=0", f"--output={out / 's.json'}"],
        "select": ["select", *pair, "--k=2", f"--output={out / 'c.txt'}"],
        "rank": ["rank", str(found), "--scores=logme,leep", f"--output={out / 'r.json'}"],
        "rank sources": ["rank", str(other), f"--sources={found}", f"--output={out / 'r.json'}"],
        "neighbours": ["neighbours", str(found), f"--output={out / 'n.html'}"],
        "probe": ["probe", str(found), "--classifiers=knn", f"--output={out / 'p.json'}"],
        "audit": ["audit", str(found), "--labels=false", f"--output={out / 'a.html'}"],
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("whole") / "birds")


@pytest.mark.parametrize("verb", ["similarity", "select", "rank", "rank sources", "neighbours", "probe", "audit"])
def test_a_whole_set_is_answered_by_every_command(whole: Path, tmp_path: Path, verb: str) -> None:
    assert main(commands(whole, whole, tmp_path)[verb]) == 0
    assert list(tmp_path.iterdir())


@pytest.mark.parametrize("name", DAMAGED)
def test_every_command_names_the_damage_and_writes_nothing(
    whole: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, message = DAMAGED[name]
    found = Path(shutil.copytree(whole, tmp_path / "found"))
    damage(found)
    (tmp_path / "out").mkdir()
    for verb, words in commands(found, whole, tmp_path / "out").items():
        assert main(words) == 3, verb
        told = capsys.readouterr().err
        assert str(found) in told and message in told, verb
    assert not list((tmp_path / "out").iterdir())


def test_a_probability_that_is_none_is_named_where_it_is_looked_at(whole: Path, tmp_path: Path, capsys: Any) -> None:
    for number, value in enumerate((np.nan, 2.0)):
        found = Path(shutil.copytree(whole, tmp_path / str(number)))
        stored("probabilities", put((2, 1), value))(found)
        assert main(["rank", str(found), "--scores=leep", "--by=leep"]) == 3
        assert "Row 2 of the probabilities" in capsys.readouterr().err


def test_sets_that_do_not_go_together_are_told_apart(whole: Path, tmp_path: Path, capsys: Any) -> None:
    narrow = make(tmp_path / "narrow", dim=5)
    strange = make(tmp_path / "strange", net=Extractor("inception_v3", "cd" * 32, input_size=299))
    relabelled = make(tmp_path / "relabelled", classes=3)
    for words, message in (
        (["similarity", f"--sources={narrow}", f"--targets={whole}"], "5 and 6 numbers an image"),
        (["select", f"--sources={narrow}", f"--targets={whole}", f"--output={tmp_path}/c.txt"], "5 and 6 numbers"),
        (["rank", str(whole), f"--sources={narrow}"], "6 and 5 numbers an image"),
        (["similarity", f"--sources={strange}", f"--targets={whole}"], "weights_sha256 cdcdcdcdcdcd"),
        (["select", f"--sources={strange}", f"--targets={whole}", f"--output={tmp_path}/c.txt"], "inception_v3 and"),
        (["rank", str(whole), f"--sources={strange}"], "different extractors"),
        (["rank", str(whole), str(relabelled)], "have other labels"),
    ):
        assert main(words) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "c.txt").exists()


def test_one_class_is_enough_for_distances_and_too_few_for_classifiers(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = make(tmp_path / "one", classes=1)
    codes = {verb: main(words) for verb, words in commands(one, whole, tmp_path).items()}
    # A set of one class has no two to select, and no two to tell apart.
    assert codes == {
        "similarity": 0,
        "select": 2,
        "rank": 3,
        "rank sources": 0,
        "neighbours": 0,
        "probe": 3,
        "audit": 0,
    }
    told = capsys.readouterr().err
    assert "there are 1 source classes" in told and "are of 1 class" in told and "training images are c0" not in told


def test_a_damaged_set_stands_in_the_way_of_nobody_in_its_folder(whole: Path, tmp_path: Path, capsys: Any) -> None:
    shutil.copytree(whole, tmp_path / "sets" / "whole")
    broken = Path(shutil.copytree(whole, tmp_path / "sets" / "broken"))
    for damage, message in ((text("{"), "is not JSON"), (text('{"schema": 2}'), "a newer fgtl")):
        damage(broken)
        assert main(["neighbours", str(tmp_path / "sets")]) == 0
        told = capsys.readouterr().err
        assert "Left out: " in told and message in told
    shutil.rmtree(tmp_path / "sets" / "whole")
    assert main(["neighbours", str(tmp_path / "sets")]) == 3
    assert "a newer fgtl" in capsys.readouterr().err


def test_features_of_a_record_set_that_was_converted_anew_are_not_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(8):
        path = tmp_path / "photos" / "train" / f"class {number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((8, 8), 9 * number).save(path)
    home = tmp_path / "records"
    convert = ["convert", f"--data_dir={tmp_path / 'photos'}", f"--output_dir={home}", "--num_shards=1", "--workers=1"]
    assert main(convert) == 0
    images = RecordSet.open(home).select("train")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32))
    (tmp_path / "ids.txt").write_text("\n".join(images.ids))
    words = [f"--import_features={tmp_path / 'x.npy'}", f"--import_ids={tmp_path / 'ids.txt'}", "--import_name=vit"]
    assert main(["extract", f"--records={home}", *words]) == 0
    assert main(["neighbours", str(home)]) == 0
    folder = next((home / "features").glob("*/meta.json")).parent
    assert main([*convert, "--seed=1", "--overwrite"]) == 0
    capsys.readouterr()
    if folder.is_dir():
        assert main(["neighbours", str(folder), "--precision=false", f"--output={tmp_path / 'n.html'}"]) == 3
        assert "made of another record set" in capsys.readouterr().err
    assert main(["neighbours", str(home)]) == 2
    assert "has no features yet" in capsys.readouterr().err
    assert not (tmp_path / "n.html").exists()


FEATURES, LABELS = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32), np.arange(20) % 3
# Features, labels, lines of ids, and what is said.
IMPORTED: dict[str, tuple[Any, Any, str, str]] = {
    "NaN": (np.where(np.eye(20, 4), np.nan, FEATURES), LABELS, "", "train 0 (row 0) are not finite"),
    "too large for float32": (FEATURES.astype("f8") * 1e60, LABELS, "", "not finite"),
    "integers": (np.ones((20, 4), int), LABELS, "", "x.npy holds int64"),
    "objects": (FEATURES.astype(object), LABELS, "", "Python objects"),
    "pickled": (pickle.dumps([1, 2]), LABELS, "", "no .npy file"),
    "cut": (b"\x93NUMPY\x01\x00", LABELS, "", "x.npy: "),
    "nothing": (b"", LABELS, "", "x.npy: "),
    "no rows": (FEATURES[:0], LABELS[:0], "", "shape (0, 4)"),
    "fewer labels": (FEATURES, LABELS[:10], "", "y.npy holds int64 of shape (10,)"),
    "labels of floats": (FEATURES, LABELS * 1.0, "", "y.npy holds float64"),
    "negative labels": (FEATURES, LABELS - 1, "", "row 0: the label -1"),
    "huge labels": (FEATURES, LABELS + 2**40, "", "the label 1099511627776"),
    "ids twice": (FEATURES, LABELS, "a\n" * 20, "The id a comes 20 times"),
    "fewer ids": (FEATURES, LABELS, "a\nb\n", "holds 2 ids"),
    "an empty id": (FEATURES, LABELS, "a\n\n" + "\n".join(map(str, range(18))), "ids.txt line 2 is empty"),
}


def import_words(folder: Path, features: Any = FEATURES, labels: Any = LABELS, ids: str = "") -> list[str]:
    if isinstance(features, bytes):
        (folder / "x.npy").write_bytes(features)
    else:
        np.save(folder / "x.npy", features, allow_pickle=True)
    np.save(folder / "y.npy", labels)
    (folder / "ids.txt").write_text(ids, encoding="utf-8")
    words = ["extract", f"--import_features={folder / 'x.npy'}", f"--import_labels={folder / 'y.npy'}"]
    return [*words, "--import_name=vit", *([f"--import_ids={folder / 'ids.txt'}"] if ids else [])]


@pytest.mark.parametrize("name", IMPORTED)
def test_what_cannot_be_imported_is_said_and_leaves_nothing(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    features, labels, ids, message = IMPORTED[name]
    words = import_words(tmp_path, features, labels, ids)
    before = sorted(tmp_path.iterdir())
    assert main([*words, f"--output_dir={tmp_path / 'found'}"]) == 3
    assert message in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_the_mark_at_the_beginning_of_a_text_is_no_part_of_an_id(tmp_path: Path) -> None:
    words = import_words(tmp_path, ids="\ufeff" + "\n".join(map(str, range(20))) + "\n\n")
    assert main([*words, f"--output_dir={tmp_path / 'found'}"]) == 0
    assert FeatureSet.open(tmp_path / "found").ids.tolist() == list(map(str, range(20)))


def test_rows_in_the_order_of_columns_and_bytes_in_another_order_are_read_as_they_are(tmp_path: Path) -> None:
    for number, features in enumerate((np.asfortranarray(FEATURES), FEATURES.astype(">f4"), FEATURES.astype("f8"))):
        assert main([*import_words(tmp_path, features), f"--output_dir={tmp_path / str(number)}"]) == 0
        found = FeatureSet.open(tmp_path / str(number)).features
        np.testing.assert_array_equal(found, FEATURES)
        assert found.dtype == np.dtype("<f4")


def on_mount(options: str, mount: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    """Run fgtl where a temporary file system lies at `mount`, and list it at the end."""
    mount.mkdir()
    script = 'mount -t tmpfs -o "$1" tmpfs "$2"; cd "$2"; shift 2; "$@"; code=$?; echo LEFT $(ls -A) >&2; exit $code'
    if subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", options, str(mount), "true"]).returncode:
        pytest.skip("mounting a file system needs rights that this process does not have")
    command = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        script,
        "sh",
        options,
        str(mount),
        sys.executable,
        "-m",
        "fgtl",
        *words,
    ]
    path = {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ | path)


@pytest.mark.parametrize(("options", "message"), [("size=64k", "disk is full"), ("ro", "No permission to write")])
def test_a_disk_that_takes_nothing_keeps_nothing(tmp_path: Path, options: str, message: str) -> None:
    words = import_words(tmp_path, np.ones((20, 4000), np.float32))
    done = on_mount(options, tmp_path / "disk", [*words, f"--output_dir={tmp_path / 'disk' / 'found'}"])
    assert done.returncode == 3 and message in done.stderr and "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == "LEFT"


def test_an_answer_that_cannot_be_written_was_printed(whole: Path, tmp_path: Path) -> None:
    words = commands(whole, whole, tmp_path / "disk")["neighbours"]
    done = on_mount("size=4k", tmp_path / "disk", words)
    assert done.returncode == 3 and "disk is full" in done.stderr and "Traceback" not in done.stderr
    assert "birds" in done.stdout
    assert done.stderr.splitlines()[-1] == "LEFT"


def test_where_nothing_may_be_written_nothing_is_computed(whole: Path, tmp_path: Path) -> None:
    words = commands(whole, whole, tmp_path / "disk")["neighbours"]
    done = on_mount("ro", tmp_path / "disk", words)
    assert done.returncode == 3 and "no permission to write" in done.stderr and "Traceback" not in done.stderr
    assert not done.stdout

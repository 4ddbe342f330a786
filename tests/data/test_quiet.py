import os
import subprocess
import sys
from pathlib import Path

import pytest

NOISY = "import os\nos.write(2, b'libfoo.so is missing\\n')\n"
WITHOUT_GPU = "class config:\n    list_physical_devices = staticmethod(lambda kind: [])\n"
IMPORT = "from fgtl.data.quiet import import_tensorflow\nimport_tensorflow()\n"


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    unset = ("TF_CPP_MIN_LOG_LEVEL", "CUDA_VISIBLE_DEVICES")
    clean = {name: value for name, value in os.environ.items() if name not in unset}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**clean, **environment})


def stand_in(folder: Path, code: str) -> str:
    """A PYTHONPATH on which `import tensorflow` runs `code` (the real one takes seconds to import)."""
    (folder / "tensorflow.py").write_text(code)
    return str(folder)


def test_importing_and_using_tensorflow_writes_nothing_of_its_own() -> None:
    use = "import tensorflow as tf; tf.reduce_sum(tf.ones((4, 4)) @ tf.ones((4, 4))); list(tf.data.Dataset.range(2))\n"
    done = run(f"{IMPORT}{use}import os; os.write(2, b'seen')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "seen")


def test_a_log_level_that_the_user_chose_is_kept(tmp_path: Path) -> None:
    path = stand_in(tmp_path, NOISY + WITHOUT_GPU)
    show = f"{IMPORT}import os; print(os.environ['TF_CPP_MIN_LOG_LEVEL'])"
    assert run(show, PYTHONPATH=path, TF_CPP_MIN_LOG_LEVEL="0").stdout == "0\n"
    assert run(show, PYTHONPATH=path).stdout == "2\n"


def test_a_failing_import_shows_what_was_hidden_and_how_to_fix_it(tmp_path: Path) -> None:
    path = stand_in(tmp_path, NOISY + "raise ImportError('no libfoo')")
    catch = (
        "try:\n    import_tensorflow()\nexcept Exception as error:\n    import os; print(error); os.write(2, b'after')"
    )
    done = run(f"from fgtl.data.quiet import import_tensorflow\n{catch}", PYTHONPATH=path)
    assert done.stderr == "libfoo.so is missing\nafter"
    assert "TensorFlow cannot be imported: no libfoo." in done.stdout
    assert "pip install" in done.stdout


@pytest.mark.parametrize("devices", ["-1", ""])
def test_a_machine_without_gpus_is_nothing_to_report(tmp_path: Path, devices: str) -> None:
    path = stand_in(tmp_path, NOISY + WITHOUT_GPU)
    pretend = "import pathlib, sys, fgtl.data.quiet as quiet; quiet.DRIVER = pathlib.Path(sys.executable)\n"
    assert run(pretend + IMPORT, PYTHONPATH=path, CUDA_VISIBLE_DEVICES=devices).stderr == ""
    pretend = pretend.replace("sys.executable", "'/nowhere'")
    assert run(pretend + IMPORT, PYTHONPATH=path).stderr == ""


def test_a_gpu_that_tensorflow_cannot_use_is_reported_with_what_was_hidden(tmp_path: Path) -> None:
    path = stand_in(tmp_path, NOISY + WITHOUT_GPU)
    pretend = "import pathlib, sys, fgtl.data.quiet as quiet; quiet.DRIVER = pathlib.Path(sys.executable)\n"
    done = run(pretend + IMPORT, PYTHONPATH=path)
    assert "libfoo.so is missing" in done.stderr
    assert "TensorFlow sees no GPU" in done.stderr

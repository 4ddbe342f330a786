# Sourced by the other scripts: makes the virtual environment and installs fgtl into it, once.
#
#   install_fgtl EXTRAS     into the virtual environment, e.g. install_fgtl demo
#   use_fgtl                the environment that is active, where it has fgtl; else install as above
#                           Either way $PYTHON_WITH_FGTL is the interpreter to call.
#
# FGTL_VENV names another folder than .venv; PYTHON another interpreter than the first suitable one found.
# The installation is skipped while setup.py and pyproject.toml are unchanged.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
VENV="${FGTL_VENV:-.venv}"

find_python() {
    local name
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))'; then
            echo "$name"
            return
        fi
    done
    echo "fgtl needs Python 3.11 or newer; none was found. Install one, or set PYTHON=/path/to/python3." >&2
    exit 2
}

use_fgtl() {
    if [ -n "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ] && python -c 'import fgtl' 2>/dev/null; then
        PYTHON_WITH_FGTL=python
    else
        install_fgtl demo
    fi
}

install_fgtl() {
    local extras=$1 stamp="$VENV/fgtl-$1.stamp" wanted python
    PYTHON_WITH_FGTL="$VENV/bin/python"
    wanted=$(cat setup.py pyproject.toml | cksum)
    if [ -x "$VENV/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    if [ ! -x "$VENV/bin/python" ]; then
        python=$(find_python)
        echo "Making the virtual environment $VENV with $("$python" --version)"
        "$python" -m venv "$VENV"
    fi
    echo "Installing fgtl[$extras] into $VENV (about 2 GB, mostly TensorFlow; a few minutes the first time)"
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[$extras]"
    echo "$wanted" >"$stamp"
}

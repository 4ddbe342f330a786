# Sourced by the other scripts: makes the virtual environment and installs fgtl into it, once.
#
#   install_fgtl EXTRAS     into the virtual environment, e.g. install_fgtl demo
#   use_fgtl                the interpreter on the path where it has fgtl (an environment of your own); else install
#
# Either way $PYTHON_WITH_FGTL is the interpreter to call. The working folder stays the caller's, so relative paths
# among the flags mean what they say.
#
# FGTL_VENV names another folder than .venv; PYTHON another interpreter than the first suitable one found.
# The installation is skipped while setup.py and pyproject.toml are unchanged.

set -euo pipefail
FGTL_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV="${FGTL_VENV:-$FGTL_ROOT/.venv}"

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
    local name
    for name in python python3; do
        if [ ! -x "$VENV/bin/python" ] && "$name" -c 'import fgtl.datasets' 2>/dev/null; then
            PYTHON_WITH_FGTL=$name
            return
        fi
    done
    install_fgtl demo
}

install_fgtl() {
    local extras=$1 stamp="$VENV/fgtl-$1.stamp" wanted python
    PYTHON_WITH_FGTL="$VENV/bin/python"
    wanted=$(cat "$FGTL_ROOT/setup.py" "$FGTL_ROOT/pyproject.toml" | cksum)
    if [ -x "$VENV/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    if [ ! -x "$VENV/bin/python" ]; then
        python=$(find_python)
        echo "Making the virtual environment $VENV with $("$python" --version)"
        "$python" -m venv "$VENV"
    fi
    echo "Installing fgtl[$extras] into $VENV (about 2 GB, mostly TensorFlow; a few minutes the first time)"
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --editable "$FGTL_ROOT[$extras]"
    echo "$wanted" >"$stamp"
}

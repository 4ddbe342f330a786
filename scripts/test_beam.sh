#!/usr/bin/env bash
# The tests of `fgtl convert --runner`, in an environment of their own. Can be run again; arguments go to pytest.
#   ./scripts/test_beam.sh -k ctrl_c
#
# FGTL_BEAM_VENV names another folder than .venv-beam. Not in .venv, because Apache Beam would put an older protobuf
# there than TensorFlow takes. This one has no TensorFlow and no Keras at all: it proves that conversion does without.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
VENV="${FGTL_BEAM_VENV:-$FGTL_ROOT/.venv-beam}"
cd "$FGTL_ROOT"

wanted=$(cat setup.py pyproject.toml requirements/beam.txt | cksum)
if [ "$(cat "$VENV/fgtl-beam.stamp" 2>/dev/null)" != "$wanted" ]; then
    echo "Installing Apache Beam and fgtl without TensorFlow into $VENV (about 700 MB)"
    "$(find_python)" -m venv --clear "$VENV"
    pip=("$VENV/bin/python" -m pip install --quiet --disable-pip-version-check)
    "${pip[@]}" --requirement requirements/beam.txt 'pytest>=8.3'
    "${pip[@]}" --no-deps --editable .
    echo "$wanted" >"$VENV/fgtl-beam.stamp"
fi
exec "$VENV/bin/python" -m pytest tests/beam "$@"

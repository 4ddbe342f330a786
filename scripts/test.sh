#!/usr/bin/env bash
# Set up a development environment and run the test suite; arguments go to pytest. Can be run again.
#   ./scripts/test.sh              everything that is not slow
#   ./scripts/test.sh -m slow      the rest
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
install_fgtl dev
cd "$FGTL_ROOT"
if [ "$#" -eq 0 ]; then
    # Two processes at a time: most tests keep one core busy, and each process takes 2 GB.
    set -- -m "not slow" -n 2
fi
exec "$PYTHON_WITH_FGTL" -m pytest "$@"

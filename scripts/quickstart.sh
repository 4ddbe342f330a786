#!/usr/bin/env bash
# Set up a virtual environment and run the whole main job on the embedded data set. Can be run again.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
install_fgtl demo
exec "$PYTHON_WITH_FGTL" -m fgtl quickstart "$@"

#!/usr/bin/env bash
# Evaluate a run: every flag is passed on to `fgtl evaluate`.
#   CUDA_VISIBLE_DEVICES=0 ./scripts/eval.sh --run_dir runs/cub_200/inception_v3-linear
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
use_fgtl
exec "$PYTHON_WITH_FGTL" -m fgtl evaluate "$@"

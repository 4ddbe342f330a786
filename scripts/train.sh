#!/usr/bin/env bash
# Fine-tune: every flag is passed on to `fgtl train`.
#   CUDA_VISIBLE_DEVICES=0 ./scripts/train.sh --dataset cub_200 --backbone inception_v3 --weights imagenet
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
use_fgtl
exec "$PYTHON_WITH_FGTL" -m fgtl train "$@"

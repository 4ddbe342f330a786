#!/usr/bin/env bash
# Fine-tune with `--recipe auto`, three seeds, evaluate each on the test images, and print one table.
#   ./scripts/experiment_auto.sh RECORDS WEIGHTS OUTPUT [flags of fgtl train]
#   ./scripts/experiment_auto.sh records/cub_200 imagenet runs/auto --backbone mobilenet_v2 --image_size 160
# SEEDS="0 1 2" names other seeds. Can be run again: finished runs are kept, a killed one goes on.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
if [ "$#" -lt 3 ]; then
    sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
use_fgtl
records=$1 weights=$2 output=$3
shift 3

runs=()
for seed in ${SEEDS:-0 1 2}; do
    run="$output/seed_$seed"
    "$PYTHON_WITH_FGTL" -m fgtl train --recipe auto "--records=$records" "--weights=$weights" "--seed=$seed" \
        "--run_dir=$run" "$@"
    "$PYTHON_WITH_FGTL" -m fgtl evaluate "--run_dir=$run" --split=test
    runs+=("$run")
done
"$PYTHON_WITH_FGTL" -m fgtl compare "${runs[@]}" "--output=$output/compare.html"

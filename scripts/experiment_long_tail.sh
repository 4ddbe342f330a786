#!/usr/bin/env bash
# What a balanced second stage does to the tail: a set thinned out to an exponential long tail (the same images for all
# runs of a seed), trained with every image alike; then from there (1) a few epochs of everything with balanced classes,
# at a low rate (Cui et al. 2018), and (2) the head alone with balanced classes. Each evaluated on all test images.
#   ./scripts/experiment_long_tail.sh RECORDS WEIGHTS OUTPUT [flags of fgtl train for all stages]
#   ./scripts/experiment_long_tail.sh records/cub_200 imagenet runs/tail --backbone mobilenet_v2 --image_size 160
# IMBALANCE=20 is the largest class over the smallest, HEAD=10 the training images from which on a class is no tail,
# SEEDS="0 1 2" the seeds. Can be run again: finished runs are kept, a killed one goes on.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
if [ "$#" -lt 3 ]; then
    sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
use_fgtl
records=$1 weights=$2 output=$3
shift 3

runs=()
train_and_evaluate() {
    local run=$1
    shift
    "$PYTHON_WITH_FGTL" -m fgtl train "--run_dir=$run" "--records=$records" "--long_tail=${IMBALANCE:-20}" "$@"
    "$PYTHON_WITH_FGTL" -m fgtl evaluate "--run_dir=$run" --split=test "--head_images=${HEAD:-10}"
    runs+=("$run")
}

for seed in ${SEEDS:-0 1 2}; do
    first="$output/instance_$seed"
    train_and_evaluate "$first" --recipe=auto "--weights=$weights" "--seed=$seed" "$@"
    for stage in balanced_stage balanced_head; do
        train_and_evaluate "$output/${stage}_$seed" "--recipe=$stage" "--init_run=$first" "--seed=$seed" "$@"
    done
done
"$PYTHON_WITH_FGTL" -m fgtl compare "${runs[@]}" "--output=$output/compare.html"

#!/usr/bin/env bash
# Does the plug-in do better than a linear classifier, and does it look at the right parts? Both trained on the same
# images for the same epochs, three seeds, each evaluated on the test images; then what the kept points hit, over the
# seeds. Each has its own recipe: the linear head label smoothing of 0.1, the plug-in a rate of five times the backbone's.
#   ./scripts/experiment_plugin.sh RECORDS WEIGHTS OUTPUT [flags of fgtl train for all runs]
#   ./scripts/experiment_plugin.sh records/cub_200 imagenet runs/plugin --backbone mobilenet_v2 --image_size 160
# PLUGIN and LINEAR name other recipes than plugin_mobilenet_v2_160 and finetune, SEEDS="0 1 2" other seeds. Can be run
# again: finished runs are kept, a killed one goes on.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
if [ "$#" -lt 3 ]; then
    sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
use_fgtl
records=$1 weights=$2 output=$3
shift 3

runs=() hits=()
train_and_evaluate() {
    local run=$1
    shift
    "$PYTHON_WITH_FGTL" -m fgtl train "--run_dir=$run" "--records=$records" "--weights=$weights" "$@"
    "$PYTHON_WITH_FGTL" -m fgtl evaluate "--run_dir=$run" --split=test
    runs+=("$run")
}

for seed in ${SEEDS:-0 1 2}; do
    train_and_evaluate "$output/linear_$seed" "--recipe=${LINEAR:-finetune}" "--seed=$seed" "$@"
    plugin="$output/plugin_$seed"
    train_and_evaluate "$plugin" "--recipe=${PLUGIN:-plugin_mobilenet_v2_160}" "--seed=$seed" "$@"
    "$PYTHON_WITH_FGTL" -m fgtl regions "--run_dir=$plugin" --split=test
    for kind in html json; do
        "$PYTHON_WITH_FGTL" -m fgtl hits "--regions=$plugin/regions.npz" "--records=$records" "--output=$plugin/hits.$kind"
    done
    hits+=("$plugin/hits.json")
done
"$PYTHON_WITH_FGTL" -m fgtl compare "${runs[@]}" "--output=$output/compare.html"
if [ "${#hits[@]}" -gt 1 ]; then
    PYTHONPATH="$FGTL_ROOT${PYTHONPATH:+:$PYTHONPATH}" "$PYTHON_WITH_FGTL" -m scripts.mean_hits "${hits[@]}"
fi

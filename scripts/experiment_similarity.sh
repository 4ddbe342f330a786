#!/usr/bin/env bash
# Does domain similarity predict transfer? Small nets from scratch on sets of classes, transferred to classes that none has
# seen, against the earth mover's distance in one extractor. The design is in scripts/experiment_similarity/__main__.py.
#   ./scripts/experiment_similarity.sh --records=birds=records/cub_50,flowers=records/flowers_12 --draw [flags]
# --help says the design and lists the flags. Can be run again: finished nets are kept.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
use_fgtl
PYTHONPATH="$FGTL_ROOT${PYTHONPATH:+:$PYTHONPATH}" exec "$PYTHON_WITH_FGTL" -m scripts.experiment_similarity "$@"

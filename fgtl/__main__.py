"""`python -m fgtl VERB --flags`: the same door as the console script `fgtl`."""

import sys

from fgtl.commands.app import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

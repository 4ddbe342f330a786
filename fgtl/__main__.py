"""`python -m fgtl VERB --flags`: the same door as the console script `fgtl`."""

from fgtl.commands.app import run

if __name__ == "__main__":
    run()

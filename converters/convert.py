"""`python converters/convert.py --dataset cub_200`: the door that users of the original know; see `fgtl convert`."""

import sys

from fgtl.commands.app import main

if __name__ == "__main__":
    sys.exit(main(["convert", *sys.argv[1:]]))

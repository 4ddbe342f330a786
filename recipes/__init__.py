"""Flag files, installed as `fgtl.recipes`: settings with the result to expect. Read one with --flagfile."""

"""Each program measures fgtl and its named rival in one run; `python -m benchmarks` runs all of them."""

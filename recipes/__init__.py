"""Flag files, installed as `fgtl.recipes`; `fgtl train --recipe NAME` reads one, flags that are given win."""

"""The words that data sets use for the splits, in lower case, and what fgtl calls them."""

SPLIT_OF = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}

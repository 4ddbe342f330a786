"""The words that data sets use for the splits, in lower case, and what fgtl calls them."""

# Not "eval": some mean the validation split by it, others the test split.
SPLIT_OF = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}

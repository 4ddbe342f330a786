"""The open-world setting: known and unknown classes, labelled and unlabelled images, and their lists on disk."""

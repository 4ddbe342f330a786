"""Cards (what a data set is and where it comes from) and samples (one labelled image of it)."""

from fgtl.datasets.card import Archive, Card, card_names, load_card
from fgtl.datasets.sample import SPLITS, Box, PartPoint, Sample

__all__ = ["SPLITS", "Archive", "Box", "Card", "PartPoint", "Sample", "card_names", "load_card"]

"""Doors and experiments; the experiments in folders are run as modules: `python -m scripts.NAME`."""

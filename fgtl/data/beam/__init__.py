"""Conversion on many machines: shards handed to Apache Beam through a folder that all of them see."""

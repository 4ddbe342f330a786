"""One thin module per verb: read, call the library, write, say what was done."""

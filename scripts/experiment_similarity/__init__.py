"""Does domain similarity predict transfer? The design is in __main__.py."""

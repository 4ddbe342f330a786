"""Image files: what is stored as it came, what is re-encoded or shrunk, what is refused, and what their headers say."""

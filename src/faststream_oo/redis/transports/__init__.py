"""The drivers of Redis."""

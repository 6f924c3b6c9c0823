"""Redis by redis-py."""

"""Redis once for every driver: sources, senders, replies and declaring, over links that only carry commands."""

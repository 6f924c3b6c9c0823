"""Redis inside the process: streams with groups, lists and channels, without a server."""

"""The same work by FastStream, a module a protocol; used where it is installed."""

"""Composition roots that run as they are; not part of the wheel."""

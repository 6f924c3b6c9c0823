"""What holds for every test."""

from hypothesis import settings

# A time on the wall says nothing on a machine that others use too.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

"""Settings: files and environment into one mapping, and its parts into typed objects."""

from faststream_oo.settings.files import merge as merge
from faststream_oo.settings.files import read_assignments as read_assignments
from faststream_oo.settings.files import read_config as read_config
from faststream_oo.settings.names import nearest as nearest
from faststream_oo.settings.structuring import structure as structure

"""Ready codecs."""

from faststream_oo.codecs.conversion import make_converter
from faststream_oo.codecs.json import JsonCodec

__all__ = ["JsonCodec", "make_converter"]

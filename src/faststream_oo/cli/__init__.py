"""The command `faststream-oo`."""

from faststream_oo.cli.main import main as main

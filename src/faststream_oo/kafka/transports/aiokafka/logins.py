"""Keeping out of the log what the client writes there of a login."""

import logging


def hide_logins() -> None:
    """Drop the client's debug lines that hold a password or a token: it logs every request whole."""
    logging.getLogger("aiokafka.conn").addFilter(_is_no_login)  # once, however often


def _is_no_login(record: logging.LogRecord) -> bool:
    values = record.args if isinstance(record.args, tuple) else ()
    return not any(type(value).__name__.startswith("SaslAuthenticate") for value in values)

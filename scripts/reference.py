"""What the reference says beside the docstrings: the defaults of the fields of attrs classes."""

import re
from typing import Any

import griffe

_ENTRY = re.compile(r"^    (\w+): ", re.MULTILINE)


class Defaults(griffe.Extension):
    """Puts the default of each field behind its description, unless that tells it."""

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        """Called once the fields of a class are known."""
        if cls.docstring is None:
            return
        head, attributes, entries = cls.docstring.value.partition("\nAttributes:\n")
        if attributes:
            parts = _ENTRY.split(entries)
            told = [
                f"    {name}: {_told(text, cls.members.get(name))}"
                for name, text in zip(parts[1::2], parts[2::2], strict=True)
            ]
            cls.docstring.value = head + attributes + parts[0] + "".join(told)


def _told(text: str, field: griffe.Object | griffe.Alias | None) -> str:
    default = _default(getattr(field, "value", None))
    if default is None or "efault" in text:
        return text
    stripped = text.rstrip()
    return f"{stripped} Default `{default}`.{text[len(stripped) :]}"


def _default(value: object) -> str | None:
    """Return the default of `field(default=…)` as written, None where there is none."""
    if not isinstance(value, griffe.ExprCall) or str(value.function) != "field":
        return None
    keywords = (one for one in value.arguments if isinstance(one, griffe.ExprKeyword))
    return next((str(one.value) for one in keywords if one.name == "default"), None)

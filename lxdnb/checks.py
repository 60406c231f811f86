"""What a person gives, checked before anything is sent: what no server could mean is refused here, in one way.

A wrong type is a TypeError, a value that cannot be meant a ValueError; each says what is wanted. Of a value only the
beginning is told, and nothing where it may be a secret. Pure, and knows no library.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

__all__ = [
    "body",
    "fingerprint",
    "flag",
    "mapping",
    "name",
    "parameters",
    "seconds",
    "segment",
    "shown",
    "text",
    "texts",
    "whole_number",
]

LONGEST_NAME = 16 * 1024
"""Bytes of a name as a path has it. Of a longer one no answer could tell: it would not fit into the head."""

_FINGERPRINT = re.compile("[0-9a-fA-F]{1,64}")


def shown(value: object) -> str:
    """Return a value as an error may show it: cut.

    >>> shown("x" * 1000)[-5:]
    'xxxx…'
    """
    said = repr(value[:100] if isinstance(value, str | bytes) else value)
    return said if len(said) <= 100 else f"{said[:99]}…"


def text(what: str, value: Any, *more: type) -> Any:
    """Return a text, or a value of another type that will do, as it is; the error does not tell it.

    A NUL ends a text for what servers are made of, and of half a surrogate pair they make another character.
    """
    if not isinstance(value, (str, *more)):
        raise TypeError(f"{what} is a {' or '.join(kind.__name__ for kind in (str, *more))}, not {_kind(value)}")
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError(f"{what} cannot hold a NUL: what follows it would be lost")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{what} holds half a character (one of the surrogates), which UTF-8 cannot say") from None
    return value


def name(value: Any, what: str = "a name") -> str:
    """Return what can be the name of a resource, and cannot be taken for another's."""
    if not isinstance(value, str):
        raise TypeError(f"{what} is a str, not {_kind(value)}")
    # Servers clean paths before they route them: /instances/.. would be everything, /instances/ the list.
    if value in ("", ".", "..") or "\0" in value:
        raise ValueError(f"{shown(value)} is no name of anything")
    return text(what, value)


def segment(value: Any) -> str:
    """Return a name as one segment of a path, whatever characters it has.

    >>> segment("a/b?")
    'a%2Fb%3F'
    """
    quoted = quote(name(value), safe="")
    # Servers unquote the name of a snapshot twice, and its path is then another's.
    inner = value
    while (plain := unquote(inner)) != inner:
        inner = plain
    if inner in (".", ".."):
        raise ValueError(f"{shown(value)} is no name of anything: servers may take it for {inner!r}")
    if len(quoted) > LONGEST_NAME:
        raise ValueError(f"{shown(value)}, of {len(value)} characters, is too long for a name")
    return quoted


def fingerprint(value: Any) -> str:
    """Return a fingerprint, or the beginning of one. Servers take it for a pattern: by `%` they would find any."""
    if not _FINGERPRINT.fullmatch(name(value, "a fingerprint")):
        raise ValueError(f"{shown(value)} is no fingerprint, nor the beginning of one: these are hexadecimal digits")
    return value


def flag(what: str, value: Any) -> bool:
    """Return True or False, where a server is told of it: what is true in Python only is refused."""
    if not isinstance(value, bool):
        raise TypeError(f"{what} is True or False, not {shown(value)}")
    return value


def whole_number(what: str, value: Any, least: int) -> int:
    """Return a whole number, no less than `least`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{what} is a whole number, not {shown(value)}")
    if value < least:
        raise ValueError(f"{what} is {least} or more, not {shown(value)}")
    return int(value)


def seconds(what: str, value: Any) -> float:
    """Return a time to wait, in seconds; it may be without an end."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{what} is a number of seconds, not {shown(value)}")
    if not value >= 0:  # nor is NaN
        raise ValueError(f"{what} is 0 seconds or more, not {value}")
    return value


def texts(what: str, value: Any) -> list[str]:
    """Return a list of texts as one of its own."""
    # A str is a sequence too, of letters: a slip that no type tells.
    if not isinstance(value, Sequence) or isinstance(value, str | bytes | bytearray | memoryview):
        example = f", as in [{shown(value)}]" if isinstance(value, str) else ""
        raise TypeError(f"{what} is a list of texts{example}, not {_kind(value)}")
    for inner in value:
        if not isinstance(inner, str):
            raise TypeError(f"{what} is a list of texts, and one of it is {_kind(inner)}")
        text(f"each of {what}", inner)
    return list(value)


def mapping(what: str, value: Any) -> Mapping[str, Any]:
    """Return a dict whose keys are texts, as it is."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{what} is a dict, not {_kind(value)}")
    for key in value:
        text(f"a key of {what}", key)
    return value


def parameters(value: Any) -> Mapping[str, Any]:
    """Return what goes into a query: one value under each name, None for one that is left out."""
    for key, inner in mapping("params", value).items():
        if inner is not None and not isinstance(inner, int):
            text(f"params[{shown(key)}]", inner, bytes)
    return value


def body(value: Any, what: str = "what is sent") -> None:
    """Refuse what is no JSON, and what would arrive as something else than it was."""
    if isinstance(value, str):
        text(what, value)
    elif isinstance(value, Mapping):
        for key, inner in mapping(what, value).items():
            body(inner, f"{what}[{shown(key)}]")
    elif isinstance(value, list | tuple):
        for inner in value:
            body(inner, f"each of {what}")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{what} is {value}, which JSON cannot say")
    elif value is not None and not isinstance(value, bool | int | float):
        raise TypeError(f"{what} is a {type(value).__name__}, which JSON cannot say")


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__

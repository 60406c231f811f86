"""Bodies of requests, read as the servers read them: by declared types, with the words of Go's JSON for what is wrong.

A shape is `"string"`, `"bool"`, `"int"`, `"uint32"`, `"any"`, a list of one shape, or a dict: with the key `"*"` a
map to values of that shape, else a struct with those fields. Fields that nobody declared are passed over, as Go does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.replies import Refused, Request

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["CONFIG", "DEVICES", "Shape", "read", "read_map", "read_patch"]

Shape = str | list[Any] | dict[str, Any]

CONFIG: Shape = {"*": "string"}
DEVICES: Shape = {"*": {"*": "string"}}

_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)
_PYTHON = {"string": str, "bool": bool, "int": int, "uint32": int}


def read(body: bytes, struct: str, fields: Mapping[str, Shape]) -> dict[str, Any]:
    """Return the fields that a body has. Null is the same as absent. Raises Refused with 400."""
    return _fields(_object(body, f"api.{struct}"), struct, "", fields)


def read_map(host: Host, request: Request) -> dict[str, Any]:
    """Return what a body has, as it is. Raises Refused with 400 for what is no JSON, or no object."""
    return _object(request.body, "jmap.Map" if host.flavour.incus else "shared.Jmap")


def read_patch(host: Host, request: Request, struct: str, fields: Mapping[str, Shape]) -> dict[str, Any]:
    """Return the fields of a body that the servers read twice, at first as a map of anything."""
    return _fields(read_map(host, request), struct, "", fields)


def _object(body: bytes, struct: str) -> dict[str, Any]:
    try:
        # As a decoder of Go reads: one value, and nothing of what may come behind it.
        record, _ = json.JSONDecoder().raw_decode(_ESCAPE.sub(_paired, body.decode().lstrip(" \t\r\n")))
    except UnicodeDecodeError:
        raise Refused(400, "invalid character '\ufffd' looking for beginning of value") from None
    except RecursionError:
        raise Refused(400, "exceeded max depth") from None
    except json.JSONDecodeError as error:
        raise Refused(400, _complaint(error)) from None
    if record is None:
        return {}
    if not isinstance(record, dict):
        raise Refused(400, f"json: cannot unmarshal {_kind(record)} into Go value of type {struct}")
    return record


def _paired(escape: re.Match[str]) -> str:
    """Return an escape as it is, and half a character, which UTF-8 cannot say, as what stands for one that is none."""
    return "\\ufffd" if escape["half"] else escape[0]


def _fields(record: dict[str, Any], struct: str, path: str, fields: Mapping[str, Shape]) -> dict[str, Any]:
    known = {name.lower(): name for name in fields}  # Go takes any case
    found: dict[str, Any] = {}
    for key, value in record.items():
        name = known.get(key.lower())
        if name is not None and value is not None:
            found[name] = _value(value, struct, f"{path}.{name}" if path else name, fields[name])
    return found


def _value(value: Any, struct: str, path: str, shape: Shape) -> Any:
    if shape == "any":
        return value
    if isinstance(shape, str):
        # A bool is an int to Python, and none to Go.
        if not isinstance(value, _PYTHON[shape]) or (shape in ("int", "uint32") and isinstance(value, bool)):
            raise _mistyped(value, struct, path, _go(shape))
        if shape == "uint32" and not 0 <= int(value) < 2**32:
            told = f"number {value}"
            raise Refused(400, f"json: cannot unmarshal {told} into Go struct field {struct}.{path} of type uint32")
        return value
    if isinstance(shape, list):
        if not isinstance(value, list):
            raise _mistyped(value, struct, path, _go(shape))
        return [_value(each, struct, path, shape[0]) for each in value if each is not None]
    if not isinstance(value, dict):
        raise _mistyped(value, struct, path, _go(shape))
    if "*" not in shape:
        return _fields(value, struct, path, shape)
    return {key: _value(each, struct, path, shape["*"]) for key, each in value.items() if each is not None}


def _mistyped(value: Any, struct: str, path: str, wanted: str) -> Refused:
    return Refused(400, f"json: cannot unmarshal {_kind(value)} into Go struct field {struct}.{path} of type {wanted}")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return {str: "string", list: "array", dict: "object"}[type(value)]


def _go(shape: Shape) -> str:
    if isinstance(shape, list):
        return f"[]{_go(shape[0])}"
    if isinstance(shape, dict):
        return f"map[string]{_go(shape['*'])}" if "*" in shape else "api.struct"
    return shape


def _complaint(error: json.JSONDecodeError) -> str:
    rest = error.doc[error.pos :].lstrip()
    if not error.doc.strip():
        return "EOF"
    if not rest or error.msg.startswith("Unterminated string"):
        return "unexpected EOF"
    for literal in ("true", "false", "null"):
        pairs = enumerate(zip(literal, rest, strict=False))
        same = next((at for at, (one, other) in pairs if one != other), min(len(literal), len(rest)))
        if 0 < same < len(literal):
            if same == len(rest):
                return "unexpected EOF"
            return f"invalid character {rest[same]!r} in literal {literal} (expecting {literal[same]!r})"
    return f"invalid character {rest[0]!r} looking for beginning of value"

"""A record as YAML, to the letter as `lxc` and `incus` show it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

__all__ = ["Record", "as_yaml"]

NUMBER = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?")  # to them 1e3 is one too


class _Time(str):
    """A time, which is shown as it is."""


class Record(dict[str, Any]):
    """A dict whose keys are fields, and have their own order."""


class _Dumper(yaml.SafeDumper):
    """Quotes as the command lines do: texts that YAML would take for something else have double quotes."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def as_yaml(record: Mapping[str, Any]) -> str:
    """Return the YAML of a record: its fields in their own order, the keys of dicts in that of the command lines."""
    shown = {key: _Time(value) if _is_time(key, value) else _ordered(value) for key, value in record.items()}
    return yaml.dump(shown, Dumper=_Dumper, allow_unicode=True, sort_keys=False, default_flow_style=False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = None
    if "\n" in value:
        style = "|"
    elif NUMBER.fullmatch(value) or dumper.resolve(yaml.ScalarNode, value, (True, False)) != "tag:yaml.org,2002:str":
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _time(dumper: yaml.SafeDumper, value: _Time) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:timestamp", str(value))


_Dumper.add_representer(str, _text)
_Dumper.add_multi_representer(str, _text)  # a secret too
_Dumper.add_representer(_Time, _time)


def _is_time(key: str, value: Any) -> bool:
    return key.endswith("_at") and isinstance(value, str) and bool(re.match(r"\d{4}-\d\d-\d\dT", value))


def _ordered(value: Any) -> Any:
    if isinstance(value, Record):
        return {key: _ordered(inner) for key, inner in value.items()}
    if isinstance(value, Mapping):
        return {key: _ordered(value[key]) for key in sorted(value, key=_natural)}
    return value  # a dict in a list is a record of its own, whose fields have their order


def _natural(key: str) -> list[tuple[int, int, str]]:
    # eth2 comes before eth10.
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", key) if part]

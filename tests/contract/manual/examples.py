"""Runs the examples of pylxd's manual: its own text, with `lxdnb` for `pylxd` and with repairs that are named.

https://pylxd.readthedocs.io/en/2.2.10/
"""

from __future__ import annotations

import doctest
import re
from typing import Any, NamedTuple


class Repair(NamedTuple):
    """What the manual says, what runs in its place, and why it cannot run as it stands."""

    says: str
    runs: str
    why: str


HERE = "the name that it has here"
PRINTED = "a line that the printed manual breaks"


class _Checker(doctest.OutputChecker):
    """Compares each output that the manual shows; where it shows none there is nothing to compare.

    Allowed to differ: what a repr says of an object besides its class (`<container.Container at 0x7f95d8af72b0>` is
    `<Container 'c1': Running>` here), the time that a timestamp names, spaces inside of brackets and a last comma.
    """

    ALIKE = (
        (re.compile(r"<(?:\w+\.)?([A-Z]\w+)(?: at 0x[0-9a-f]+| '[^>]*)>"), r"<\1>"),
        (re.compile(r"'\d{4}-\d\d-\d\dT\d{1,2}:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?'"), "TIME"),
        (re.compile(r"(?<=[\[{]) +| +(?=[\]}])|,(?=\])"), ""),
    )

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        for pattern, alike in self.ALIKE:
            want, got = pattern.sub(alike, want), pattern.sub(alike, got)
        return not want or super().check_output(want, got, optionflags)


def repaired(text: str, *repairs: Repair) -> str:
    """Return the text with what is to run in place of what it says."""
    for repair in repairs:
        assert repair.says in text, f"there is nothing to repair: {repair}"
        text = text.replace(repair.says, repair.runs)
    return text


def run(text: str, *repairs: Repair, **names: Any) -> dict[str, Any]:
    """Run an example, compare its outputs, and return the names that it has left, `names` among them."""
    source = repaired(text, *repairs).replace("pylxd", "lxdnb")
    example = doctest.DocTestParser().get_doctest(source, names, "the manual", None, None)
    assert example.examples
    wrong: list[str] = []
    runner = doctest.DocTestRunner(_Checker(), verbose=False, optionflags=doctest.ELLIPSIS)
    runner.run(example, out=wrong.append, clear_globs=False)
    assert not wrong, "".join(wrong)
    return example.globs

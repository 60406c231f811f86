"""The examples in the docstrings run, and give what they say, on a server that has an image `alpine`, and of the two
instances `c1`, which runs, and `c2`, which does not, those that an example names."""

from __future__ import annotations

import copy
import doctest
import importlib
import pathlib
import pkgutil
import re
import time
from collections.abc import Mapping

import pandas as pd
import pytest

import lxdnb
from lxdnb import frames, widgets
from tests.bridges import Bridge, a_bridge

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
SOCKET = "/var/lib/lxd/unix.socket"  # what the examples call the socket
BRIDGE = Bridge("lab0", "10.77.8")  # what they call a bridge, whose like there may be only one of on a machine

MAKES = re.compile(r"\.launch\(|instances\.create\(|containers\.create\(")  # instances of an example's own
COUNTS = ("Collections.metrics", "Project.state")  # these tell how many there are, and no name


class Checker(doctest.OutputChecker):
    """Takes any version for another, and any number of bytes: they are the server's of the day. So is what it is."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        today, kind = re.compile(r"\d+\.\d+(?:\.\d+)?|\d{4,}"), re.compile(r"(?:A )?simulated ")
        want, got = (kind.sub("", today.sub("N", text)) for text in (want, got))
        return super().check_output(want, got, optionflags)


MODULES = sorted(module.name for module in pkgutil.walk_packages(lxdnb.__path__, "lxdnb."))
EXAMPLES = [
    test
    for name in ["lxdnb", *MODULES]
    for test in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name))
    if test.examples
]


def test_there_are_examples():
    assert len(EXAMPLES) > 20


@pytest.mark.parametrize("server_kind", ["lxd", "sandbox"], scope="session")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example(example: doctest.DocTest, client, server, monkeypatch, capsys):
    for name in ("LXD_SOCKET", "INCUS_SOCKET", "INCUS_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    example = copy.copy(example)
    example.examples, example.globs = copy.deepcopy(example.examples), {**example.globs}  # another server's turn comes
    server.cli("image", "alias", "create", "alpine", server.query("/1.0/images/aliases/busybox")["target"])
    monkeypatch.chdir(server.directory)
    try:
        text = "".join(step.source + step.want for step in example.examples)
        for name, begin in {"c1": "launch", "c2": "init"}.items():
            if (name in text or example.name.endswith(COUNTS)) and not MAKES.search(text):
                server.cli(begin, "alpine", name)
        names = {"client": client, "lx": client, "lxdnb": lxdnb, "frames": frames}
        names |= vars(widgets) | {"pd": pd, "time": time, "pathlib": pathlib}
        example.globs.update({name: value for name, value in names.items() if name not in example.globs})
        wrong: list[str] = []
        said = {SOCKET: str(server.socket), **dict(zip(BRIDGE, a_bridge(), strict=True))}
        for step in example.examples:
            step.source, step.want = (_replaced(text, said) for text in (step.source, step.want))
        runner = doctest.DocTestRunner(Checker(), optionflags=OPTIONS)
        runner.run(example, out=wrong.append, clear_globs=False)
        assert not wrong, "".join(wrong)
    finally:
        server.cli("image", "alias", "delete", "alpine")


def _replaced(text: str, words: Mapping[str, str]) -> str:
    for word, other in words.items():
        text = text.replace(word, other)
    return text

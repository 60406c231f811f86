"""md5sum, sha256sum and their like; cmp; base64."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.channels import PIECE, Open, Steps
from lxdnb.sandbox.commands.reading import all_of, given, opened, options
from lxdnb.sandbox.commands.registry import Broken, command

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__: list[str] = []


def _sum(name: str, make: Callable[[], Any]) -> None:
    @command(f"/usr/bin/{name}")
    def summed(process: Process, words: list[str]) -> Steps[int]:
        found, paths = options(words, "csw")

        def each(file: Open, path: str) -> Steps[None]:
            digest = make()
            while data := (yield from file.read(PIECE)):
                digest.update(data)
            yield from process.say(f"{digest.hexdigest()}  {path}\n")

        if "c" in found:
            return (yield from _checked(process, name, make, paths))
        return (yield from given(process, name, paths, each))

    del summed


def _checked(process: Process, name: str, make: Callable[[], Any], paths: list[str]) -> Steps[int]:
    failed = total = 0
    for path in paths or ["-"]:
        listed = opened(process, path)
        for line in (yield from all_of(listed, process)).decode(errors="surrogateescape").splitlines():
            wanted, _, target = line.partition("  ")
            digest = make()
            file = opened(process, target)
            while data := (yield from file.read(PIECE)):
                digest.update(data)
            file.let_go()
            right = digest.hexdigest() == wanted
            total, failed = total + 1, failed + (not right)
            yield from process.say(f"{target}: {'OK' if right else 'FAILED'}\n")
        listed.let_go()
    if failed:
        yield from process.say(f"{name}: WARNING: {failed} of {total} computed checksums did NOT match\n", 2)
    return int(failed > 0)


for _name, _make in (
    ("md5sum", lambda: hashlib.md5(usedforsecurity=False)),
    ("sha1sum", lambda: hashlib.sha1(usedforsecurity=False)),
    ("sha256sum", hashlib.sha256),
    ("sha512sum", hashlib.sha512),
):
    _sum(_name, _make)


@command("/usr/bin/cmp")
def cmp(process: Process, words: list[str]) -> Steps[int]:
    found, paths = options(words, "sl")
    if len(paths) < 1:
        raise Broken("usage: cmp [-ls] FILE1 [FILE2]", 2)
    first, second = opened(process, paths[0]), opened(process, paths[1] if len(paths) > 1 else "-")
    one, other = (yield from all_of(first, process)), (yield from all_of(second, process))
    if one == other:
        return 0
    at = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if "s" not in found:
        if at is None:
            yield from process.say(f"cmp: EOF on {paths[0] if len(one) < len(other) else paths[1]}\n", 2)
        else:
            line = one[:at].count(b"\n") + 1
            names = " ".join([paths[0], paths[1] if len(paths) > 1 else "-"])
            yield from process.say(f"{names} differ: char {at + 1}, line {line}\n")
    return 1


@command("/bin/base64")
def encoded(process: Process, words: list[str]) -> Steps[int]:
    found, paths = options(words, "dw:")
    width = int(found.get("w", "76"))

    def each(file: Open, path: str) -> Steps[None]:
        data = yield from all_of(file, process)
        if "d" in found:
            try:
                yield from process.write(1, base64.b64decode(re.sub(rb"\s", b"", data), validate=True))
            except ValueError:
                raise Broken("truncated input") from None
            return
        text = base64.b64encode(data).decode()
        lines = [text[at : at + width] for at in range(0, len(text), width)] if width else [text]
        yield from process.say("".join(f"{line}\n" for line in lines) if width else text)

    return (yield from given(process, "base64", paths, each))

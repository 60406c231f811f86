"""cat, head, tail, tee, wc, dd, tac and rev: what takes a stream as it comes."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import PIECE, Open, Steps
from lxdnb.sandbox.commands.reading import LARGEST, Lines, all_of, cannot, given, number, opened, options, taken
from lxdnb.sandbox.commands.registry import Broken, command
from lxdnb.sandbox.nodes import FileError

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__: list[str] = []


@command("/bin/cat")
def cat(process: Process, words: list[str]) -> Steps[int]:
    found, paths = options(words, "nbuveEtTAs")
    count = 0

    def each(file: Open, path: str) -> Steps[None]:
        nonlocal count
        if not {"n", "b"} & found.keys():
            while data := (yield from file.read(PIECE)):
                yield from process.write(1, data)
            return
        lines = Lines(file, process)
        while some := (yield from lines.some()):
            for line in some:
                if "b" in found and line == b"\n":
                    yield from process.write(1, line)
                    continue
                count += 1
                yield from process.write(1, b"%6d\t" % count + line)

    return (yield from given(process, "cat", paths, each))


@command("/usr/bin/tac")
def tac(process: Process, words: list[str]) -> Steps[int]:
    def each(file: Open, path: str) -> Steps[None]:
        data = yield from all_of(file, process)
        lines = data.splitlines(keepends=True)
        yield from process.write(1, b"".join(reversed(lines)))

    return (yield from given(process, "tac", words, each))


@command("/usr/bin/rev")
def rev(process: Process, words: list[str]) -> Steps[int]:
    def each(file: Open, path: str) -> Steps[None]:
        lines = Lines(file, process)
        while some := (yield from lines.some()):
            for line in some:
                text = line.decode(errors="surrogateescape")
                body = text.removesuffix("\n")
                yield from process.say(body[::-1] + text[len(body) :])

    return (yield from given(process, "rev", words, each))


def _counted(words: list[str]) -> list[str]:
    """Return words with `-5` as `-n 5`."""
    return _spelled(words, "-[0-9]+", lambda word: word[1:])


def _spelled(words: list[str], form: str, count: Callable[[str], str]) -> list[str]:
    spelled: list[str] = []
    for word in words:
        value = spelled[-1:] in (["-n"], ["-c"])
        spelled += ["-n", count(word)] if re.fullmatch(form, word) and not value else [word]
    return spelled


@command("/usr/bin/head")
def head(process: Process, words: list[str]) -> Steps[int]:
    found, paths = options(_counted(words), "n:c:qv")
    first = True

    def each(file: Open, path: str) -> Steps[None]:
        nonlocal first
        if (len(paths) > 1 and "q" not in found) or "v" in found:
            name = "standard input" if path == "-" else path
            yield from process.say(f"{'' if first else chr(10)}==> {name} <==\n")
        first = False
        count = number(found.get("c") or found.get("n") or "10")
        if count < 0:
            data = yield from all_of(file, process)
            lines = data.splitlines(keepends=True)
            yield from process.write(1, data[:count] if "c" in found else b"".join(lines[:count]))
            return
        while count > 0:
            data = yield from file.read(min(PIECE, count) if "c" in found else PIECE)
            if not data:
                return
            if "c" in found:
                count -= len(data)
            else:
                ends = data.count(b"\n")
                if ends >= count:
                    at = -1
                    for _ in range(count):
                        at = data.index(b"\n", at + 1)
                    data = data[: at + 1]
                count -= ends
            yield from process.write(1, data)

    return (yield from given(process, "head", paths, each))


@command("/usr/bin/tail")
def tail(process: Process, words: list[str]) -> Steps[int]:
    words = _spelled(words, r"\+[0-9]+", str)
    found, paths = options(_counted(words), "n:c:fFqvs:")
    first = True
    wanted = found.get("c") or found.get("n") or "10"
    count = abs(number(wanted))

    def each(file: Open, path: str) -> Steps[None]:
        nonlocal first
        if (len(paths) > 1 and "q" not in found) or "v" in found:
            yield from process.say(f"{'' if first else chr(10)}==> {path} <==\n")
        first = False
        if wanted.startswith("+"):
            yield from _from_on(process, file, count, "c" in found)
        elif "c" in found:
            held = bytearray()
            while data := (yield from file.read(PIECE)):
                held += data
                del held[: max(0, len(held) - min(count, LARGEST))]
            yield from process.write(1, bytes(held))
        else:
            last: deque[bytes] = deque(maxlen=min(count, LARGEST))
            lines, size = Lines(file, process), 0
            while some := (yield from lines.some()):
                if len(last) < count:
                    size += taken(some, process)
                last.extend(some)
                if size > LARGEST:
                    raise Broken("out of memory")
            yield from process.write(1, b"".join(last))
        while {"f", "F"} & found.keys():  # until it is ended
            data = yield from file.read(PIECE)
            if data:
                yield from process.write(1, data)
            else:
                yield 0.2

    return (yield from given(process, "tail", paths, each))


def _from_on(process: Process, file: Open, count: int, of_bytes: bool) -> Steps[None]:
    left = max(0, count - 1)
    while data := (yield from file.read(PIECE)):
        if of_bytes:
            skipped, left = min(left, len(data)), max(0, left - len(data))
            data = data[skipped:]
        else:
            while left and data:
                at = data.find(b"\n")
                left -= at >= 0
                data = data[at + 1 :] if at >= 0 else b""
        yield from process.write(1, data) if data else ()


@command("/usr/bin/tee")
def tee(process: Process, words: list[str]) -> Steps[int]:
    found, paths = options(words, "ai")
    status = 0
    files: list[Open] = []
    for path in paths:
        try:
            files.append(process.open(path, write=True, append="a" in found, truncate="a" not in found))
        except FileError as error:
            status = 1
            yield from process.say(f"tee: {path}: {error.text}\n", 2)
    while data := (yield from process.read(0, PIECE)):
        for file in files:
            yield from file.write(data)
        yield from process.write(1, data)
    return status


@command("/usr/bin/wc")
def wc(process: Process, words: list[str]) -> Steps[int]:
    found, paths = options(words, "lwcmL")
    shown = [letter for letter in "lwmcL" if letter in found] or ["l", "w", "c"]
    totals = dict.fromkeys("lwmcL", 0)

    def tell(counts: dict[str, int], path: str) -> Steps[None]:
        wide = len(shown) > 1
        figures = [f"{counts[letter]:9d}" if wide else str(counts[letter]) for letter in shown]
        name = "" if path == "-" and not paths else f" {path}"
        yield from process.say(f"{' '.join(figures)}{name}\n")

    def each(file: Open, path: str) -> Steps[None]:
        counts = dict.fromkeys("lwmcL", 0)
        within, line = False, 0
        while data := (yield from file.read(PIECE)):
            counts["c"] += len(data)
            counts["l"] += data.count(b"\n")
            counts["m"] += sum(byte & 0xC0 != 0x80 for byte in data) if "m" in found else 0
            if "w" in shown:
                pieces = len(data.split())
                counts["w"] += pieces - (within and not data[:1].isspace())
                within = not data[-1:].isspace()
            if "L" in found:
                for piece in data.split(b"\n"):
                    counts["L"] = max(counts["L"], len(piece) + line)
                    line = 0
                line = len(data) - data.rfind(b"\n") - 1
        for letter, value in counts.items():
            totals[letter] = max(totals[letter], value) if letter == "L" else totals[letter] + value
        yield from tell(counts, path)

    status = yield from given(process, "wc", paths, each)
    if len(paths) > 1:
        yield from tell(totals, "total")
    return status


@command("/bin/dd")
def dd(process: Process, words: list[str]) -> Steps[int]:
    given_words = {key: value for key, _, value in (word.partition("=") for word in words)}
    if unknown := [
        key
        for key in given_words
        if key not in ("if", "of", "bs", "ibs", "obs", "count", "skip", "seek", "conv", "status", "iflag", "oflag")
    ]:
        raise Broken(f"invalid argument '{unknown[0]}'")
    size = number(given_words.get("bs", given_words.get("ibs", "512")))
    if not 0 < size <= 2**26:
        raise Broken(f"number {size} is not in 1..67108864 range")
    count = number(given_words["count"]) if "count" in given_words else None
    source = opened(process, given_words.get("if", "-"))
    flags = given_words.get("conv", "").split(",")
    try:
        target = (
            process.open(given_words["of"], write=True, truncate="notrunc" not in flags and "seek" not in given_words)
            if "of" in given_words
            else process.files[1].hold()
        )
    except FileError as error:
        raise cannot("open", given_words["of"], error) from None
    for _ in range(number(given_words.get("skip", "0"))):
        yield from _block(source, size)
    if "seek" in given_words and hasattr(target, "at"):
        target.at = size * number(given_words["seek"])  # pyright: ignore[reportAttributeAccessIssue]
    full = part = total = 0
    began = process.machine.host.clock()
    while count is None or full + part < count:
        data = yield from _block(source, size)
        if not data:
            break
        full, part, total = full + (len(data) == size), part + (len(data) < size), total + len(data)
        yield from target.write(data)
    target.let_go()
    source.let_go()
    if given_words.get("status") != "none":
        yield from process.say(f"{full}+{part} records in\n{full}+{part} records out\n", 2)
        if given_words.get("status") != "noxfer":
            seconds = max(process.machine.host.clock() - began, 1e-6)
            yield from process.say(
                f"{total} bytes ({total / 1e6:.1f}MB) copied, {seconds:.6f} seconds, {total / seconds / 1e6:.1f}MB/s\n",
                2,
            )
    return 0


def _block(file: Open, size: int) -> Steps[bytes]:
    held = bytearray()
    while len(held) < size:
        data = yield from file.read(min(PIECE, size - len(held)))
        if not data:
            break
        held += data
        if len(data) < PIECE and len(held) < size and file.node is None and size <= PIECE:
            break  # as much as a pipe had
    return bytes(held)

"""date, and moments as they are written."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import Steps
from lxdnb.sandbox.commands.reading import options
from lxdnb.sandbox.commands.registry import Broken, command

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__ = ["moment"]

_FORMS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M:%S",
    "%Y%m%d%H%M",
    "%m%d%H%M",
    "%H:%M:%S",
    "%H:%M",
)


def moment(text: str, now: float) -> float:
    """Return a time as seconds since 1970. Raises Broken."""
    if re.fullmatch(r"@\d+", text):
        return float(text[1:])
    for form in _FORMS:
        try:
            found = datetime.strptime(text.removesuffix("Z").removesuffix(" UTC"), form)
        except ValueError:
            continue
        if "%d" not in form:
            today = datetime.fromtimestamp(now, UTC)
            found = found.replace(year=today.year, month=today.month, day=today.day)
        elif "%Y" not in form:
            found = found.replace(year=datetime.fromtimestamp(now, UTC).year)
        return found.replace(tzinfo=UTC).timestamp()
    raise Broken(f"invalid date '{text}'")


@command("/bin/date")
def date(process: Process, words: list[str]) -> Steps[int]:
    found, rest = options(words, "ud:r:RI")
    seconds = process.machine.host.clock()
    if "d" in found:
        seconds = moment(found["d"], seconds)
    elif "r" in found:
        seconds = process.tree.find(process.path(found["r"])).mtime
    try:
        when = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise Broken(f"invalid date '{found.get('d', '')}'") from None
    if rest and not rest[0].startswith("+"):
        raise Broken("can't set date: Operation not permitted")
    form = rest[0][1:] if rest else "%a, %d %b %Y %H:%M:%S +0000" if "R" in found else "%a %b %e %H:%M:%S %Z %Y"
    form = "%Y-%m-%d" if "I" in found else form
    known = {
        "s": str(int(seconds)),
        "N": f"{int(seconds % 1 * 1e9):09}",
        "z": "+0000",
        "Z": "UTC",
        "n": "\n",
        "t": "\t",
    }
    form = re.sub("%([a-zA-Z%])", lambda match: known.get(match[1], match[0]), form)
    yield from process.say(f"{when.strftime(form)}\n")
    return 0

"""All of the sandbox in a process that is watched: `python -m tests.watched FILE` tells what it touches of the machine.

FILE has scripts, set apart by lines of `---`. Imports may open the files of Python, of its packages and of lxdnb.
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lxdnb
from lxdnb.sandbox import handlers  # noqa: F401
from lxdnb.sandbox.commands import names
from lxdnb.sandbox.replies import Refused, Request
from lxdnb.sandbox.routes import routes, take
from tests.shells import Simulated
from tests.unit.test_sandbox_hostile import furnished

WATCHED = ("open", "os.", "subprocess.", "socket.", "shutil.", "glob.", "ctypes.", "mmap.")
LOOKS = ("os.listdir", "os.scandir")
WORDS = ("/etc/passwd", "-r /etc", "/etc/passwd /tmp/x", "", "http://127.0.0.1:9/", "/dev/tty", "/proc/1/environ")
QUERIES = ({}, {"path": "/etc/shadow"}, {"path": "../../../../etc/shadow", "recursion": "2"})
BODY = json.dumps({"source": {"type": "file", "path": "/etc/passwd", "url": "file:///etc/passwd"}}).encode()
_ours = tuple(
    os.path.realpath(each) for each in {*sysconfig.get_paths().values(), str(Path(lxdnb.__file__).parent)} if each
)
touched: list[tuple[str, str]] = []


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if not event.startswith(WATCHED):
        return
    first = arguments[0] if arguments else None
    if event in LOOKS or (event == "open" and not set(str(arguments[1])) & set("wax+")):
        path = os.path.realpath(os.fsdecode(first)) if isinstance(first, str | bytes | os.PathLike) else ""
        if path.startswith(_ours):
            return
    touched.append((event, repr(arguments)[:200]))


def everything(scripts: str) -> Iterator[None]:
    for script in scripts.split("\n---\n"):
        Simulated().run(script)
        yield
    for name in sorted({each.rpartition("/")[2] for each in names()}):
        for words in WORDS:
            simulated = Simulated()
            simulated.begin(["sh", "-c", f"{name} {words} </dev/null"])
            simulated.turn(40)
            yield
    for kind in ("lxd", "incus"):
        host = furnished(kind)
        for method, template in routes():
            for query in QUERIES:
                path = template.replace("*", "..%2f..%2fetc%2fpasswd" if "recursion" in query else "c2")
                try:
                    take(host, Request(method, path, query, body=BODY))
                except Refused:
                    pass
                host.agenda.run()
                yield


def main() -> None:
    names()  # whose programs are imported when they are first asked for
    sys.addaudithook(watch)
    scripts = Path(sys.argv[1]).read_text()
    print(json.dumps({"done": sum(1 for _ in everything(scripts)), "touched": touched}))


if __name__ == "__main__":
    main()

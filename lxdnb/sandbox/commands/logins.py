"""su: to be somebody else, in a shell of theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import Steps
from lxdnb.sandbox.commands.accounts import users
from lxdnb.sandbox.commands.reading import options
from lxdnb.sandbox.commands.registry import Broken, NotExecutable, NotFound, command, program
from lxdnb.sandbox.filesystem import User
from lxdnb.sandbox.nodes import Directory

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__: list[str] = []


@command("/bin/su")
def su(process: Process, words: list[str]) -> Steps[int]:
    found, rest = options(words, "lmpc:s:")
    login = "l" in found
    if rest[:1] == ["-"]:
        login, rest = True, rest[1:]
    name = rest[0] if rest else "root"
    row = next((each for each in users(process) if each[0] == name and len(each) > 6), None)
    if row is None:
        raise Broken(f"unknown user {name}")
    uid, gid, home = int(row[2]), int(row[3]), row[5]
    if process.user.uid not in (0, uid):
        raise Broken("incorrect password")
    shell = found.get("s") or row[6] or "/bin/sh"
    given = {"TERM": process.environment["TERM"]} if login and "TERM" in process.environment else {}
    environment = given if login else dict(process.environment)
    if not {"m", "p"} & found.keys():
        environment |= {"HOME": home, "SHELL": shell}
        if login or uid:
            environment |= {"USER": name, "LOGNAME": name}
    process.user, process.environment = User(uid, gid), environment
    if login:
        process.directory = home if isinstance(process.tree.get(home), Directory) else "/"
    arguments = [*(["-l"] if login else []), *(["-c", found["c"]] if "c" in found else []), *rest[1:]]
    try:
        return (yield from program(process, [shell, *arguments]))
    except (NotFound, NotExecutable):
        raise Broken(f"can't execute '{shell}': No such file or directory", 127) from None

"""chmod and chown: who may do what with files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import Steps
from lxdnb.sandbox.commands.accounts import groups, number_of, users
from lxdnb.sandbox.commands.reading import options
from lxdnb.sandbox.commands.registry import Broken, command
from lxdnb.sandbox.nodes import Directory, FileError, Link, Node

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__: list[str] = []


def _mode(text: str, node: Node, mask: int) -> int:
    if re.fullmatch("[0-7]{1,5}", text):
        return int(text, 8)
    mode = node.mode
    for clause in text.split(","):
        match = re.fullmatch("([ugoa]*)((?:[-+=][rwxXst]*)+)", clause)
        if not match:
            raise Broken(f"invalid mode '{text}'")
        who = match[1].replace("a", "ugo") or "ugo"
        for operator, letters in re.findall("([-+=])([rwxXst]*)", match[2]):
            bits = 0
            for each in set(who):
                shift = {"u": 6, "g": 3, "o": 0}[each]
                for letter in letters:
                    execs = isinstance(node, Directory) or mode & 0o111
                    value = {"r": 4, "w": 2, "x": 1, "X": 1 if execs else 0}.get(letter, 0)
                    bits |= value << shift
                    bits |= {("s", "u"): 0o4000, ("s", "g"): 0o2000, ("t", "o"): 0o1000}.get((letter, each), 0)
                if operator == "=":
                    mode &= ~(7 << shift)
            bits &= ~mask if not match[1] else 0o7777
            mode = mode & ~bits if operator == "-" else mode | bits
    return mode


def _below(process: Process, path: str, recursive: bool) -> list[tuple[str, Node]]:
    node = process.tree.find(process.path(path), who=process.user)
    return [*process.tree.walk(path, node)] if recursive else [(path, node)]


@command("/bin/chmod")
def chmod(process: Process, words: list[str]) -> Steps[int]:
    recursive = [word for word in words if re.fullmatch("-[Rvcf]+", word)]
    rest = [word for word in words if word not in recursive]
    if len(rest) < 2:
        raise Broken("usage: chmod [-R] MODE[,MODE]... FILE...")
    status = 0
    for path in rest[1:]:
        try:
            for _, node in _below(process, path, any("R" in word for word in recursive)):
                if not isinstance(node, Link):
                    process.tree.change_mode(node, _mode(rest[0], node, process.mask), process.user)
        except FileError as error:
            status = 1
            yield from process.say(f"chmod: {path}: {error.text}\n", 2)
    return status


@command("/bin/chown", "/bin/chgrp")
def chown(process: Process, words: list[str]) -> Steps[int]:
    found, rest = options(words, "RhLHPvcf")
    if len(rest) < 2:
        raise Broken("usage: chown [-Rh] USER[:[GRP]] FILE...")
    of_group = process.words[0].endswith("chgrp")
    user, _, group = ("", "", rest[0]) if of_group else re.sub(r"^([^:.]*)[.]", r"\1:", rest[0]).partition(":")
    uid = number_of(users(process), user) if user else -1
    gid = number_of(groups(process), group) if group else -1
    if uid is None or gid is None:
        raise Broken(f"unknown {'user' if uid is None else 'group'} {user if uid is None else group}")
    status = 0
    for path in rest[1:]:
        try:
            found_nodes = (
                [(path, process.tree.find(process.path(path), follow=False))]
                if "h" in found
                else _below(process, path, "R" in found)
            )
            for _, node in found_nodes:
                owner = node.uid if uid < 0 else uid, node.gid if gid < 0 else gid
                process.tree.change_owner(node, *owner, process.user)
        except FileError as error:
            status = 1
            yield from process.say(f"chown: {path}: {error.text}\n", 2)
    return status

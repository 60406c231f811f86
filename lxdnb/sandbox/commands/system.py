"""id, hostname, uname, env, free, uptime and what else tells of the machine and of who asks."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import Steps
from lxdnb.sandbox.commands.accounts import group_name, groups, number_of, user_name, users
from lxdnb.sandbox.commands.finding import run
from lxdnb.sandbox.commands.reading import number, options
from lxdnb.sandbox.commands.registry import Broken, NotExecutable, NotFound, command, program
from lxdnb.sandbox.proc import KERNEL, MEMORY, memory_used, uptime

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__: list[str] = []


@command("/usr/bin/id")
def id_(process: Process, words: list[str]) -> Steps[int]:
    found, names = options(words, "ugGnr")
    uid, gid = process.user
    if names:
        row = next((row for row in users(process) if row[0] == names[0] or row[2] == names[0]), None)
        if row is None:
            raise Broken(f"unknown user {names[0]}")
        uid, gid = int(row[2]), int(row[3])
    user, group = user_name(process, uid), group_name(process, gid)
    if "u" in found:
        text = user if "n" in found else str(uid)
    elif "g" in found or "G" in found:
        text = group if "n" in found else str(gid)
    else:
        text = (
            f"uid={uid}{f'({user})' if user != str(uid) else ''} gid={gid}{f'({group})' if group != str(gid) else ''}"
        )
        if names:
            others = [row for row in groups(process) if len(row) > 3 and names[0] in row[3].split(",")]
            shown = [f"{gid}({group})", *(f"{row[2]}({row[0]})" for row in others if row[2] != str(gid))]
            text += f" groups={','.join(shown)}"
    yield from process.say(f"{text}\n")
    return 0


@command("/usr/bin/whoami")
def whoami(process: Process, words: list[str]) -> Steps[int]:
    yield from process.say(f"{user_name(process, process.user.uid)}\n")
    return 0


@command("/bin/pwd")
def pwd(process: Process, words: list[str]) -> Steps[int]:
    yield from process.say(f"{process.directory}\n")
    return 0


@command("/bin/hostname")
def hostname(process: Process, words: list[str]) -> Steps[int]:
    if words and not words[0].startswith("-"):
        raise Broken("sethostname: Operation not permitted")
    yield from process.say(f"{process.machine.instance.name}\n")
    return 0


@command("/bin/uname")
def uname(process: Process, words: list[str]) -> Steps[int]:
    found, _ = options(words, "amnprsvio")
    told = {
        "s": "Linux", "n": process.machine.instance.name, "r": KERNEL, "v": "#1 SMP",
        "m": process.machine.instance.architecture, "o": "GNU/Linux",
    }  # fmt: skip
    wanted = "snrvmo" if "a" in found else "".join(letter for letter in told if letter in found) or "s"
    yield from process.say(" ".join(told[letter] for letter in wanted) + "\n")
    return 0


@command("/usr/bin/env")
def env(process: Process, words: list[str]) -> Steps[int]:
    at = 0
    while at < len(words) and (words[at] in ("-i", "-", "-u", "-0") or re.match(r"[^-=][^=]*=", words[at])):
        if words[at] in ("-i", "-"):
            process.environment = {}
        elif words[at] == "-u" and at + 1 < len(words):
            at += 1
            process.environment.pop(words[at], None)
        elif "=" in words[at]:
            name, _, value = words[at].partition("=")
            process.environment[name] = value
        at += 1
    if at == len(words):
        yield from process.say("".join(f"{name}={value}\n" for name, value in process.environment.items()))
        return 0
    try:
        body = program(process, words[at:], by_shell=True)
    except NotFound:
        raise Broken(f"can't execute '{words[at]}': No such file or directory", 127) from None
    except NotExecutable:
        raise Broken(f"can't execute '{words[at]}': Permission denied", 126) from None
    process.words = words[at:]
    return (yield from body)


@command("/bin/printenv")
def printenv(process: Process, words: list[str]) -> Steps[int]:
    if not words:
        yield from process.say("".join(f"{name}={value}\n" for name, value in process.environment.items()))
    missing = [word for word in words if word not in process.environment]
    yield from process.say("".join(f"{process.environment[word]}\n" for word in words if word not in missing))
    return int(bool(missing))


@command("/usr/bin/free")
def free(process: Process, words: list[str]) -> Steps[int]:
    found, _ = options(words, "bkmgh")
    scale = next((size for letter, size in (("b", 1 / 1024), ("m", 1024), ("g", 2**20)) if letter in found), 1)
    used = memory_used(process.machine)
    total, used, left = (int(each / scale) for each in (MEMORY, used, MEMORY - used))
    columns = ("total", "used", "free", "shared", "buff/cache", "available")
    head = " " * 7 + "".join(f"{name:>12}" for name in columns)
    first = "Mem:   " + "".join(f"{figure:12d}" for figure in (total, used, left, 0, 0, left))
    swap = "Swap:  " + "".join(f"{figure:12d}" for figure in (0, 0, 0))
    yield from process.say(f"{head}\n{first}\n{swap}\n")
    return 0


@command("/usr/bin/uptime")
def uptime_(process: Process, words: list[str]) -> Steps[int]:
    seconds = int(uptime(process.machine))
    now = datetime.fromtimestamp(process.machine.host.clock(), UTC).strftime("%H:%M:%S")
    days, hours, minutes = seconds // 86_400, seconds // 3600 % 24, seconds // 60 % 60
    shown = f"{days} day{'s' * (days != 1)}, " if days else ""
    shown += f"{hours:2d}:{minutes:02d}" if hours else f"{minutes} min"
    yield from process.say(f" {now} up {shown},  0 users,  load average: 0.00, 0.00, 0.00\n")
    return 0


@command("/usr/bin/nproc")
def nproc(process: Process, words: list[str]) -> Steps[int]:
    yield from process.say("2\n")
    return 0


@command("/bin/sync", "/bin/busybox")
def sync(process: Process, words: list[str]) -> Steps[int]:
    yield from ()
    return 0


@command("/bin/mount")
def mount(process: Process, words: list[str]) -> Steps[int]:
    """Mount a file system in memory, which is the only one that an instance may."""
    found, rest = options(words, "t:o:r")
    if not words:
        yield from process.say("/simulated on / type ext4 (rw,relatime)\nproc on /proc type proc (rw)\n")
        return 0
    if found.get("t") != "tmpfs" or len(rest) != 2 or process.user.uid:
        raise Broken(f"mounting {' on '.join(rest)} failed: Operation not permitted", 255)
    given = {key: value for key, _, value in (each.partition("=") for each in found.get("o", "").split(","))}
    process.tree.mount(process.path(rest[1]), number(given.get("size", "64M").upper()))
    return 0


@command("/bin/umount")
def umount(process: Process, words: list[str]) -> Steps[int]:
    yield from ()
    for path in words:
        process.tree.unmount(process.path(path))
    return 0


@command("/usr/bin/tty")
def tty(process: Process, words: list[str]) -> Steps[int]:
    here = 0 in process.files and process.files[0].terminal is not None
    if "-s" not in words:
        yield from process.say("/dev/pts/0\n" if here else "not a tty\n")
    return int(not here)


@command("/bin/stty")
def stty(process: Process, words: list[str]) -> Steps[int]:
    terminal = process.files[0].terminal if 0 in process.files else None
    if terminal is None:
        raise Broken("standard input: Not a tty")
    for word in words:
        if word == "size":
            yield from process.say(f"{terminal.height} {terminal.width}\n")
        elif word in ("echo", "-echo"):
            terminal.echo = word == "echo"
        elif word in ("raw", "-icanon", "cbreak"):
            terminal.canonical = False
        elif word in ("sane", "cooked", "icanon", "-raw"):
            terminal.canonical = True
            terminal.echo |= word == "sane"
    if not words or words == ["-a"]:
        yield from process.say(f"speed 38400 baud; rows {terminal.height}; columns {terminal.width};\n")
    return 0


@command("/usr/bin/nohup")
def nohup(process: Process, words: list[str]) -> Steps[int]:
    process.ignored.add(1)
    return (yield from run(process, words))


@command("/usr/bin/getent")
def getent(process: Process, words: list[str]) -> Steps[int]:
    if len(words) < 2 or words[0] not in ("passwd", "group"):
        raise Broken("usage: getent passwd|group NAME", 2)
    rows = users(process) if words[0] == "passwd" else groups(process)
    number = number_of(rows, words[1])
    row = next((row for row in rows if number is not None and row[2] == str(number)), None)
    if row is None:
        return 2
    yield from process.say(":".join(row) + "\n")
    return 0

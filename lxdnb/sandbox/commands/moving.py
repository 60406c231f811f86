"""cp, mv, rm, mkdir and the rest that changes files and their names."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from lxdnb.sandbox.channels import Steps
from lxdnb.sandbox.commands.reading import options
from lxdnb.sandbox.commands.registry import Broken, command
from lxdnb.sandbox.nodes import Directory, Fifo, File, FileError, Link, Live, Node

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__: list[str] = []


def _is_folder(process: Process, path: str) -> bool:
    return isinstance(process.tree.get(process.path(path), who=process.user), Directory)


def _targets(process: Process, name: str, paths: list[str]) -> list[tuple[str, str]]:
    """Return what goes where, of the words of cp, mv and ln."""
    if len(paths) < 2:
        raise Broken(f"usage: {name} SOURCE... DEST")
    *sources, target = paths
    if _is_folder(process, target):
        return [(source, f"{target.rstrip('/')}/{posixpath.basename(source.rstrip('/'))}") for source in sources]
    if len(sources) > 1:
        raise Broken(f"target '{target}' is not a directory")
    return [(sources[0], target)]


@command("/bin/cp")
def cp(process: Process, words: list[str]) -> Steps[int]:
    found, paths = options(words, "adfHiLPpRrslTuv")
    recursive = bool({"a", "R", "r"} & found.keys())
    keeps = bool({"a", "p"} & found.keys())
    pairs = [(paths[0], paths[1])] if "T" in found and len(paths) == 2 else _targets(process, "cp", paths)
    status = 0
    for source, target in pairs:
        follow = not ({"a", "d", "P"} & found.keys() or (recursive and "L" not in found))
        try:
            node = process.tree.find(process.path(source), follow=follow, who=process.user)
        except FileError as error:
            status = 1
            yield from process.say(f"cp: can't stat '{source}': {error.text}\n", 2)
            continue
        if isinstance(node, Directory) and not recursive:
            status = 1
            yield from process.say(f"cp: omitting directory '{source}'\n", 2)
            continue
        if node is process.tree.get(process.path(target), follow=follow):
            status = 1
            yield from process.say(f"cp: '{source}' and '{target}' are the same file\n", 2)
            continue
        status |= yield from _copy(process, node, target, keeps)
        if "v" in found:
            yield from process.say(f"'{source}' -> '{target}'\n")
    return status


def _copy(process: Process, node: Node, target: str, keeps: bool) -> Steps[int]:
    tree, path, user = process.tree, process.path(target), process.user
    yield None
    try:
        there = tree.get(path, follow=False, who=user)
        if isinstance(node, Directory):
            if there is None:
                made: Node = tree.make_directory(path, node.mode & ~process.mask, user)
            elif isinstance(there, Directory):
                made = there
            else:
                raise FileError("ENOTDIR")
            for name in node.names():
                child = node.get(name)
                if child is not None and child is not made:
                    yield from _copy(process, child, f"{target.rstrip('/')}/{name}", keeps)
        elif isinstance(node, Link):
            if there is not None:
                tree.remove(path, user)
            made = tree.make_link(path, node.target, user)
        else:
            if not tree.may(node, 4, user):
                raise FileError("EACCES")
            made = tree.opened(path, write=True, create=True, truncate=True, mode=node.mode & ~process.mask, who=user)
            if isinstance(made, File):
                if isinstance(node, File):
                    node.data = bytes(node.data)  # shared, until one of the two changes it
                    tree.fill(made, node.data)
                else:
                    tree.fill(made, node.content() if isinstance(node, Live) else b"")
        if keeps:
            made.mode, made.mtime = node.mode, node.mtime
            if user.uid == 0:
                made.uid, made.gid = node.uid, node.gid
    except FileError as error:
        yield from process.say(f"cp: can't create '{target}': {error.text}\n", 2)
        return 1
    return 0


@command("/bin/mv")
def mv(process: Process, words: list[str]) -> Steps[int]:
    found, paths = options(words, "finTv")
    status = 0
    for source, target in _targets(process, "mv", paths):
        if "n" in found and process.tree.get(process.path(target), follow=False) is not None:
            continue
        try:
            process.tree.rename(process.path(source), process.path(target), process.user)
        except FileError as error:
            if error.word == "EXDEV":  # to another file system
                node = process.tree.find(process.path(source), follow=False)
                status |= yield from _copy(process, node, target, keeps=True)
                yield from _remove(process, process.path(source), node)
                continue
            status = 1
            yield from process.say(f"mv: can't rename '{source}': {error.text}\n", 2)
    return status


@command("/bin/rm")
def rm(process: Process, words: list[str]) -> Steps[int]:
    found, paths = options(words, "firRv")
    recursive = bool({"r", "R"} & found.keys())
    if not paths and "f" not in found:
        raise Broken("usage: rm [-irf] FILE...")
    status = 0
    for path in paths:
        if path.rstrip("/").rpartition("/")[2] in (".", "..", ""):
            status = 1
            yield from process.say("rm: can't remove '.' or '..'\n" if path.strip("/") else "rm: can't remove '/'\n", 2)
            continue
        try:
            node = process.tree.find(process.path(path.rstrip("/")), follow=False, who=process.user)
            if isinstance(node, Directory) and not recursive:
                status = 1
                yield from process.say(f"rm: '{path}' is a directory\n", 2)
                continue
            yield from _remove(process, process.path(path.rstrip("/")), node)
        except FileError as error:
            if error.word != "ENOENT" or "f" not in found:
                status = 1
                yield from process.say(f"rm: can't remove '{path}': {error.text}\n", 2)
    return status


def _remove(process: Process, path: str, node: Node) -> Steps[None]:
    yield None
    if not isinstance(node, Directory):
        process.tree.remove(path, process.user)
        return
    for name in node.names():
        child = node.get(name)
        if child is not None:
            yield from _remove(process, f"{path}/{name}", child)
    process.tree.remove_directory(path, process.user)


@command("/bin/mkdir")
def mkdir(process: Process, words: list[str]) -> Steps[int]:
    found, paths = options(words, "m:pv")
    mode = int(found["m"], 8) if re.fullmatch("[0-7]+", found.get("m", "")) else None
    status = 0
    for path in paths:
        try:
            if "p" in found:
                at = "/" if path.startswith("/") else ""
                for part in filter(None, path.rstrip("/").split("/")[:-1]):
                    at += f"{part}/"
                    if process.tree.get(process.path(at), who=process.user) is None:
                        process.tree.make_directory(process.path(at.rstrip("/")), 0o777 & ~process.mask, process.user)
                if _is_folder(process, path):
                    continue
            made = process.tree.make_directory(process.path(path.rstrip("/")), 0o777 & ~process.mask, process.user)
            made.mode = made.mode if mode is None else mode
        except FileError as error:
            status = 1
            yield from process.say(f"mkdir: can't create directory '{path}': {error.text}\n", 2)
    return status


@command("/bin/rmdir")
def rmdir(process: Process, words: list[str]) -> Steps[int]:
    found, paths = options(words, "p")
    status = 0
    for path in paths:
        try:
            while path.strip("/"):
                process.tree.remove_directory(process.path(path), process.user)
                path = posixpath.dirname(path.rstrip("/")) if "p" in found else ""
        except FileError as error:
            status = 1
            yield from process.say(f"rmdir: '{path}': {error.text}\n", 2)
    return status


@command("/bin/touch")
def touch(process: Process, words: list[str]) -> Steps[int]:
    from lxdnb.sandbox.commands.times import moment

    found, paths = options(words, "cd:t:r:amh")
    now = process.machine.host.clock()
    when = moment(found["d"], now) if "d" in found else now
    if "r" in found:
        when = process.tree.find(process.path(found["r"])).mtime
    status = 0
    for path in paths:
        try:
            if "c" in found and process.tree.get(process.path(path)) is None:
                continue
            node = process.tree.locate(process.path(path), who=process.user).node
            if node is None:
                mode = 0o666 & ~process.mask
                node = process.tree.opened(process.path(path), write=True, create=True, mode=mode, who=process.user)
            node.mtime = when
        except FileError as error:
            status = 1
            yield from process.say(f"touch: {path}: {error.text}\n", 2)
    return status


@command("/bin/ln")
def ln(process: Process, words: list[str]) -> Steps[int]:
    found, paths = options(words, "sfnbvT")
    pairs = _targets(process, "ln", paths if len(paths) != 1 else [*paths, "."])
    if "n" in found or "T" in found:
        pairs = [(paths[0], paths[1])] if len(paths) == 2 else pairs
    status = 0
    for source, target in pairs:
        path = process.path(target)
        try:
            if "f" in found and process.tree.get(path, follow=False) is not None:
                process.tree.remove(path, process.user)
            if "s" in found:
                process.tree.make_link(path, source, process.user)
            else:
                process.tree.make_name(process.tree.find(process.path(source), follow=False), path, process.user)
        except FileError as error:
            status = 1
            yield from process.say(f"ln: {target if error.word == 'EEXIST' else source}: {error.text}\n", 2)
    return status


@command("/usr/bin/readlink", "/usr/bin/realpath")
def readlink(process: Process, words: list[str]) -> Steps[int]:
    found, paths = options(words, "fnqsv")
    whole = "f" in found or process.words[0].endswith("realpath")
    status = 0
    for path in paths:
        try:
            if whole:
                text = process.tree.real_path(process.path(path), process.user)
            else:
                node = process.tree.find(process.path(path), follow=False, who=process.user)
                if not isinstance(node, Link):
                    status = 1
                    continue
                text = node.target
            yield from process.say(text + ("" if "n" in found else "\n"))
        except FileError as error:
            status = 1
            if process.words[0].endswith("realpath"):
                yield from process.say(f"realpath: {path}: {error.text}\n", 2)
    return status


@command("/usr/bin/basename")
def basename(process: Process, words: list[str]) -> Steps[int]:
    words = words[1:] if words[:1] == ["--"] else words
    if not words:
        raise Broken("usage: basename FILE [SUFFIX]")
    name = posixpath.basename(words[0].rstrip("/")) or ("/" if words[0] else "")
    suffix = words[1] if len(words) > 1 else ""
    yield from process.say((name.removesuffix(suffix) if name != suffix else name) + "\n")
    return 0


@command("/usr/bin/dirname")
def dirname(process: Process, words: list[str]) -> Steps[int]:
    if not words:
        raise Broken("usage: dirname FILENAME")
    path = posixpath.dirname(words[0].rstrip("/"))
    yield from process.say((path.rstrip("/") or ("/" if words[0].startswith("/") else ".")) + "\n")
    return 0


@command("/bin/mktemp")
def mktemp(process: Process, words: list[str]) -> Steps[int]:
    found, paths = options(words, "dqtup:")
    template = paths[0] if paths else f"{found.get('p', '/tmp')}/tmp.XXXXXX"
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    chosen = "".join(process.machine.host.random.choice(letters) for _ in range(6))
    path = re.sub("X{6}$", chosen, template)
    if path == template:
        raise Broken("Invalid argument")
    if "d" in found:
        process.tree.make_directory(process.path(path), 0o700, process.user)
    else:
        process.tree.opened(process.path(path), write=True, create=True, mode=0o600, who=process.user)
    yield from process.say(f"{path}\n")
    return 0


@command("/usr/bin/mkfifo")
def mkfifo(process: Process, words: list[str]) -> Steps[int]:
    _, paths = options(words, "m:")
    for path in paths:
        made = Fifo(0o666 & ~process.mask, process.machine.host.clock())
        process.tree.make_node(process.path(path), made, process.user)
    yield from ()
    return 0


@command("/usr/bin/truncate")
def truncate(process: Process, words: list[str]) -> Steps[int]:
    from lxdnb.sandbox.commands.reading import number

    found, paths = options(words, "cs:")
    for path in paths:
        node = process.tree.opened(process.path(path), write=True, create=True, who=process.user)
        if isinstance(node, File):
            process.tree.resize(node, number(found.get("s", "0")))
    yield from ()
    return 0

"""What each verb of `%lxd` does: one function a verb, from a Request's options to the value that the cell gets."""

from __future__ import annotations

import codecs
import re
import sys
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TextIO

from IPython.core.getipython import get_ipython

from lxdnb import api, frames
from lxdnb.client import Client
from lxdnb.exceptions import BulkFailed, CommandFailed, LXDError, NotFound
from lxdnb.magics.grammar import GrammarError
from lxdnb.models import ExecResult, Instance
from lxdnb.remotes import image_source

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["VERBS", "ShownResult", "run_delete", "run_exec", "run_launch", "run_list", "run_start", "run_stop"]

SHOWN = 1_000_000  # bytes of output that a cell shows; Jupyter drops messages when more comes at once
_FIELDS = ("config", "expanded_config", "devices", "expanded_devices", "state")  # that paths begin with
TICK = 0.05  # seconds between two looks at a command's output


class ShownResult(ExecResult):
    """The result of a command whose output stands in the cell already, so that the cell does not show it twice."""

    shown_in: int | None = None

    def _ipython_display_(self) -> None:
        shell = get_ipython()
        if shell is None or shell.execution_count != self.shown_in:
            print(repr(ExecResult(*self)))


def run_list(client: Client, options: Mapping[str, Any]) -> pd.DataFrame:
    """Return the instances as a DataFrame."""
    columns = _columns(options["columns"])
    frame = frames.instances(
        client, columns and list(dict.fromkeys([*columns, "name"])), all_projects=options["all_projects"]
    )
    for pattern in options["filters"]:
        try:
            keeps = re.compile(pattern, re.IGNORECASE)
        except re.error as error:
            raise GrammarError(f"list: {pattern!r} is no regular expression: {error}") from None
        if "=" in pattern:
            raise GrammarError(f"list: {pattern!r}: filter the DataFrame for this: df = %lxd list, then df.query(…)")
        frame = frame.loc[[bool(keeps.match(name)) for name in frame["name"]]].reset_index(drop=True)
    return frame if columns is None else frame.loc[:, columns]


def run_launch(client: Client, options: Mapping[str, Any]) -> Instance:
    """Create an instance, start it and return it."""
    devices = dict(_device(words) for words in options["device"])
    if options["storage"]:
        devices["root"] = {"type": "disk", "path": "/", "pool": options["storage"]}
    if options["network"]:
        devices["eth0"] = _nic(client, options["network"])
    if options["no_profiles"] and options["profiles"]:
        raise GrammarError("launch: --profile and --no-profiles exclude each other")
    manager = client.virtual_machines if options["vm"] else client.containers
    return manager.launch(
        image_source(options["image"], client.product),
        options["name"],
        profiles=[] if options["no_profiles"] else options["profiles"],
        config=dict(_pair("launch", "--config", words) for words in options["config"]),
        devices=devices,
        ephemeral=options["ephemeral"],
        target=options["target"],
    )


def run_start(client: Client, options: Mapping[str, Any]) -> pd.DataFrame:
    """Start instances; those that are frozen go on."""

    def start(instance: Instance) -> None:
        if instance.status == "Frozen":
            instance.unfreeze()
        else:
            instance.start()

    return _act(client, "start", options, start)


def run_stop(client: Client, options: Mapping[str, Any]) -> pd.DataFrame:
    """Stop instances."""
    timeout, force = options["timeout"] if options["timeout"] is not None else -1, options["force"]
    return _act(client, "stop", options, lambda instance: instance.stop(timeout=timeout, force=force))


def run_delete(client: Client, options: Mapping[str, Any]) -> pd.DataFrame:
    """Delete instances."""

    def stop(instance: Instance) -> None:
        if options["force"] and instance.status != "Stopped":
            instance.stop()

    def delete(instance: Instance) -> None:
        if not (options["force"] and instance.ephemeral and instance.status != "Stopped"):
            instance.delete()  # an ephemeral one is gone with its stop

    return _act(client, "delete", options, stop, delete)


def run_exec(client: Client, options: Mapping[str, Any], script: str | None = None) -> ExecResult:
    """Run a command in an instance, or a script in its shell; show its output as it comes, and return it."""
    command: list[str] = options["command"]
    if script is None and not command:
        raise GrammarError("exec: name a command, as in %lxd exec NAME -- uname -a")
    if script is not None and not command:
        command = ["sh", "-s"]
    instance = client.instances.get(options["name"])
    stdout, stderr = _Shown(), _Shown()
    running = instance.start_command(
        command,
        environment=dict(_pair("exec", "--env", words) for words in options["env"]),
        stdin=None if script is None else script.encode(),
        on_stdout=stdout.take,
        on_stderr=stderr.take,
        user=options["user"],
        group=options["group"],
        cwd=options["cwd"],
    )
    try:
        # This thread prints, not those that read: only so does it stand in this cell, in few messages.
        while not running.join(TICK):
            stdout.show(sys.stdout)
            stderr.show(sys.stderr)
    except KeyboardInterrupt:
        running.signal(2)
        stdout.drop()  # whatever a command that does not listen still says
        stderr.drop()
        raise
    finally:
        stdout.show(sys.stdout, final=True)
        stderr.show(sys.stderr, final=True)
    exit_code = running.wait()
    if exit_code:
        raise CommandFailed(instance.name, command, exit_code)
    result = ShownResult(exit_code, stdout.text(), stderr.text())
    shell = get_ipython()
    result.shown_in = shell.execution_count if shell else None
    return result


VERBS = {
    "list": run_list,
    "launch": run_launch,
    "start": run_start,
    "stop": run_stop,
    "delete": run_delete,
    "exec": run_exec,
}


def _act(client: Client, verb: str, options: Mapping[str, Any], *steps: Callable[[Instance], None]) -> pd.DataFrame:
    """Do something to each instance that was named; return what became of them.

    Each step is begun for all of them before any is waited for.
    """
    names: list[str] = list(dict.fromkeys(options["names"]))
    if bool(names) == bool(options.get("all")):
        raise GrammarError(f"{verb}: name the instances" + (", or give --all alone" if "all" in options else ""))
    if options.get("all"):
        idle = {"start": {"Running", "Ready"}, "stop": {"Stopped"}}[verb]
        chosen = [instance for instance in client.instances.all() if instance.status not in idle]
    else:
        # All are looked up before the first is touched, so that a slip in one name does nothing by halves.
        chosen = [_named(client, name) for name in names]
    before = [instance.status for instance in chosen]
    if options["dry_run"]:
        print(f"dry run: would {verb} {', '.join(instance.name for instance in chosen) or 'nothing'}")
        return frames.outcomes([instance.name for instance in chosen], before, [None] * len(chosen))
    failed: dict[str, LXDError] = {}
    for step in steps:
        for act in (step, _finish):
            for instance in chosen:
                try:
                    if instance.name not in failed:
                        act(instance)
                except LXDError as error:
                    failed[instance.name] = error
    if len(chosen) == len(failed) == 1:
        raise failed[chosen[0].name]
    if failed:
        raise BulkFailed(verb, failed, len(chosen))
    after = [_status_now(instance) for instance in chosen]
    return frames.outcomes([instance.name for instance in chosen], before, after)


def _finish(instance: Instance) -> None:
    if instance.operation is not None:
        instance.operation.wait()


def _status_now(instance: Instance) -> str | None:
    try:
        instance.sync()
    except NotFound:
        return None
    return instance.status


def _named(client: Client, name: str) -> Instance:
    try:
        return client.instances.get(name)
    except NotFound as error:
        raise NotFound(error.response, message=f"no instance named {name!r}") from error


def _columns(text: str | None) -> list[str] | None:
    """Return the columns that -c asks for: letters as those of `lxc list`, names, paths of fields, or its own keys of
    configuration, as `user.role`, `config:image.os` and `devices:eth0.parent`; commas stand between all but letters."""
    if text is None:
        return None
    letters = {letter: name for name, column in frames.INSTANCE_COLUMNS.items() for letter in column.letter or ""}
    chosen: list[str] = []
    for part in filter(None, map(str.strip, text.split(","))):
        if part in frames.INSTANCE_COLUMNS:
            chosen.append(part)
        elif "." in part or ":" in part:
            chosen.append(_field(part))
        elif unknown := [letter for letter in part if letter not in letters]:
            names = ", ".join(f"{letter} {name}" for letter, name in letters.items())
            raise GrammarError(
                f"list: -c {part}: there is no column {unknown[0]!r}; there are {names}, full names, or fields"
            )
        else:
            chosen += [letters[letter] for letter in part]
    if not chosen:
        raise GrammarError("list: -c takes columns, as in -c ns4 or -c name,status")
    return list(dict.fromkeys(chosen))


def _field(text: str) -> str:
    """Return the path of a field that is named as a path, or as `lxc list` names keys of configuration and devices."""
    of, colon, key = text.partition(":")
    if colon:
        if of not in ("config", "devices") or not key or ":" in key:
            raise GrammarError(
                f"list: -c {text}: a key is KEY, config:KEY or devices:NAME.KEY; for a title, rename the column of the "
                "DataFrame: df.rename(columns=…)"
            )
        return f"expanded_{of}.{key}"
    first = text.partition(".")[0]
    return text if first in _FIELDS else f"expanded_config.{text}"


def _pair(verb: str, option: str, text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise GrammarError(f"{verb}: {option} takes KEY=VALUE, not {text!r}")
    return key, value


def _device(text: str) -> tuple[str, dict[str, str]]:
    name, _, rest = text.partition(",")
    if not (name and rest):
        raise GrammarError(f"launch: --device takes NAME,KEY=VALUE,…, not {text!r}")
    return name, dict(_pair("launch", "--device", pair) for pair in rest.split(","))


def _nic(client: Client, network: str) -> dict[str, str]:
    record = api.metadata(client.api.networks[network].get())
    if record["managed"]:
        return {"type": "nic", "name": "eth0", "network": network}
    kind = "bridged" if record["type"] == "bridge" else "macvlan"
    return {"type": "nic", "name": "eth0", "nictype": kind, "parent": network}


class _Shown:
    """Output on its way into a cell: all of it is kept, the first SHOWN bytes of it are shown."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pieces: list[bytes] = []
        self._shown = 0
        self._size = 0
        self._next = 0
        self._dropping = False
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def take(self, piece: bytes) -> None:
        with self._lock:
            if not self._dropping:
                self._pieces.append(piece)
                self._size += len(piece)

    def drop(self) -> None:
        with self._lock:
            self._dropping = True

    def show(self, to: TextIO, final: bool = False) -> None:
        with self._lock:
            new = b"".join(self._pieces[self._next :])
            self._next = len(self._pieces)
        new = new[: SHOWN - self._shown]
        self._shown += len(new)
        if text := self._decoder.decode(new, final):
            print(text, end="", file=to, flush=True)
        if final and self._size > self._shown:
            more = self._size - self._shown
            print(f"\n… {more:,} bytes more are not shown; the value of %lxd exec has them all", file=sys.stderr)

    def text(self) -> str:
        return b"".join(self._pieces).decode("utf-8", "replace")

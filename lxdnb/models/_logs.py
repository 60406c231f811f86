"""What an instance has said: its console, and the files of its log. A name of a file is one segment of a path."""

from __future__ import annotations

from typing import IO, Literal, overload

from lxdnb import api
from lxdnb.exceptions import LXDAPIException, NotFound
from lxdnb.models._model import Model, name_in
from lxdnb.models._transfer import Heard, Place, heard, placed, received, take

__all__ = ["ExecOutputManager", "LogManager", "Logs"]

NO_FILE = "no such file or directory"  # what servers say of a console that has said nothing yet


class LogManager:
    """`instance.logs`: what the server has written of running it.

    >>> logs = client.instances.get("c1").logs
    >>> logs.all()
    ['lxc.conf', 'lxc.log']
    >>> with logs.get("lxc.conf") as file:
    ...     b"lxc.log.level" in file.read()
    True

    https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/instances/instance_logs_get
    """

    def __init__(self, instance: Model) -> None:
        self._instance = instance

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._instance!r}>"

    def all(self) -> list[str]:
        """Return the names of the files."""
        return self._names(self._instance.api.logs)

    @overload
    def get(self, name: str, to: None = None, *, on_progress: Heard = None) -> IO[bytes]: ...
    @overload
    def get(self, name: str, to: Place, *, on_progress: Heard = None) -> None: ...

    def get(self, name: str, to: Place | None = None, *, on_progress: Heard = None) -> IO[bytes] | None:
        """Fetch a file into `to`: a path, or a file open for bytes; without, return it as an open temporary file.

        It is streamed, and has its name here only when it is whole. `on_progress` is called with a `Progress`. Raises
        LXDAPIException for what is no name of a log, NotFound for one that is not there.
        """
        heard(on_progress)
        with placed(to) as file, received(self._node(name), stage="log", on_progress=on_progress) as (_, pieces):
            take(pieces, file)
            if to is None:
                file.seek(0)
                return file
        return None

    def delete(self, name: str) -> None:
        """Delete a file. Raises LXDAPIException for those that the server keeps, as `lxc.log`, NotFound."""
        self._node(name).delete()

    def _names(self, node: api.APINode) -> list[str]:
        try:
            found = [name_in(url) for url in api.metadata(node.get()) or []]
        except NotFound:
            found = []  # Incus has no folder for output before there is some
        if not found:
            self._instance.api.get()  # raises NotFound where that is what is not there
        return found

    def _node(self, name: str) -> api.APINode:
        return self._instance.api.logs[name]


class ExecOutputManager(LogManager):
    """`instance.exec_output`: output of commands that were run with `record-output`, which `client.api` does.

    Servers that have no place of its own for it, as LXD 5.0, have it among the logs.

    >>> instance = client.instances.get("c1")
    >>> wanted = {"command": ["echo", "hi"], "record-output": True}
    >>> answer = instance.api.exec.post(json=wanted)
    >>> _ = client.operations.from_record(answer.json()["metadata"]).wait()
    >>> errors, output = sorted(instance.exec_output.all())
    >>> with instance.exec_output.get(output) as file:
    ...     file.read()
    b'hi\\n'
    """

    def __init__(self, instance: Model) -> None:
        super().__init__(instance)
        self._apart: bool | None = None  # whether it has a place of its own, when that is known

    def all(self) -> list[str]:
        """Return the names of the files, two for each command: its stdout and its stderr."""
        return [name for name in self._names(self._place()) if name.startswith("exec_")]

    def _node(self, name: str) -> api.APINode:
        _ = self._instance.api.logs[name]  # refuses what is no name, before anything is sent
        return self._place()[name]

    def _place(self) -> api.APINode:
        logs = self._instance.api.logs
        if self._apart is None:
            self._instance.client.assert_has_api_extension("container_exec_recording")
            try:
                logs["exec-output"].get()
                self._apart = True
            except LXDAPIException as error:
                self._apart = NO_FILE in str(error)  # as Incus says before there is some
                # LXD 5.0 takes it for the name of a file, and for none of a log's.
                if not self._apart and error.status_code != 400:
                    raise
        return logs["exec-output"] if self._apart else logs


class Logs(Model):
    """The part of an instance that tells what was said."""

    @property
    def logs(self) -> LogManager:
        """The files of its log: all, get, delete."""
        return LogManager(self)

    @property
    def exec_output(self) -> ExecOutputManager:
        """The recorded output of commands: all, get, delete."""
        return ExecOutputManager(self)

    @overload
    def console_log(self, *, decode: Literal[True] = True) -> str: ...
    @overload
    def console_log(self, *, decode: bool) -> str | bytes: ...

    def console_log(self, *, decode: bool = True) -> str | bytes:
        """Return what its console has said: text, with U+FFFD for what is no UTF-8, or bytes with `decode=False`.

        Of a container that runs servers tell each word once: what was said since somebody asked last. Of one that is
        stopped they tell all. Where there is nothing it is empty. Raises LXDAPIException where the server has none of
        its kind, as LXD of virtual machines.

        >>> client.instances.get("c2").console_log()
        ''

        https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/instances/instance_console_get
        """
        self.client.assert_has_api_extension("console")
        try:
            said = self.api.console.get(is_api=False, headers={"Accept-Encoding": "identity"}).content
        except LXDAPIException as error:
            if NO_FILE not in str(error):
                raise
            said = b""
        return said.decode("utf-8", "replace") if decode else said

    def clear_console_log(self) -> None:
        """Have the server forget what its console has said: of a container that runs, what nobody has asked for yet."""
        self.client.assert_has_api_extension("console")
        try:
            self.api.console.delete()
        except NotFound as error:
            if NO_FILE not in str(error):
                raise

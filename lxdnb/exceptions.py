"""Every error that lxdnb raises on purpose, in one tree with one root.

    LXDError
    ├── LXDAPIException              the server answered, and said no
    │   ├── NotFound                 … there is no such thing (404)
    │   ├── Conflict                 … it clashes with what is there (409, 412)
    │   │   └── SaveConflict         … a value was changed here and there, to different ones
    │   ├── Forbidden                … this client may not (401, 403)
    │   ├── FileFailed               … to a file in an instance, with its path and the reason
    │   └── OperationFailed          a background operation ended in failure
    │       └── OperationCancelled   … because somebody cancelled it
    ├── LXDAPIExtensionNotAvailable  the server is too old for what was asked; nothing was sent
    ├── OperationTimeout             waiting ran out (also a TimeoutError); the operation goes on
    ├── NotReady                     an instance did not become ready (also a TimeoutError)
    ├── CommandFailed                a command in an instance ended with an exit code other than 0
    ├── CommandTimeout               a command took longer than it was given (also a TimeoutError), and was killed
    ├── FingerprintMismatch          what was fetched is not what it was to be, and was thrown away
    ├── BulkFailed                   of several things to do, some could not be done
    └── ClientConnectionFailed       no server answered (also a ConnectionError)

`str(error)` tells a person what went wrong and, where we know it, what to do; details for programs
are attributes. The names that programs written for pylxd catch are among them, with its meaning.
Wrong arguments are Python's own TypeError and ValueError, raised before anything is sent.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lxdnb import redact

if TYPE_CHECKING:
    from requests import Response

__all__ = [
    "BulkFailed",
    "ClientConnectionFailed",
    "CommandFailed",
    "CommandTimeout",
    "Conflict",
    "FileFailed",
    "FingerprintMismatch",
    "Forbidden",
    "LXDAPIException",
    "LXDAPIExtensionNotAvailable",
    "LXDError",
    "NotFound",
    "NotReady",
    "OperationCancelled",
    "OperationFailed",
    "OperationTimeout",
    "SaveConflict",
]


class LXDError(Exception):
    """The root: catch it for anything that can go wrong between you and a server."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class LXDAPIException(LXDError):
    """The server answered with an error, or with something that its API does not allow.

    `response` is the answer (a `requests.Response`) but for what is nobody's to read: secrets, and what was sent;
    `message` replaces its text where we know better; `status_code` is the code in its body where there is one (Incus
    sends errors of operations with HTTP 200), else that of HTTP.

    >>> try:
    ...     client.instances.get("nobody")
    ... except lxdnb.LXDAPIException as error:
    ...     print(error.status_code, error)
    404 Instance not found
    """

    def __init__(self, response: Response, *, message: str | None = None) -> None:
        super().__init__(response)
        self.response: Response = redact.answer(response)
        self.message = message

    @property
    def status_code(self) -> int:
        """The error code as the server means it."""
        return int(_body(self.response).get("error_code") or self.response.status_code)

    def __str__(self) -> str:
        if self.message is not None:
            return self.message
        body = _body(self.response)
        if body.get("error"):
            return str(body["error"])
        operation: Any = body.get("metadata")
        if isinstance(operation, dict) and operation.get("err"):
            return str(operation["err"])
        text = self.response.text.strip()
        if body or not text:
            return f"the server answered {self.response.status_code} {self.response.reason or ''}".strip()
        return f"{text.splitlines()[0][:300]} (HTTP {self.response.status_code})"


class NotFound(LXDAPIException):
    """What was named is not there."""


class Conflict(LXDAPIException):
    """What was asked clashes with what the server has: a name is taken, or the object changed meanwhile."""


class SaveConflict(Conflict):
    """A value was changed here and, meanwhile, by somebody else, and to different ones; nothing was saved.

    `key` is its path, as in `config.limits.memory`; `theirs` what the server has now, `ours` what was to be saved,
    None for a value that is not there. The text names the key alone: values may be secrets.
    """

    def __init__(self, response: Response, key: str, theirs: Any, ours: Any) -> None:
        super().__init__(response)
        self.key = key
        self.theirs = theirs
        self.ours = ours

    def __str__(self) -> str:
        return (
            f"{self.key} was changed here, and meanwhile on the server to something else; nothing was saved: "
            "rollback() takes the server's, sync() and another save() keep yours"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.response, self.key, self.theirs, self.ours)


class Forbidden(LXDAPIException):
    """The server does not trust this client, or not for this."""


class FileFailed(LXDAPIException):
    """A file or folder in an instance could not be read, written or removed.

    `path` is the path in the instance, `reason` what the instance's system said: no space left on device, is a
    directory, permission denied. What is not there is NotFound instead.
    """

    def __init__(self, response: Response, path: str, reason: str) -> None:
        shown = path if len(path) <= 200 else f"{path[:197]}…"
        super().__init__(response, message=f"{shown}: {reason}")
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.response, self.path, self.reason)


class OperationFailed(LXDAPIException):
    """A background operation ended in failure.

    `operation` is its record as the server last told it (a dict: `id`, `status`, `err`, `metadata`, …),
    or what is known of it where the record is already gone.
    """

    def __init__(self, response: Response, operation: Mapping[str, Any]) -> None:
        super().__init__(response)
        self.operation: dict[str, Any] = redact.record(operation)

    def __str__(self) -> str:
        return str(self.operation.get("err") or super().__str__())

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.response, self.operation)


class OperationCancelled(OperationFailed):
    """A background operation was cancelled before its end."""


class OperationTimeout(LXDError, TimeoutError):
    """A wait ran out. The operation is not lost: `operation_id` can be waited on again.

    `operation` is its record as last seen, or an empty dict.
    """

    def __init__(self, operation_id: str, seconds: float, operation: Mapping[str, Any] | None = None) -> None:
        super().__init__(operation_id, seconds)
        self.operation_id = operation_id
        self.seconds = seconds
        self.operation: dict[str, Any] = redact.record(operation or {})

    def __str__(self) -> str:
        what = self.operation.get("description") or "the operation"
        return (
            f"{what} was not done within {self.seconds:g} s; it goes on: "
            f"wait again with client.operations.wait_for_operation({self.operation_id!r})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.operation_id, self.seconds, self.operation)


class NotReady(LXDError, TimeoutError):
    """An instance did not become ready: `reason` says what it still lacked, or how it ended."""

    def __init__(self, instance: str, reason: str) -> None:
        super().__init__(instance, reason)
        self.instance = instance
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.instance} is not ready: {self.reason}"


class CommandFailed(LXDError):
    """A command ran in an instance and ended with an exit code other than 0."""

    def __init__(self, instance: str, command: Sequence[str], exit_code: int) -> None:
        super().__init__(instance, command, exit_code)
        self.instance = instance
        self.command = list(command)
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{_shown(self.command)} in {self.instance} ended with exit code {self.exit_code}"


class CommandTimeout(LXDError, TimeoutError):
    """A command did not end within the `seconds` that it was given, and was killed.

    `stdout` and `stderr` are what it had said till then: str, or bytes where those were asked for, and empty where
    handlers took it.
    """

    def __init__(
        self, instance: str, command: Sequence[str], seconds: float, stdout: str | bytes, stderr: str | bytes
    ) -> None:
        super().__init__(instance, command, seconds, stdout, stderr)
        self.instance = instance
        self.command = list(command)
        self.seconds = seconds
        self.stdout = stdout
        self.stderr = stderr

    def __str__(self) -> str:
        return f"{_shown(self.command)} in {self.instance} did not end within {self.seconds:g} s and was killed"


class FingerprintMismatch(LXDError):
    """What was fetched is not what it was to be: damaged on the way, or where it was kept.

    `wanted` is the SHA-256 that it was to have, `found` the one that it has.
    """

    def __init__(self, wanted: str, found: str) -> None:
        super().__init__(wanted, found)
        self.wanted = wanted
        self.found = found

    def __str__(self) -> str:
        return f"what came has the SHA-256 {self.found}, not {self.wanted}: it was damaged, and is thrown away"


class BulkFailed(LXDError):
    """Of several things to do, some could not be done; the others are done.

    `errors` maps the name of each that failed to its error, `count` is how many were to be done.
    """

    def __init__(self, what: str, errors: Mapping[str, LXDError], count: int) -> None:
        super().__init__(what, errors, count)
        self.what = what
        self.errors = dict(errors)
        self.count = count

    def __str__(self) -> str:
        reasons = "; ".join(f"{name}: {error}" for name, error in self.errors.items())
        return f"{self.what} failed for {len(self.errors)} of {self.count}: {reasons}"


class LXDAPIExtensionNotAvailable(LXDError):
    """The server lacks an API extension, so that what was asked cannot be done there.

    What is given besides its `name` says what can be done instead.
    """

    def __init__(self, name: str, *args: object) -> None:
        super().__init__(name, *args)
        self.name = name

    def __str__(self) -> str:
        told = f"the server lacks the API extension {self.name!r}: it needs a newer LXD or Incus"
        return "; ".join([told, *map(str, self.args[1:])])


class ClientConnectionFailed(LXDError, ConnectionError):
    """No server answered.

    `tried` maps each place that was tried to the reason why it failed, in the order of trying.

    >>> lxdnb.Client(endpoint="/nowhere/unix.socket")
    Traceback (most recent call last):
    ClientConnectionFailed: no LXD or Incus answered at /nowhere/unix.socket: there is no such socket …
    """

    def __init__(self, message: str = "no server answered", tried: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.tried = dict(tried or {})


def _shown(command: Sequence[str]) -> str:
    words = " ".join(shlex.join(command).split())  # on one line, whatever script it is
    return words if len(words) <= 60 else words[:57] + "…"


def _body(response: Response) -> dict[str, Any]:
    try:
        body: Any = response.json()
    except (ValueError, RuntimeError):  # not JSON, or a streamed body that is already consumed
        return {}
    return body if isinstance(body, dict) else {}

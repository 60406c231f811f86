"""Background operations: what a write was answered with when it takes a while."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from lxdnb import api, checks, redact
from lxdnb.models._all_projects import of_all_projects

if TYPE_CHECKING:
    from lxdnb.client import Client
    from lxdnb.transport import Call

__all__ = ["Operation", "OperationManager", "Progress", "progress"]

PROGRESS_SECONDS = 1  # between two looks at how far it has come


class Progress(NamedTuple):
    """How far an operation has come: `percent` is 0 to 100, None where the server does not tell."""

    stage: str
    percent: float | None
    text: str


def progress(metadata: Mapping[str, Any]) -> Progress | None:
    """Return how far an operation has come, by its metadata; None where that says nothing of it."""
    # A text under a name of its own for each kind of work, and on newer servers the numbers as well.
    texts = {key: value for key, value in metadata.items() if key.endswith("_progress") and isinstance(value, str)}
    told: Any = metadata.get("progress")
    numbers: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
    if not texts and not numbers:
        return None
    key, text = next(iter(texts.items()), ("", ""))
    found = re.search(r"(\d+(?:\.\d+)?) ?%", text)
    percent = numbers.get("percent") or (found.group(1) if found else None)
    stage = numbers.get("stage") or key.removesuffix("_progress")
    return Progress(str(stage), None if percent is None else float(percent), text)


class Operation:
    """A background operation, as last seen.

    Attributes are the server's fields: `id`, `class`, `description`, `created_at`, `updated_at`, `status`,
    `status_code` (200 is success, 400 failure, 401 cancelled, less is under way), `resources`, `metadata`,
    `may_cancel`, `err`, `location`; one that the server did not send is None.

    >>> operation = client.instances.create({"name": "c1", "source": {"type": "none"}}).operation
    >>> operation.wait().status
    'Success'

    https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#background-operation
    """

    id: str
    description: str
    created_at: str
    updated_at: str
    status: str
    status_code: int
    resources: dict[str, list[str]]
    metadata: dict[str, Any]
    may_cancel: bool
    err: str
    location: str
    secret: str | None

    _client: Client

    def __init__(self, **fields: Any) -> None:
        self._record = _kept(fields)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_record": redact.record(self._record)}

    @classmethod
    def from_record(cls, client: Client, record: Mapping[str, Any]) -> Self:
        """Make an object of a record that the server sent."""
        made = cls(**record)
        made._client = client
        return made

    @classmethod
    def get(cls, client: Client, operation_id: str) -> Self:
        """Return an operation by its id, or by its URL as servers give it. Raises NotFound."""
        node = client.api.operations[api.operation_id(operation_id)]
        return cls.from_record(client, api.metadata(node.get()))

    @classmethod
    def all(cls, client: Client, all_projects: bool = False) -> list[Self]:
        """Return the operations that the server knows: those under way, and for 5 s those that have ended.

        Of the client's project, or with `all_projects` of all of them. One request. Raises LXDAPIExtensionNotAvailable
        where the server cannot, as LXD 5.0: each project's are those of `client.use_project(name).operations`.
        """
        params: dict[str, Any] = {"recursion": 1}
        if all_projects:
            params |= of_all_projects(client, "operations_get_query_all_projects")
        by_status: dict[str, list[dict[str, Any]]] = api.metadata(client.api.operations.get(params=params)) or {}
        return [cls.from_record(client, record) for records in by_status.values() for record in records]

    @classmethod
    def wait_for_operation(cls, client: Client, operation_id: str, timeout: float | None = None) -> Self:
        """Wait for an operation by its id or URL and return it, ended. Raises as `wait` does."""
        record = api.wait_for_operation(client.api, api.operation_id(operation_id), timeout)
        return cls.from_record(client, record)

    @staticmethod
    def extract_operation_id(s: str) -> str:
        """Return the id in an operation's URL. Raises ValueError where there is none."""
        return api.operation_id(s)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._record or name in type(self).__annotations__ or name == "class":
            return self._record.get(name)
        raise AttributeError(f"Operation has no attribute {name!r}")

    def __dir__(self) -> Iterator[str]:
        yield from {*super().__dir__(), *type(self).__annotations__, *self._record}

    def __repr__(self) -> str:
        return f"<Operation {self.description or ''!r}: {self.status}>"

    @property
    def done(self) -> bool:
        """Whether it had ended, well or not, when last seen."""
        return int(self._record.get("status_code") or 0) >= 200

    @property
    def progress(self) -> Progress | None:
        """How far it had come when last seen; None where the server has said nothing of it."""
        return progress(self._record.get("metadata") or {})

    def sync(self) -> None:
        """Look again. Raises NotFound when the server has forgotten it, as it does 5 s after its end."""
        self._record = _kept(api.metadata(self._client.api.operations[self.id].get()))

    def cancel(self) -> None:
        """Cancel it. Raises LXDAPIException when it is over or cannot be cancelled, NotFound when it is forgotten."""
        self._client.api.operations[self.id].delete()

    def wait(self, timeout: float | None = None, *, on_progress: Callable[[Progress], object] | None = None) -> Self:
        """Wait until it has ended well, and return it.

        `on_progress` is called with each new `Progress`, about once a second. Raises OperationFailed or
        OperationCancelled with the server's own words, or OperationTimeout after `timeout` seconds; the operation
        then goes on and can be waited for again.
        """
        if on_progress is not None and not callable(on_progress):
            raise TypeError(f"on_progress is a function of a Progress, not {checks.shown(on_progress)}")

        return self._wait(timeout, on_progress)

    def _wait(
        self,
        timeout: float | None = None,
        on_progress: Callable[[Progress], object] | None = None,
        call: Call | None = None,
    ) -> Self:
        def seen(record: Mapping[str, Any]) -> None:
            before = self.progress
            self._record = dict(record)
            now = self.progress
            if on_progress is not None and now is not None and now != before:
                on_progress(now)

        # One that had ended already is not asked for again: the server may have forgotten it.
        if not api.has_ended(self._record):
            every = None if on_progress is None else PROGRESS_SECONDS
            self._record = api.wait_for_operation(
                self._client.api, self.id, timeout, every=every, on_record=seen, call=call
            )
        return self


class OperationManager:
    """`client.operations`."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def __repr__(self) -> str:
        return f"<OperationManager of {self.client!r}>"

    def get(self, operation_id: str) -> Operation:
        """Return an operation by its id, or by its URL as servers give it. Raises NotFound."""
        return Operation.get(self.client, operation_id)

    def all(self, all_projects: bool = False) -> list[Operation]:
        """Return the operations that the server knows; see `Operation.all`."""
        return Operation.all(self.client, all_projects)

    def wait_for_operation(self, operation_id: str, timeout: float | None = None) -> Operation:
        """Wait for an operation by its id or URL and return it, ended. Raises as `Operation.wait` does."""
        return Operation.wait_for_operation(self.client, operation_id, timeout)

    def extract_operation_id(self, s: str) -> str:
        """Return the id in an operation's URL. Raises ValueError where there is none."""
        return Operation.extract_operation_id(s)

    def from_record(self, record: Mapping[str, Any]) -> Operation:
        """Make an object of a record that the server sent."""
        return Operation.from_record(self.client, record)


def _kept(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record without the secrets of streams. That of a token stays: such an operation is for nothing else."""
    kept: dict[str, Any] = redact.record(record)
    if record.get("class") == "token":
        kept["metadata"] = record["metadata"]
    return kept

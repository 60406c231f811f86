"""Background operations: what a write was answered with when it takes a while."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lxdnb import api

if TYPE_CHECKING:
    from lxdnb.client import Client

__all__ = ["Operation", "OperationManager"]


class Operation:
    """A background operation, as last seen.

    Attributes are the server's fields: `id`, `class`, `description`, `created_at`, `updated_at`, `status`,
    `status_code` (200 is success, 400 failure, 401 cancelled, less is under way), `resources`, `metadata`,
    `may_cancel`, `err`, `location`.

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

    def __init__(self, client: Client, record: Mapping[str, Any]) -> None:
        self._client = client
        self._record = dict(record)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._record or name in type(self).__annotations__:
            return self._record.get(name)
        raise AttributeError(f"Operation has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"<Operation {self.description or ''!r}: {self.status}>"

    @property
    def done(self) -> bool:
        """Whether it had ended, well or not, when last seen."""
        return int(self._record.get("status_code") or 0) >= 200

    def sync(self) -> None:
        """Look again. Raises NotFound when the server has forgotten it, as it does 5 s after its end."""
        self._record = dict(api.metadata(self._client.api.operations[self.id].get()))

    def cancel(self) -> None:
        """Cancel it. Raises LXDAPIException where it cannot be cancelled, NotFound when it is over."""
        self._client.api.operations[self.id].delete()

    def wait(self, timeout: float | None = None) -> Operation:
        """Wait until it has ended well, and return it.

        Raises OperationFailed or OperationCancelled with the server's own words, or OperationTimeout after `timeout`
        seconds; the operation then goes on and can be waited for again.
        """
        # One that had ended well already is not asked for again: the server may have forgotten it.
        if self._record.get("status_code") != 200:
            self._record = api.wait_for_operation(self._client.api, self.id, timeout)
        return self


class OperationManager:
    """`client.operations`."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def get(self, operation_id: str) -> Operation:
        """Return an operation by its id, or by its URL as servers give it. Raises NotFound."""
        node = self.client.api.operations[api.operation_id(operation_id)]
        return self.from_record(api.metadata(node.get()))

    def wait_for_operation(self, operation_id: str, timeout: float | None = None) -> Operation:
        """Wait for an operation by its id or URL and return it, ended. Raises as `Operation.wait` does."""
        record = api.wait_for_operation(self.client.api, api.operation_id(operation_id), timeout)
        return self.from_record(record)

    def from_record(self, record: Mapping[str, Any]) -> Operation:
        """Make an object of a record that the server sent."""
        return Operation(self.client, record)

"""Exported backups, sent to a server: the file streams, and becomes an instance or a volume there, or nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lxdnb import checks
from lxdnb.models._model import Manager, Model, name_in
from lxdnb.models._source import Data
from lxdnb.models._transfer import Heard, send
from lxdnb.models.operation import Operation

if TYPE_CHECKING:
    from requests import Response

    from lxdnb.api import APINode
    from lxdnb.client import Client

__all__ = ["Imports", "sent"]

I = TypeVar("I", bound=Model)  # noqa: E741

_NO_FIELD = re.compile("[\x00-\x1f\x7f]")


class Imports(Manager[I], Generic[I]):
    """The part of a collection of instances that takes exported backups."""

    def import_backup(
        self,
        data: Data,
        name: str | None = None,
        *,
        pool: str | None = None,
        wait: bool = True,
        on_progress: Heard = None,
    ) -> I:
        """Make an instance of a backup that was exported, and return it; as `lxc import` does.

        `data` are bytes, the path of a file here as a `pathlib.Path`, an open file or an iterable of bytes, streamed in
        constant memory. It gets the `name` and the storage `pool` that it had, or those given here. `on_progress` is
        called with each new `Progress` of the sending.

        Raises LXDAPIException or OperationFailed where the name is taken, or what comes is no backup; then there is no
        instance.

        >>> with client.instances.get("c2").export_backup() as backup:
        ...     client.instances.import_backup(backup, "again")
        <Instance 'again': Stopped>
        """
        client = self.client
        client.assert_has_api_extension("container_backup")
        for value, extension in ((name, "backup_override_name"), (pool, "container_backup_override_pool")):
            if value is not None:
                client.assert_has_api_extension(extension)
        if name is not None:
            _ = client.api.instances[name]  # refuses what is no name
        answer = sent(client, client.api.instances, data, on_progress, name=name, pool=pool)
        operation = client.operations.from_record(answer.json()["metadata"])
        if wait:
            operation.wait()
        model: Any = self.model
        found = name or _named_by(operation)
        if wait:
            return model.get(client, found)
        made = model(client, name=found)
        made._operation = operation
        return made


def sent(client: Client, node: APINode, data: Data, on_progress: Heard, **told: str | None) -> Response:
    """Send an exported backup, and beside it what is told of it where that is not None; return the answer."""
    prefix = "X-Incus-" if client.product == "incus" else "X-LXD-"
    headers: dict[str, str | bytes] = {
        f"{prefix}{key}": _field(key, value).encode() for key, value in told.items() if value is not None
    }
    return send(node, data, stage="import", on_progress=on_progress, headers=headers)


def _field(what: str, value: Any) -> str:
    """Return a name as a field of a request's head can say it."""
    text = checks.name(value, what)
    if text != text.strip() or _NO_FIELD.search(text):
        raise ValueError(f"{checks.shown(value)} is no {what}: it has white space at an end or a control character")
    return text


def _named_by(operation: Operation) -> str:
    resources = operation.resources or {}
    return name_in((resources.get("instances") or [""])[0])

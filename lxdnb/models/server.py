"""The server's own configuration, changed and saved like any resource's; what a refusal has cost it is put back."""
# What is private to a client is its server's too.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from lxdnb import api, checks
from lxdnb.exceptions import LXDAPIException, SaveConflict
from lxdnb.models._changes import Change
from lxdnb.models._model import Model
from lxdnb.models._saving import lay_on_server

if TYPE_CHECKING:
    from requests import Response

    from lxdnb.models._changes import Difference

__all__ = ["Server"]


class Server(Model):
    """A server; of a client that has a target that member of the cluster.

    `config` is its configuration, which alone can be changed; of a secret in it, as a trust password, servers tell
    True. `environment` is what the server says of itself and its machine.

    >>> server = client.server
    >>> server.config["images.auto_update_interval"] = 12
    >>> server.changes()
    {'config.images.auto_update_interval': Change(old=None, new='12')}
    >>> server.save()
    >>> client.host_info["config"]["images.auto_update_interval"]
    '12'
    >>> del server.config["images.auto_update_interval"]
    >>> server.save()

    https://documentation.ubuntu.com/lxd/stable-5.0/server/
    """

    collection: ClassVar[str] = "server"
    key: ClassVar[str] = "api_version"
    writable: ClassVar[frozenset[str]] = frozenset({"config"})

    api_extensions: list[str]
    api_status: str
    api_version: str
    auth: str
    auth_methods: list[str]
    config: dict[str, Any]
    environment: dict[str, Any]
    public: bool

    def __repr__(self) -> str:
        return f"<Server of {self.client!r}>"

    @property
    def api(self) -> api.APINode:
        """The node of the server: `client.api` itself."""
        return self.client.api

    def save(self, wait: bool = False) -> None:
        """Send what was changed here, on top of what the server has now; `client.host_info` is fresh then.

        Some servers lose configuration of their own, or take a part, when they refuse the rest. What they had is
        then put back, and the error has a note of it.

        Raises SaveConflict when a value was changed here and there, and to different ones; LXDAPIException for what
        the server refuses.
        """
        changed = self.dirty
        super().save(wait)
        if changed:
            self._learned()

    def raw_put(self, put_object: Any, wait: bool = False) -> None:
        """PUT a whole JSON body, and leave this object as it is. What a refusal costs is put back, as by `save`."""
        with self._kept(_keys(put_object)):
            super().raw_put(put_object, wait)
        self._host_info()

    def raw_patch(self, patch_object: Any, wait: bool = False) -> None:
        """PATCH with a JSON body, and leave this object as it is. What a refusal costs is put back, as by `save`."""
        with self._kept(_keys(patch_object)):
            super().raw_patch(patch_object, wait)
        self._host_info()

    def _learned(self) -> None:
        self.sync()  # of a secret that was sent nothing is kept
        self._host_info()

    def _host_info(self) -> None:
        # Clients of other scopes have the same dict: it is changed in place. It is never another member's.
        self.client.host_info.update(api.metadata(self.client._root.get()))

    @contextmanager
    def _kept(self, keys: Iterable[str], before: Mapping[str, Any] | None = None) -> Generator[None]:
        """See that the server has what it had, `before` or by now, should it refuse what is done in the block."""
        seen = self._read(self.api.get())["config"] if before is None else before
        try:
            yield
        except SaveConflict:
            raise  # nothing was sent
        except LXDAPIException as error:
            self._put_back(seen, keys, error)
            raise

    def _put_back(self, before: Mapping[str, Any], keys: Iterable[str], error: LXDAPIException) -> None:
        """Give the server what it had of what was to be changed, and of what it has no more; the error tells which."""
        response = self.api.get()
        now: dict[str, Any] = self._read(response)["config"]
        asked = {*keys, *(before.keys() - now.keys())}
        lost = sorted(key for key in asked if now.get(key) != before.get(key))
        if not lost:
            return
        whole = {key: value for key, value in now.items() if key not in lost}
        whole |= {key: before.get(key, "") for key in lost}
        said = f"though it refused, the server had changed {', '.join(lost)}"
        try:
            self.api.put(json={"config": whole}, headers={"If-Match": response.headers["ETag"]})
        except LXDAPIException as failed:
            error.add_note(f"{said}, and refused to take it back: {failed}")
        else:
            error.add_note(f"{said}: what it had was put back")

    def _lay(
        self, node: Any, wanted: Difference, read: Callable[[Response], dict[str, Any]], may_change: Any
    ) -> tuple[Response, Mapping[str, Any]]:
        before: dict[str, Any] = {}
        # Left out of a PUT, a key of a person's own (user.*) stays on some servers: an empty text takes any away.
        gone = {path for path, change in wanted.items() if change.new is None}
        wanted = {path: Change(change.old, "") if path in gone else change for path, change in wanted.items()}

        def seen(response: Response) -> dict[str, Any]:
            record = read(response)
            before.clear()
            before.update(record["config"])
            return record | {"config": {key: "" for _, key in gone} | record["config"]}

        with self._kept((path[1] for path in wanted), before):
            return lay_on_server(node, wanted, seen, may_change)

    def _identity(self) -> tuple[str | None, ...]:
        return (self.collection, self.client.api.netloc, self.client.target)

    def _read(self, response: Response) -> dict[str, Any]:
        record = super()._read(response)
        return record | {"config": record.get("config") or {}}

    def _sent(self, name: str, value: Any) -> Any:
        sent = super()._sent(name, value)
        if name != "config":
            return sent
        # A secret goes back as it came: as a text it would be taken for another one.
        there: Mapping[str, Any] = self._theirs.get(name) or {}
        return {key: True if value[key] is True and there.get(key) is True else text for key, text in sent.items()}

    def _may_change(self, name: str) -> bool:
        return name in self.writable

    def _shown(self) -> tuple[str, ...]:
        return ("config",)


def _keys(body: Any) -> Iterable[str]:
    """Return the keys of the configuration in a body. Raises as a request with it would, before the first is sent."""
    checks.body(checks.mapping("json", body), "json")
    return [*checks.mapping("config", body.get("config") or {})]

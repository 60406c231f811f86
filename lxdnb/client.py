"""The facade: one server, its collections as attributes, and `connect` to find it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lxdnb import api
from lxdnb.exceptions import ClientConnectionFailed, LXDAPIExtensionNotAvailable
from lxdnb.models.image import ImageManager
from lxdnb.models.instance import Container, Instance, InstanceManager, VirtualMachine
from lxdnb.models.operation import OperationManager
from lxdnb.remotes import local_sockets
from lxdnb.streams import Events, EventType
from lxdnb.transport import Timeout, Transport

if TYPE_CHECKING:
    from requests import Session

__all__ = ["Client", "connect"]


class Client:
    """A server, LXD or Incus.

    `endpoint` is the path of a unix socket, or `https://host:port`; None is the local daemon, as for `connect`. For
    https, `cert` is the client's certificate, a path or a pair (certificate, key), and the server is checked
    by `fingerprint`, the SHA-256 of its certificate, or by `verify` as in requests. `timeout` is in seconds, for
    connecting and for reading, or a pair of both. `project` is asked for in every request; None is the default project.
    May be shared by threads.

    Raises ClientConnectionFailed when no server answers, ValueError for an endpoint that is none.

    >>> client = lxdnb.Client(endpoint="/var/lib/lxd/unix.socket")
    >>> client
    <Client LXD 5.0.2 at /var/lib/lxd/unix.socket>
    >>> [container.name for container in client.containers.all()]
    ['c1', 'c2']
    """

    def __init__(
        self,
        endpoint: str | None = None,
        version: str = "1.0",
        cert: str | tuple[str, str] | None = None,
        verify: bool | str = True,
        timeout: Timeout = None,
        project: str | None = None,
        session: Session | None = None,
        *,
        fingerprint: str | None = None,
    ) -> None:
        self.project = project
        self.cert = cert
        options: dict[str, Any] = {"timeout": timeout, "session": session}
        if endpoint is not None:
            options |= {"cert": cert, "verify": verify, "fingerprint": fingerprint}
            self._open(Transport(endpoint, **options), version)
        else:
            self._open_first(local_sockets(os.environ), options, version)
        self.instances = InstanceManager(self, Instance)
        self.containers = InstanceManager(self, Container)
        self.virtual_machines = InstanceManager(self, VirtualMachine)
        self.images = ImageManager(self)
        self.operations = OperationManager(self)

    def __repr__(self) -> str:
        environment: Mapping[str, Any] = self.host_info.get("environment") or {}
        kind = {"lxd": "LXD", "incus": "Incus"}.get(environment.get("server", ""), "server")
        product = f"{kind} {environment.get('server_version', '')}".strip()
        project = f", project {self.project!r}" if self.project else ""
        trust = "" if self.trusted else ", not trusted"
        return f"<Client {product} at {self.endpoint}{project}{trust}>"

    @property
    def endpoint(self) -> str:
        """The path of the socket, or the URL, of the server that was taken."""
        return self._transport.socket_path or self._transport.endpoint

    @property
    def trusted(self) -> bool:
        """Whether the server trusts this client."""
        return self.host_info.get("auth") == "trusted"

    @property
    def server_clustered(self) -> bool:
        """Whether the server is a member of a cluster."""
        return bool((self.host_info.get("environment") or {}).get("server_clustered"))

    @property
    def resources(self) -> dict[str, Any]:
        """The hardware of the server: cpu, memory, disks, network …"""
        self.assert_has_api_extension("resources")
        return api.metadata(self.api.resources.get())

    @property
    def websocket_url(self) -> str:
        """The root of the server's websockets: ws+unix://…, or wss://host:port."""
        schemes = {"http+unix": "ws+unix", "https": "wss", "http": "ws"}
        url = urlsplit(self._transport.base)
        return f"{schemes[url.scheme]}://{url.netloc}"

    def has_api_extension(self, name: str) -> bool:
        """Return whether the server has an API extension.

        https://documentation.ubuntu.com/lxd/stable-5.0/api-extensions/
        """
        return name in self.host_info.get("api_extensions", ())

    def assert_has_api_extension(self, name: str) -> None:
        """Raise LXDAPIExtensionNotAvailable unless the server has an API extension."""
        if not self.has_api_extension(name):
            raise LXDAPIExtensionNotAvailable(name)

    def events(self, *, event_types: Iterable[EventType | str] | str | None = None) -> Events:
        """Return the stream of the server's events, of all types or of those named; see `streams.Events`.

        It subscribes when it is entered, or iterated.
        """
        return Events(self.api, event_types)

    def close(self) -> None:
        """Close the idle connections. The client stays usable."""
        self._transport.close()

    def _open(self, transport: Transport, version: str) -> None:
        self._transport = transport
        self.api = api.APINode(transport, f"/{version}", self.project)
        root = api.APINode(transport, f"/{version}")
        self.host_info: dict[str, Any] = api.metadata(root.get())

    def _open_first(self, sockets: list[str], options: Mapping[str, Any], version: str) -> None:
        tried: dict[str, str] = {}
        for path in sockets:
            try:
                return self._open(Transport(path, **options), version)
            except ClientConnectionFailed as error:
                tried |= error.tried
        raise ClientConnectionFailed(_nobody(tried), tried)


def connect(endpoint: str | None = None, *, project: str | None = None, timeout: Timeout = None) -> Client:
    """Return a client of a server.

    Without an argument: the local daemon. LXD_SOCKET, LXD_DIR, INCUS_SOCKET or INCUS_DIR say which, if one is set;
    else LXD's usual places are tried, then Incus's. The client's repr names the one that was taken. With one: a
    socket's path, or a URL that needs no certificate; `Client` takes the rest.

    Raises ClientConnectionFailed when none answers; it lists each path that was tried, and why it failed.

    >>> lxdnb.connect()
    <Client LXD 5.0.2 at /var/lib/lxd/unix.socket>
    """
    return Client(endpoint, project=project, timeout=timeout)


def _nobody(tried: Mapping[str, str]) -> str:
    lines = "\n".join(f"  {path}: {reason}" for path, reason in tried.items())
    return (
        f"no LXD or Incus answered here. Tried:\n{lines}\n"
        "Start the daemon, or name another: set LXD_DIR or INCUS_DIR, or give its socket or https:// address"
    )

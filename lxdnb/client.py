"""The facade: one server, its collections as attributes."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from lxdnb import api, checks, streams
from lxdnb.exceptions import ClientConnectionFailed, LXDAPIExtensionNotAvailable
from lxdnb.models._collections import Collections
from lxdnb.remotes import Cert, configurations, identity, local_sockets
from lxdnb.streams import Events, EventType
from lxdnb.transport import Timeout, Transport, fingerprint_of

if TYPE_CHECKING:
    from requests import Session

    from lxdnb.models.image import Image
    from lxdnb.models.instance import Instance

__all__ = ["Cert", "Client", "EventType"]

W = TypeVar("W")


class Client(Collections):
    """A server, LXD or Incus.

    `endpoint` is the path of a unix socket, or `https://host:port`; None is the local daemon, as for `connect`. For
    https, `cert` is the client's certificate, a path or a pair (certificate, key), and the server is checked
    by `fingerprint`, the SHA-256 of its certificate, or by `verify` as in requests. What is not given is as `lxc` and
    `incus` have it in their configuration: the client's certificate, and the one of the remote with this address.
    `timeout` is in seconds, for connecting and for reading, or a pair of both. `project` is asked for in every
    request; None is the default project. May be shared by threads. Pickled it is its address and the
    paths of its certificate, and no key.

    Raises ClientConnectionFailed when no server answers, ValueError for an endpoint that is none, OSError for a
    certificate that is not there.

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
        self.project = None if project is None else checks.name(project, "project")
        self.target: str | None = None
        self.cert = cert
        options: dict[str, Any] = {"timeout": timeout, "session": session}
        if endpoint is not None:
            checks.text("endpoint", endpoint)
            found = identity(endpoint, configurations(os.environ, os.path.expanduser("~")))
            # What the caller, or a session of his, says for himself is never replaced.
            self.cert = cert or getattr(session, "cert", None) or found.cert
            if found.server and verify is True and not fingerprint and getattr(session, "verify", True) is True:
                fingerprint = fingerprint_of(found.server)
            options |= {"cert": self.cert, "verify": verify, "fingerprint": fingerprint}
            self._open(Transport(endpoint, **options), version)
        else:
            self._open_first(local_sockets(os.environ), options, version)

    def __repr__(self) -> str:
        environment: dict[str, Any] = self.host_info.get("environment") or {}
        simulated = "simulated " if environment.get("os_name") == "Simulated" else ""
        product = f"{'Incus' if self.product == 'incus' else 'LXD'} {environment.get('server_version', '')}".strip()
        project = f", project {self.project!r}" if self.project else ""
        project += f", on {self.target}" if self.target else ""
        trust = "" if self.trusted else ", not trusted"
        return f"<Client {simulated}{product} at {self.endpoint}{project}{trust}>"

    def __reduce__(self) -> tuple[Any, ...]:
        transport = self._transport
        arguments = {
            "endpoint": self.endpoint,
            "version": self._version,
            "cert": transport.cert,
            "verify": transport.verify,
            "timeout": (transport.connect_seconds, transport.read_seconds),
            "project": self.project,
            "fingerprint": transport.fingerprint,
        }
        return _unpickled, (type(self), arguments, self.target)

    @property
    def endpoint(self) -> str:
        """The path of the socket, or the URL, of the server that was taken."""
        return self._transport.socket_path or self._transport.endpoint

    @property
    def trusted(self) -> bool:
        """Whether the server trusts this client."""
        return self.host_info.get("auth") == "trusted"

    @property
    def product(self) -> str:
        """Which kind of server it is: `lxd` or `incus`."""
        # A server tells its environment to those alone whom it trusts, its extensions to everybody.
        known = (self.host_info.get("environment") or {}).get("server")
        return known or ("incus" if self.has_api_extension("dev_incus_events") else "lxd")

    @property
    def https_address(self) -> str | None:
        """The URL at which other servers reach this one, such as `https://10.0.0.1:8443`; None if there is none."""
        if self.endpoint.startswith("https://"):
            return self._transport.base
        addresses: list[str] = (self.host_info.get("environment") or {}).get("addresses") or []
        return f"https://{addresses[0]}" if addresses else None

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
        """The root of the server's websockets: ws+unix:///path, or wss://host:port."""
        return self._transport.websocket_url

    def has_api_extension(self, name: str) -> bool:
        """Return whether the server has an API extension.

        https://documentation.ubuntu.com/lxd/stable-5.0/api-extensions/
        """
        return name in self.host_info.get("api_extensions", ())

    def assert_has_api_extension(self, name: str) -> None:
        """Raise LXDAPIExtensionNotAvailable unless the server has an API extension."""
        if not self.has_api_extension(name):
            raise LXDAPIExtensionNotAvailable(name)

    def authenticate(self, secret: str, use_token_auth: bool = True) -> None:
        """Make the server trust this client's certificate, by its trust password or by a token.

        A token is what `certificates.create_token` of a trusted client gives, and `lxc config trust add --name NAME`
        or `incus config trust add NAME`; with `use_token_auth=False` it is sent without a look at whose it is. Nothing
        is sent if the server trusts this client already.

        Raises Forbidden for a wrong password or a used token, ValueError for a client without a certificate, for a
        token of another server than this one, and for a password where there are none.
        """
        from lxdnb.models.certificate import decoded_token, proof  # here, so that `import lxdnb` does not pay for it

        checks.text("a password or token", secret)
        self.host_info = api.metadata(self._root.get())
        if self.trusted:
            return
        if not self._transport.cert:
            raise ValueError(f"there is nothing for the server to trust: {api.NO_CERTIFICATE}")
        token = decoded_token(secret) if use_token_auth else None
        if token is not None:
            shown = self._transport.peer_fingerprint()
            if token["fingerprint"] != shown:
                raise ValueError(
                    f"this token is not of {self.endpoint}: it is for a server with the fingerprint "
                    f"{token['fingerprint']}, and this one shows {shown}"
                )
        self._root.certificates.post(json={"type": "client", **proof(self, secret)})
        self.host_info = api.metadata(self._root.get())

    def use_project(self, project: str) -> Self:
        """Return a client of the same server whose every request is for another project.

        It shares the connections. What `all(all_projects=True)` gives has such a client each, of its own project.

        >>> client.use_project("default").profiles.get("default")
        <Profile 'default'>
        """
        return self._sibling(checks.name(project, "project"), self.target)

    def use_target(self, target: str) -> Self:
        """Return a client of the same cluster whose every request is for one member, as by `lxc --target`.

        For what lies on one member alone, as a volume of a local pool or a member's own configuration. It shares
        the connections.
        """
        return self._sibling(self.project, checks.name(target, "target"))

    def launch(
        self,
        image: str | Image | Mapping[str, Any],
        name: str | None = None,
        *,
        profiles: Sequence[str] | None = None,
        config: Mapping[str, Any] | None = None,
        devices: Mapping[str, Mapping[str, Any]] | None = None,
        ephemeral: bool = False,
        target: str | None = None,
    ) -> Instance:
        """Create an instance from an image and start it, and return it running; see `Instance.launch`.

        In a `with` statement it is ready when the block begins, and gone at its end.

        >>> with client.launch("alpine", "job", ephemeral=True) as job:
        ...     job.execute(["hostname"]).stdout
        'job\\n'
        """
        return self.instances.launch(
            image, name, profiles=profiles, config=config, devices=devices, ephemeral=ephemeral, target=target
        )

    @overload
    def events(
        self,
        websocket_client: None = None,
        event_types: Iterable[EventType | str] | EventType | str | None = None,
        *,
        project: str | None = None,
        all_projects: bool = False,
    ) -> Events: ...

    @overload
    def events(
        self,
        websocket_client: Callable[..., W],
        event_types: Iterable[EventType | str] | EventType | str | None = None,
        *,
        project: str | None = None,
        all_projects: bool = False,
    ) -> W: ...

    def events(
        self,
        websocket_client: Callable[..., Any] | None = None,
        event_types: Iterable[EventType | str] | EventType | str | None = None,
        *,
        project: str | None = None,
        all_projects: bool = False,
    ) -> Any:
        """Return the stream of the server's events, of all types or of those named; see `streams.Events`.

        Of this client's project, another `project`, or with `all_projects` of all. It subscribes when it is entered,
        iterated, or told to `connect`.

        With `websocket_client`, a class such as one of ws4py's, return `websocket_client(url, ssl_options=…)` in its
        place: a websocket of the program's own, its `resource` set to where the events are, to `connect` and `run`.
        It connects itself, so that `verify` holds for it, and a `fingerprint` does not. Of `connect`, `run`, `close`
        and `received_message`, which is called with each event, a class is given what it lacks.

        Raises ValueError for a type that there is not.
        """
        if websocket_client is not None and not callable(websocket_client):
            raise TypeError(f"websocket_client is a class of websockets, not {checks.shown(websocket_client)}")
        if project is None and not all_projects:
            project = self.project
        events = Events(self.api, event_types, project=project, all_projects=all_projects)
        if websocket_client is None:
            return events
        return streams.websocket_client(websocket_client, self.websocket_url, self._transport.ssl_options(), events)

    def close(self) -> None:
        """Close the idle connections. The client stays usable."""
        self._transport.close()

    def _ends_with_it(self, end: Callable[[], None]) -> None:
        """Have something ended that was there for this client alone, and for those that it makes of itself."""
        weakref.finalize(self._transport, end)  # which they share

    def _open(self, transport: Transport, version: str) -> None:
        self._transport, self._version = transport, version
        self._root = api.APINode(transport, "")[version]
        self.api = self._scoped()
        self.host_info: dict[str, Any] = api.metadata(self._root.get())

    def _scoped(self) -> api.APINode:
        scope = {"project": self.project, "target": self.target}
        said = {key: value for key, value in scope.items() if value is not None}
        return api.APINode(self._transport, "", said)[self._version]

    def _sibling(self, project: str | None, target: str | None) -> Self:
        """Return a client of the same server, over the same connections, whose requests ask for something else."""
        return self._maker(project, target)(self._transport)

    def _again(self) -> Callable[[], Self | None]:
        """Return what makes this client again for as long as one lives that shares its connections; None after that."""
        make, connections = self._maker(self.project, self.target), weakref.ref(self._transport)

        def again() -> Self | None:
            transport = connections()
            return None if transport is None else make(transport)

        return again

    def _maker(self, project: str | None, target: str | None) -> Callable[[Transport], Self]:
        """Return what makes a client like this one of its connections, which it does not hold."""
        kind, cert, host_info, version = type(self), self.cert, self.host_info, self._version

        def make(transport: Transport) -> Self:
            made = object.__new__(kind)
            made.cert, made.host_info, made._transport, made._version = cert, host_info, transport, version
            made._root = api.APINode(transport, "")[version]
            made.project, made.target = project, target
            made.api = made._scoped()
            return made

        return make

    def _open_first(self, sockets: list[str], options: Mapping[str, Any], version: str) -> None:
        tried: dict[str, str] = {}
        for path in sockets:
            try:
                return self._open(Transport(path, **options), version)
            except ClientConnectionFailed as error:
                tried |= error.tried
        raise ClientConnectionFailed(_nobody(tried), tried)


def _unpickled(kind: type[Client], arguments: dict[str, Any], target: str | None) -> Client:
    client = kind(**arguments)
    return client if target is None else client.use_target(target)


def _nobody(tried: Mapping[str, str]) -> str:
    lines = "\n".join(f"  {path}: {reason}" for path, reason in tried.items())
    return (
        f"no LXD or Incus answered here. Tried:\n{lines}\n"
        "Start the daemon, or name another: set LXD_DIR or INCUS_DIR, or give its socket or https:// address. "
        'lxdnb.connect("auto") gives a simulated server where there is none'
    )

"""`connect`: the server that a person means, by the environment, by the remotes of `lxc` and `incus`, or simulated."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence

from lxdnb.client import Client
from lxdnb.exceptions import ClientConnectionFailed
from lxdnb.remotes import configurations, local_sockets, naming, remote
from lxdnb.transport import NO_SUCH_SOCKET, Timeout, fingerprint_of

__all__ = ["choose", "chosen", "connect"]

SECONDS = 10  # within which a daemon answers that is to be taken by "auto"


def connect(endpoint: str | None = None, *, project: str | None = None, timeout: Timeout = None) -> Client:
    """Return a client of a server.

    Without an argument: the local daemon. LXD_SOCKET, LXD_DIR, INCUS_SOCKET or INCUS_DIR say which, if one is set;
    else LXD's usual places are tried, then Incus's. The client's repr names the one that was taken. With one: a
    remote of `lxc` or `incus` by its name and a colon, as in `connect("mylxd:")`, with the certificates and the project
    that their configuration has for it; a socket's path; or the URL of a server that they know. `Client` takes the
    rest. `sandbox:` is a new simulated LXD in this process, `sandbox:incus` a simulated Incus: it needs no root,
    touches nothing, and is gone with the client.

    `auto`, for notebooks that are to run anywhere, is the local daemon that answers and trusts this user; where none
    does, a simulated LXD, the same one each time in this process, and gone with it. One line on stdout says which it
    is, and `%lxd` then talks to it too. A server that the environment names is never replaced by a simulated one.

    Raises ClientConnectionFailed when none answers, which lists each path that was tried, and why it failed; ValueError
    for a remote that there is not, which names those that there are.

    >>> lxdnb.connect()
    <Client LXD 5.0.2 at /var/lib/lxd/unix.socket>
    >>> lx = lxdnb.connect("auto")
    LXD 5.0.2 at /var/lib/lxd/unix.socket
    >>> lxdnb.connect("sandbox:incus")
    <Client simulated Incus 6.0.4 at ...>
    """
    if endpoint == "auto":
        return _auto(project, timeout)
    if isinstance(endpoint, str) and endpoint.startswith("sandbox:"):
        return _simulated(endpoint.removeprefix("sandbox:") or "lxd", project, timeout)
    if not isinstance(endpoint, str) or not endpoint.endswith(":") or "/" in endpoint:
        return Client(endpoint, project=project, timeout=timeout)
    found = remote(endpoint[:-1], configurations(os.environ, os.path.expanduser("~")))
    return Client(
        found.endpoint,
        cert=found.cert,
        project=found.project if project is None else project,
        timeout=timeout,
        fingerprint=found.server and fingerprint_of(found.server),
    )


def _simulated(flavour: str, project: str | None, timeout: Timeout) -> Client:
    from lxdnb.sandbox import Sandbox  # its own room, which nobody else needs

    sandbox = Sandbox(flavour, bridge=True)
    try:
        client = Client(sandbox.endpoint, project=project, timeout=timeout)
    except BaseException:
        sandbox.close()
        raise
    client._ends_with_it(sandbox.close)  # pyright: ignore[reportPrivateUsage]
    return client


def chosen() -> Client | None:
    """Return what the last `connect("auto")` or `choose` of this process has chosen for `%lxd`, None where none has."""
    return _given.get("chosen")


def choose(client: Client) -> None:
    """Choose the server of `%lxd`."""
    _given["chosen"] = client


_given: dict[str, Client] = {}  # the one that was chosen, and the one whose sandbox lives as long as this process
_giving = threading.Lock()


def _auto(project: str | None, timeout: Timeout) -> Client:
    with _giving:
        client, line = _local_or_simulated(project, timeout)
        choose(client)
    print(line, flush=True)
    return client


def _local_or_simulated(project: str | None, timeout: Timeout) -> tuple[Client, str]:
    """Return the local daemon or the process's sandbox, and the line that says which it is and why."""
    tried: dict[str, str] = {}
    for path in local_sockets(os.environ):
        try:
            Client(path, timeout=timeout or SECONDS).close()
            client = Client(path, project=project, timeout=timeout)
        except ClientConnectionFailed as error:
            tried |= error.tried
            continue
        if client.trusted:
            described = repr(client).removeprefix("<Client ").removesuffix(">")
            return client, f"A {described}" if described.startswith("simulated") else described
        tried[path] = "it does not trust this user"
    if named := naming(os.environ):
        raise ClientConnectionFailed(_named_and_down(named, tried), tried)
    if "simulated" not in _given:
        _given["simulated"] = _simulated("lxd", None, None)
    client = Client(_given["simulated"].endpoint, project=project, timeout=timeout)
    version = client.host_info["environment"]["server_version"]
    line = f"No LXD or Incus answers here: a simulated LXD {version}, in memory, gone with this process"
    reasons = {*tried.values()}
    if len(reasons) == 1 < len(tried):  # such as that there are no unix sockets at all
        found = reasons - {NO_SUCH_SOCKET}
    else:
        found = [f"{path}: {reason}" for path, reason in tried.items() if reason != NO_SUCH_SOCKET]
    return client, ". ".join([line, *found])


def _named_and_down(named: Sequence[str], tried: Mapping[str, str]) -> str:
    lines = "\n".join(f"  {path}: {reason}" for path, reason in tried.items())
    names, names_it = " and ".join(named), "names a server" if len(named) == 1 else "name servers"
    return (
        f"{names} {names_it}, but none answers. Tried:\n{lines}\n"
        f'Start it, or unset {names}: then "auto" looks in the usual places, and gives a simulated server else'
    )

"""Who to talk to, and as whom, by the rules of `lxc` and `incus`: where a local daemon has its socket, which server
a remote of theirs is, which certificate their configuration has for a server and its client, and who gives images.

The environment goes in, places come out. Only `remote` and `identity` look at files, those of the configuration.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from lxdnb import checks

__all__ = [
    "Cert",
    "Identity",
    "Remote",
    "configurations",
    "identity",
    "image_source",
    "local_sockets",
    "naming",
    "remote",
    "servers",
]

LXD_SOCKETS = ("/var/snap/lxd/common/lxd/unix.socket", "/var/lib/lxd/unix.socket")
_NAMING = (("LXD_SOCKET", "LXD_DIR"), ("INCUS_SOCKET", "INCUS_DIR"))
INCUS_SOCKETS = ("/var/lib/incus/unix.socket", "/run/incus/unix.socket")

# images.linuxcontainers.org, which older lxc programs still name, has ceased to serve LXD.
PUBLIC_IMAGES = {
    "lxd": {
        "images": "https://images.lxd.canonical.com",
        "ubuntu": "https://cloud-images.ubuntu.com/releases",
        "ubuntu-daily": "https://cloud-images.ubuntu.com/daily",
    },
    "incus": {"images": "https://images.linuxcontainers.org"},
}


def local_sockets(environment: Mapping[str, str]) -> list[str]:
    """Return the sockets where a local daemon may listen, the likeliest first.

    LXD_SOCKET, LXD_DIR, INCUS_SOCKET and INCUS_DIR name a server: where one is set, only what is set is looked at,
    so that a server that is down is an error and not another server. Else LXD's own places, then Incus's.

    >>> local_sockets({"LXD_DIR": "/srv/lxd"})
    ['/srv/lxd/unix.socket']
    """
    named = [
        environment[name] if name.endswith("_SOCKET") else str(PurePosixPath(environment[name]) / "unix.socket")
        for name in naming(environment)
    ]
    return named or [*LXD_SOCKETS, *INCUS_SOCKETS]


def naming(environment: Mapping[str, str]) -> list[str]:
    """Return which variables of the environment name a local server: one of LXD at most, and one of Incus.

    >>> naming({"LXD_DIR": "/srv/lxd", "INCUS_SOCKET": ""})
    ['LXD_DIR']
    """
    found = [[name for name in names if environment.get(name)] for names in _NAMING]
    return [names[0] for names in found if names]


class Cert(NamedTuple):
    """The paths of a client's certificate and of its key."""

    cert: str
    key: str


class Remote(NamedTuple):
    """A server that has a name: its socket's path or URL, None for the local daemon wherever it is; as whom to come,
    the file of the certificate that it is to show, and in which project; None where none is named."""

    endpoint: str | None
    cert: Cert | None = None
    server: str | None = None
    project: str | None = None


class Identity(NamedTuple):
    """As whom to come to a server, and the file of the certificate that it is to show; None where none is known."""

    cert: Cert | None
    server: str | None


def configurations(environment: Mapping[str, str], home: str) -> list[str]:
    """Return the folders where `lxc` and `incus` keep their configuration.

    LXD_CONF and INCUS_CONF name them: where one is set, only what is set is looked at.

    >>> configurations({"LXD_CONF": "/srv/conf"}, "/home/me")
    ['/srv/conf']
    """
    named = [environment[name] for name in ("LXD_CONF", "INCUS_CONF") if environment.get(name)]
    places = ("snap/lxd/common/config", ".config/lxc", ".config/incus")
    return named or [os.path.join(home, *place.split("/")) for place in places]


def remote(name: str, folders: Sequence[str]) -> Remote:
    """Return what the configuration in these folders calls by a name; the first that has it counts.

    `local` is the local daemon also where there is no configuration. Raises ValueError for a name that nothing has,
    for a server that gives images and runs nothing, and for a configuration that cannot be read as YAML.

    >>> remote("local", [])
    Remote(endpoint=None, cert=None, server=None, project=None)
    """
    known = _known(folders)
    if name not in known and not any(name in images for images in PUBLIC_IMAGES.values()):
        raise ValueError(
            f"no remote {checks.shown(name)}: there are {', '.join(servers(folders))}; `lxc remote add` and "
            "`incus remote add` make more"
        )
    folder, found = known.get(name, ("", {"public": True}))
    if _gives_images(found):
        raise ValueError(f"{name}: gives images and runs nothing: `%lxd launch {name}:IMAGE` takes one of them")
    address, project = str(found.get("addr") or ""), found.get("project")
    project = str(project) if project and project != "default" else None
    if address.startswith("unix:"):
        return Remote(address.removeprefix("unix:").removeprefix("//") or None, project=project)
    server = os.path.join(folder, "servercerts", f"{name}.crt")
    return Remote(address, _client(folder), server if os.path.exists(server) else None, project)


def servers(folders: Sequence[str]) -> list[str]:
    """Return the names that the configuration in these folders has for servers that run instances.

    Raises ValueError for a configuration that cannot be read as YAML.

    >>> servers([])
    ['local']
    """
    return sorted(own for own, (_, found) in _known(folders).items() if not _gives_images(found))


def _known(folders: Sequence[str]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return each remote with the folder whose configuration has it; the first that has it counts."""
    known: dict[str, tuple[str, dict[str, Any]]] = {}
    for folder in folders:
        for own, found in _remotes(folder).items():
            known.setdefault(own, (folder, found))
    known.setdefault("local", ("", {"addr": "unix://"}))
    return known


def identity(endpoint: str, folders: Sequence[str]) -> Identity:
    """Return what the configuration in these folders knows of the server at an address; nothing unless it is https.

    A remote with this host and port tells which files are its. To a server that is none of the remotes one comes as
    `lxc` would to any, and its certificate is known only if it lies there under the host's name and is no remote's:
    another port of the same host is another server.

    Raises ValueError for a configuration that cannot be read as YAML.
    """
    clients: list[Cert] = []
    servers: list[str] = []
    place = _place(endpoint)
    if place is None:
        return Identity(None, None)
    for folder in folders:
        remotes = _remotes(folder)
        here = [name for name, remote in remotes.items() if _place(str(remote.get("addr"))) == place]
        own = _client(folder)
        kept = {name: os.path.join(folder, "servercerts", f"{name}.crt") for name in [*here, place[0]]}
        if here:
            return Identity(own, next((kept[name] for name in here if os.path.exists(kept[name])), None))
        clients += [own] if own else []
        servers += [path for name, path in kept.items() if name not in remotes and os.path.exists(path)]
    return Identity(next(iter(clients), None), next(iter(servers), None))


def _client(folder: str) -> Cert | None:
    """Return as whom the configuration in a folder has one come to any server."""
    pair = Cert(os.path.join(folder, "client.crt"), os.path.join(folder, "client.key"))
    return pair if all(map(os.path.exists, pair)) else None


def _gives_images(remote: Mapping[str, Any]) -> bool:
    return bool(remote.get("public")) or remote.get("protocol") == "simplestreams"


def _remotes(folder: str) -> dict[str, dict[str, Any]]:
    """Return the remotes in a folder's configuration, none where there is no configuration."""
    path = os.path.join(folder, "config.yml")
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError:
        return {}
    import yaml  # here, so that `import lxdnb` does not pay for it

    try:
        found: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML: {error}") from None
    remotes: Any = found.get("remotes") if isinstance(found, dict) else None
    known: dict[Any, Any] = remotes if isinstance(remotes, dict) else {}
    return {str(name): remote for name, remote in known.items() if isinstance(remote, dict)}


def _place(address: str) -> tuple[str, int] | None:
    """Return the host and port of an https address, by which servers are told apart; None for another address."""
    try:
        url = urlsplit(address)
        return (url.hostname, url.port or 443) if url.scheme == "https" and url.hostname else None
    except ValueError:  # a port that is none
        return None


def image_source(image: str, server: str) -> str | dict[str, str]:
    """Return what a person's name for an image means: one that the server has, or a `source` to fetch it from.

    `images:ALIAS`, `ubuntu:ALIAS` and `ubuntu-daily:ALIAS` are the public servers that the command line of this kind
    of server (`lxd` or `incus`) knows by these names; `local:` is the server itself.

    >>> image_source("alpine", "lxd")
    'alpine'
    >>> image_source("ubuntu:24.04", "lxd")["server"]
    'https://cloud-images.ubuntu.com/releases'
    """
    remote, colon, alias = image.partition(":")
    if not colon:
        return image
    if remote == "local":
        return alias
    known = PUBLIC_IMAGES.get(server, {})
    if remote not in known:
        raise ValueError(f"no image server {remote!r}: there are local, {', '.join(known)}")
    if not alias:
        raise ValueError(f"which image of {image}? As in {remote}:24.04")
    return {
        "type": "image",
        "mode": "pull",
        "protocol": "simplestreams",
        "server": known[remote],
        "alias": alias,
    }

"""Copies: an instance or a snapshot made anew, on the same server or on another one, and kept up to date there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lxdnb import checks
from lxdnb.models._arrival import arrived
from lxdnb.models._changes import VOLATILE
from lxdnb.models._model import Model, as_sent
from lxdnb.models._offer import check_mode, hand_over

if TYPE_CHECKING:
    from lxdnb.client import Client
    from lxdnb.models.instance import Instance

__all__ = ["Copies", "Overrides", "copied", "same_server"]

KEPT = "volatile.base_image"  # the only note of the server's that a copy has from the start


class Overrides:
    """What a copy is to have otherwise than what it is a copy of. Raises TypeError and ValueError for what is none."""

    def __init__(
        self,
        profiles: Sequence[str] | None,
        config: Mapping[str, Any] | None,
        devices: Mapping[str, Mapping[str, Any]] | None,
        pool: str | None,
    ) -> None:
        self.profiles = None if profiles is None else checks.texts("profiles", profiles)
        self.config = {} if config is None else as_sent(config)
        self.devices = {} if devices is None else as_sent(devices, "devices", depth=2)
        self.pool = None if pool is None else checks.name(pool, "pool")

    def of(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return the description of a copy of what has this record."""
        config: dict[str, Any] = record.get("config") or {}
        kept = {key: value for key, value in config.items() if key == KEPT or not key.startswith(VOLATILE)}
        devices: dict[str, Any] = {**(record.get("devices") or {}), **self.devices}
        if self.pool is not None:
            expanded: dict[str, Any] = {**(record.get("expanded_devices") or {}), **devices}
            root = next((key for key, device in expanded.items() if _is_root(device)), "root")
            devices[root] = {"type": "disk", "path": "/", **expanded.get(root, {}), "pool": self.pool}
        return {
            "architecture": record.get("architecture") or "",
            "config": kept | self.config,
            "description": record.get("description") or "",
            "devices": devices,
            "profiles": record.get("profiles") or [] if self.profiles is None else self.profiles,
        }


class Copies(Model):
    """The part of an instance that is copied."""

    def copy(
        self,
        name: str | None = None,
        new_client: Client | None = None,
        *,
        profiles: Sequence[str] | None = None,
        config: Mapping[str, Any] | None = None,
        devices: Mapping[str, Mapping[str, Any]] | None = None,
        pool: str | None = None,
        target: str | None = None,
        ephemeral: bool = False,
        instance_only: bool = False,
        refresh: bool = False,
        allow_inconsistent: bool = False,
        mode: str = "pull",
        wait: bool = False,
    ) -> Instance:
        """Copy it, and return the copy; with `wait`, when it is there.

        Without `new_client` the copy is on this server and needs another `name`; with one it is where that client is:
        in another project (`client.use_project`), or on another server, by the same name if none is given. It has
        what this one has, but for the `config` and `devices` given here, which are laid on it, for its `profiles`,
        and for its `pool`; `target` is a cluster member.

        Snapshots come along, unless `instance_only`. With `refresh` a copy that is there already is brought up to
        date, by what has changed, and given this one's configuration, which waits whatever `wait` says.
        `allow_inconsistent` takes files that change while they are copied as they are.

        Between servers, by `mode`: `pull`, the other server connects to this one; `push`, this one connects to it;
        `relay`, neither reaches the other, and all goes through this process, which then has to live until the end.

        Raises Conflict or LXDAPIException where the name is taken, OperationFailed where the copy fails, ValueError
        where a server listens on no address.

        >>> client.instances.get("c2").copy("twin", config={"user.twin": True}, wait=True)
        <Instance 'twin': Stopped>
        """
        return copied(
            self,  # pyright: ignore[reportArgumentType]
            self._name,
            self.api,
            name,
            new_client,
            Overrides(profiles, config, devices, pool),
            read=self._fresh,
            target=target,
            ephemeral=ephemeral,
            mode=mode,
            wait=wait,
            flags={
                "instance_only": checks.flag("instance_only", instance_only),
                "refresh": checks.flag("refresh", refresh),
                "allow_inconsistent": checks.flag("allow_inconsistent", allow_inconsistent),
            },
        )


def copied(
    instance: Instance,
    source: str,
    node: Any,
    name: str | None,
    new_client: Client | None,
    overrides: Overrides,
    *,
    read: Callable[[], Mapping[str, Any]],
    target: str | None,
    ephemeral: bool,
    mode: str,
    wait: bool,
    flags: Mapping[str, bool],
) -> Instance:
    """Copy an instance, or a snapshot of it, which is at `node` and called `source`; `read` brings its record."""
    client = instance.client
    if new_client is not None and not hasattr(new_client, "host_info"):
        raise TypeError(f"new_client is a Client, not {type(new_client).__name__}")
    taker = client if new_client is None else new_client
    if target is not None:
        taker = taker.use_target(target)
    checks.flag("ephemeral", ephemeral)
    way = check_mode(mode)
    here = same_server(client, taker)
    if name is None and (new_client is None or (here and taker.project == client.project)):
        raise ValueError("a copy on the same server needs a name of its own")
    name = instance._name if name is None else name  # pyright: ignore[reportPrivateUsage]
    _ = taker.api.instances[name]  # refuses what is no name, before anything is sent
    asked = {key: True for key, value in flags.items() if value}
    for flag, extension in _EXTENSIONS.items():
        if asked.get(flag):
            taker.assert_has_api_extension(extension)
    if here and (taker.project or "default") != (client.project or "default"):
        client.assert_has_api_extension("container_copy_project")
    description = {**overrides.of(read()), "name": name, "type": instance.type, "ephemeral": ephemeral}
    copy = type(instance)(new_client or client, name=name)
    if here:
        origin = {"type": "copy", "source": source, "project": client.project or "default", **asked}
        copy._started(taker.api.instances.post(json={**description, "source": origin}), wait=False)  # pyright: ignore[reportPrivateUsage]
        journey = None
    else:
        request = {"name": source.rpartition("/")[2], "live": False, **asked}
        journey = hand_over(client, node, taker, taker.api.instances, description, request, way)
        copy._started(journey.answer, wait=False)  # pyright: ignore[reportPrivateUsage]
    if wait or asked.get("refresh"):
        arrived(copy.operation, journey)
        copy.sync()
    if asked.get("refresh"):
        # Servers bring its files up to date, and leave its configuration as it was.
        for field in ("config", "description", "devices", "ephemeral", "profiles"):
            setattr(copy, field, description[field])
        copy.save(wait=True)
    return copy


def same_server(one: Client, other: Client) -> bool:
    """Return whether two clients are of the same server, or cluster, by whatever way."""
    certificates = [(client.host_info.get("environment") or {}).get("certificate") for client in (one, other)]
    return one.api.netloc == other.api.netloc or (bool(certificates[0]) and certificates[0] == certificates[1])


_EXTENSIONS = {
    "instance_only": "container_only_migration",
    "refresh": "container_incremental_copy",
    "allow_inconsistent": "instance_allow_inconsistent_copy",
}


def _is_root(device: Mapping[str, Any]) -> bool:
    return device.get("type") == "disk" and device.get("path") == "/"

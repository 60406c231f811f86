"""Moving an instance to another server: it is made anew there, and only then the source is deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from lxdnb import checks
from lxdnb.exceptions import LXDAPIException
from lxdnb.models._arrival import arrived
from lxdnb.models._model import Model
from lxdnb.models._offer import address_of, base_image, check_mode, hand_over, offered

if TYPE_CHECKING:
    from lxdnb.client import Client

__all__ = ["Migrates"]


class Migrates(Model):
    """The part of an instance that moves to another server."""

    def migrate(self, new_client: Client, live: bool = False, wait: bool = False, *, mode: str = "pull") -> Self:
        """Move it to another server, and return it as it is there.

        Its configuration, profiles, devices, snapshots and whether it is ephemeral go with it; the profiles and pools
        that it names must be there. It must be stopped, or `live` where both servers have CRIU. With `wait` the
        source is deleted once the target stands. Without, both are left as they are when this returns: once the
        `operation` of what it returns has ended well, the source is yours to delete. `mode` says which server
        connects to the other, as for `copy`.

        Raises LXDAPIException when it runs, OperationFailed when the migration fails, ValueError when the server that
        is to be reached listens on no address; the source then stays as it is.
        """
        if not hasattr(new_client, "host_info"):
            raise TypeError(f"new_client is a Client of the other server, not {type(new_client).__name__}")
        checks.flag("live", live)
        way = check_mode(mode)
        response = self.api.get()
        if not live and self._read(response)["status"] != "Stopped":
            # Servers would copy what is being written to, and only then refuse to delete it here.
            raise LXDAPIException(
                response, message=f"{self._name} runs: stop it first, or migrate it live where both servers have CRIU"
            )
        self._take(self._read(response))
        request, collection = {"name": self._name, "live": live}, new_client.api.instances
        journey = hand_over(self.client, self.api, new_client, collection, self._as_it_is(), request, way)
        target = type(self)(new_client, name=self._name)
        target._started(journey.answer, wait=False)
        if wait:
            arrived(target.operation, journey)
            target.sync()
            self.delete(wait=True)
        return target

    def generate_migration_data(self, live: bool = False) -> dict[str, Any]:
        """Offer it to another server, and return the description by which that one creates it.

        It is what `create` of a client of the other server takes; the offer holds for some seconds.
        """
        checks.flag("live", live)
        address_of(self.client)
        self.sync()
        with offered(self.client, self.api, {"name": self._name, "live": live}) as (_, source):
            made = self._as_it_is()
            return {**made, "source": {**source, "live": live, **base_image(made)}}

    def _as_it_is(self) -> dict[str, Any]:
        """Return the description of it, the server's notes in its configuration included."""
        config = {key: value for key, value in self.config.items() if key != "volatile.last_state.power"}
        kept = {name: value for name, value in self.marshall().items() if value is not None}
        return {**kept, "name": self._name, "type": self.type, "config": config}

"""Moving an instance to another server: the target pulls it, and only then the source is deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from lxdnb import checks
from lxdnb.exceptions import LXDAPIException, LXDError, NotFound
from lxdnb.models._model import Model, name_in

if TYPE_CHECKING:
    from lxdnb.client import Client

__all__ = ["Migrates"]


class Migrates(Model):
    """The part of an instance that moves to another server."""

    def migrate(self, new_client: Client, live: bool = False, wait: bool = False) -> Self:
        """Move it to another server, and return it as it is there.

        Its configuration, profiles, devices, snapshots and whether it is ephemeral go with it; the profiles and pools
        that it names must be there. It must be stopped, or `live` where both servers have CRIU. With `wait` the
        source is deleted once the target stands. Without, both are left as they are when this returns: once the
        `operation` of what it returns has ended well, the source is yours to delete. The target server must reach
        this one over HTTPS.

        Raises LXDAPIException when it runs, OperationFailed when the migration fails, ValueError when this server
        listens on no address; the source then stays as it is.
        """
        if not hasattr(new_client, "host_info"):
            raise TypeError(f"new_client is a Client of the other server, not {type(new_client).__name__}")
        checks.flag("live", live)
        response = self.api.get()
        if not live and self._read(response)["status"] != "Stopped":
            # Servers would copy what is being written to, and only then refuse to delete it here.
            raise LXDAPIException(
                response, message=f"{self._name} runs: stop it first, or migrate it live where both servers have CRIU"
            )
        data = self.generate_migration_data(live)
        target = type(self)(new_client, name=self._name)
        try:
            target._started(new_client.api.instances.post(json=data), wait)
            if wait:
                target.sync()
        except BaseException as error:
            self._withdraw(data["source"]["operation"], error)
            raise
        if wait:
            self.delete(wait=True)
        return target

    def _withdraw(self, offer: str, error: BaseException) -> None:
        """Cancel an offer that nobody will take, which else keeps the source busy until the server gives it up."""
        try:
            self.client.api.operations[name_in(offer)].delete()
        except NotFound:
            pass  # it has ended with the migration
        except LXDError as failure:
            error.add_note(f"the offer of {self._name} may stand for some seconds more: {failure}")

    def generate_migration_data(self, live: bool = False) -> dict[str, Any]:
        """Offer it to another server, and return the description by which that one creates it.

        It is what `create` of a client of the other server takes; the offer holds for some seconds.
        """
        checks.flag("live", live)
        client = self.client
        address = client.https_address
        if address is None:
            raise ValueError(
                f"{client!r} listens on no address from which another server could pull: set one, as in "
                "`lxc config set core.https_address :8443`"
            )
        self.sync()
        request = {"name": self._name, "migration": True, "live": live}
        offer = client.api.instances[self._name].post(json=request).json()
        secrets = {key: value for key, value in offer["metadata"]["metadata"].items() if isinstance(value, str)}
        config = {key: value for key, value in self.config.items() if key != "volatile.last_state.power"}
        source = {
            "type": "migration",
            "mode": "pull",
            "operation": f"{address}{offer['operation']}",
            "certificate": client.host_info["environment"]["certificate"],
            "secrets": secrets,
            "live": live,
        }
        if "volatile.base_image" in config:
            source["base-image"] = config["volatile.base_image"]
        kept = {name: value for name, value in self.marshall().items() if value is not None}
        return {**kept, "name": self._name, "type": self.type, "config": config, "source": source}

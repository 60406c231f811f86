"""From an image to an instance that is ready, in one call, and away again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lxdnb.exceptions import LXDAPIException, LXDError, NotFound
from lxdnb.models._model import as_sent, name_in
from lxdnb.models._ready import GetsReady
from lxdnb.models.image import Image

if TYPE_CHECKING:
    from lxdnb.client import Client
    from lxdnb.models.operation import Operation

__all__ = ["Creates"]


class Creates(GetsReady):
    """The part of an instance that makes new ones."""

    instance_type: ClassVar[str | None] = None
    """The `type` that instances of this class have; None is any."""
    _launched = False

    @classmethod
    def create(cls, client: Client, config: Mapping[str, Any], wait: bool = False, target: str | None = None) -> Self:
        """Create an instance from a description as the REST API takes it, and return it.

        >>> client.containers.create({"name": "c1", "source": {"type": "image", "alias": "alpine"}}, wait=True)
        <Container 'c1': Stopped>

        With `wait`, return when it is there, else at once with its `operation`. Without a name the server makes one
        up. `target` is a cluster member. Raises LXDAPIException when the server refuses, OperationFailed when it fails.
        """
        if not isinstance(config, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"config is a dict as the REST API takes it, not {type(config).__name__}")
        request = dict(config)
        if cls.instance_type is not None:
            request.setdefault("type", cls.instance_type)
        for field, depth in (("config", 1), ("devices", 2)):
            if request.get(field):
                request[field] = as_sent(request[field], field, depth)
        if request.get("name") is not None:
            _ = client.api.instances[request["name"]]  # refuses what is no name, before anything is sent
        response = client.api.instances.post(json=request, target=target)
        created = cls(client, name=request.get("name") or _new_name(response.json()["metadata"]))
        created._started(response, wait)
        if wait:
            created.sync()
        return created

    @classmethod
    def launch(
        cls,
        client: Client,
        image: str | Image | Mapping[str, Any],
        name: str | None = None,
        *,
        profiles: Sequence[str] | None = None,
        config: Mapping[str, Any] | None = None,
        devices: Mapping[str, Mapping[str, Any]] | None = None,
        ephemeral: bool = False,
        target: str | None = None,
    ) -> Self:
        """Create an instance and start it, and return it running.

        `image` is an alias or fingerprint on this server, an Image, or a `source` as the REST API takes it. If it
        cannot be started it is deleted again. Raises NotFound for an image that is not there, OperationFailed.

        In a `with` statement the block begins when it is ready, as by `wait_ready`, and at its end it is deleted.

        >>> client.containers.launch("alpine", "c1", config={"limits.memory": "512MiB"})
        <Container 'c1': Running>
        """
        if isinstance(image, str):
            image = client.images.find(image)
        if isinstance(image, Image):
            image = {"type": "image", "fingerprint": image.fingerprint}
        description: dict[str, Any] = {
            "source": dict(image),
            "ephemeral": ephemeral,
            "config": dict(config or {}),
            "devices": dict(devices or {}),
        }
        if name is not None:
            description["name"] = name
        if profiles is not None:
            description["profiles"] = list(profiles)
        created = cls.create(client, description, target=target)
        creation = created.operation
        try:
            if creation is not None:
                creation.wait()
            created.start(wait=True)
        except BaseException:
            created._undo_launch(creation)
            raise
        created._launched = True
        return created

    def __enter__(self) -> Self:
        if not self._launched:
            # An instance that was there before is nobody's to throw away at the end of a block.
            raise TypeError(f"{self!r} was not launched here: only what launch() returns goes into a with statement")
        try:
            self.wait_ready()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._launched = False
        self._remove()

    def _undo_launch(self, creation: Operation | None) -> None:
        """Delete what launch() has made, if it was made; the error that is under way says what went wrong."""
        try:
            if creation is not None:
                # It may be still under way after an interrupt, or have failed because the name is somebody else's:
                # only what came to be by this very operation is ours to delete.
                try:
                    creation.cancel()
                except LXDError:
                    pass  # over already, or not of the kind that can be cancelled
                creation.wait(timeout=10)
        except LXDError:
            return
        try:
            self._remove()
        except LXDError:
            pass

    def _remove(self) -> None:
        """Stop it, if it runs, and delete it, if that has not done so."""
        try:
            self.stop(wait=True)
        except LXDAPIException:
            pass  # it does not run, or is gone
        try:
            self.delete(wait=True)
        except NotFound:
            pass  # an ephemeral one is gone with its stop


def _new_name(operation: Mapping[str, Any]) -> str:
    resources = operation["resources"]
    return name_in((resources.get("instances") or resources["containers"])[0])

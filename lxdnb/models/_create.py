"""From an image to an instance that is ready, in one call, and away again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lxdnb import api, checks
from lxdnb.exceptions import LXDAPIException, LXDError, NotFound
from lxdnb.models._model import as_sent, name_in
from lxdnb.models._ready import GetsReady
from lxdnb.models.image import Image

if TYPE_CHECKING:
    from lxdnb.client import Client
    from lxdnb.models.operation import Operation

__all__ = ["Creates"]

MARK = "volatile.uuid"  # a key that the server makes for each instance, unless it is given one
PLAIN_MARK = "user.lxdnb.launch"  # the same in a project with limits, where servers forbid to give that one
UNDO_SECONDS = 60  # that the creation of what is not wanted any more is waited for
BUSY_SECONDS = 5  # that a server may be busy with what is to be deleted


class Creates(GetsReady):
    """The part of an instance that makes new ones."""

    instance_type: ClassVar[str | None] = None
    """The `type` that instances of this class have; None is any."""
    _mark: str | None = None  # what launch() has marked it with

    @classmethod
    def create(cls, client: Client, config: Mapping[str, Any], wait: bool = False, target: str | None = None) -> Self:
        """Create an instance from a description as the REST API takes it, and return it.

        >>> client.containers.create({"name": "c1", "source": {"type": "image", "alias": "alpine"}}, wait=True)
        <Container 'c1': Stopped>

        With `wait`, return when it is there, else at once with its `operation`. Without a name the server makes one
        up. `target` is a cluster member. Raises LXDAPIException when the server refuses, OperationFailed when it fails.
        """
        created = cls._ask_for(client, cls._request(client, config), target)
        if wait:
            if created.operation is not None:
                created.operation.wait()
            created.sync()
        return created

    @classmethod
    def _request(cls, client: Client, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return a description as it is sent. Raises TypeError and ValueError for what is none."""
        request = dict(checks.mapping("config", config))
        if cls.instance_type is not None:
            request.setdefault("type", cls.instance_type)
        for field, depth in (("config", 1), ("devices", 2)):
            if request.get(field):
                request[field] = as_sent(request[field], field, depth)
        if request.get("ephemeral") is not None:
            checks.flag("ephemeral", request["ephemeral"])
        if request.get("profiles") is not None:
            request["profiles"] = checks.texts("profiles", request["profiles"])
        if request.get("name") is not None:
            _ = client.api.instances[request["name"]]  # refuses what is no name
        source = request.get("source")
        if isinstance(source, Mapping) and source.get("type") == "image" and source.get("fingerprint"):
            checks.fingerprint(source["fingerprint"])
        checks.body(request, "config")
        return request

    @classmethod
    def _ask_for(cls, client: Client, request: Mapping[str, Any], target: str | None) -> Self:
        response = client.api.instances.post(json=request, target=target)
        created = cls(client, name=request.get("name") or _new_name(response.json()["metadata"]))
        created._started(response, wait=False)
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
        cannot be started, or this is interrupted, it is deleted again. By a key of `config` it is told from others:
        its `volatile.uuid`, or in a project with limits `user.lxdnb.launch`. Raises NotFound for an image that is not
        there, OperationFailed.

        In a `with` statement, at once or later, the block begins when it is ready, as by `wait_ready`, and at its end
        it is deleted, and no other that has got its name meanwhile.

        >>> client.containers.launch("alpine", "c1", config={"limits.memory": "512MiB"})
        <Container 'c1': Running>
        """
        if not isinstance(image, str | Image | Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"image is an alias, a fingerprint, an Image or a dict, not {type(image).__name__}")
        import uuid  # here, so that `import lxdnb` does not pay for it

        mark = str(uuid.uuid4())
        description: dict[str, Any] = {
            "source": dict(image) if isinstance(image, Mapping) else {},
            "ephemeral": checks.flag("ephemeral", ephemeral),
            # By it one that this has made is told from one of the same name that was there before.
            "config": {MARK: mark} | as_sent({} if config is None else config),
            "devices": as_sent({} if devices is None else devices, "devices", depth=2),
        }
        if name is not None:
            description["name"] = name
        if profiles is not None:
            description["profiles"] = profiles
        if target is not None:
            checks.name(target, "target")
        mark = description["config"][MARK]
        at_once = client.has_api_extension("instance_create_start")
        if at_once:
            description["start"] = True
        request = cls._request(client, description)
        if isinstance(image, str):  # asked for only now that the rest is known to be right
            image = client.images.find(image)
        if isinstance(image, Image):
            request["source"] = {"type": "image", "fingerprint": image.fingerprint}
        created = None
        try:
            try:
                created = cls._ask_for(client, request, target)
            except LXDAPIException as refused:
                if MARK not in str(refused) or MARK in (config or {}):
                    raise
                marked = {key: value for key, value in request["config"].items() if key != MARK}
                created = cls._ask_for(client, {**request, "config": marked | {PLAIN_MARK: mark}}, target)
            if created.operation is not None:
                created.operation.wait()
            if at_once:
                created.sync()
            else:
                created.start(wait=True)
        except BaseException as error:
            cls._undo_launch(client, created, name, mark, error)
            raise
        created._mark = mark
        return created

    def __enter__(self) -> Self:
        if self._mark is None:
            # An instance that was there before is nobody's to throw away at the end of a block.
            raise TypeError(f"{self!r} was not launched here: only what launch() returns goes into a with statement")
        try:
            self.wait_ready()
        except BaseException as error:
            self._remove_after(error)
            raise
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is None:
            self._remove_launched()
        else:
            self._remove_after(error)

    @classmethod
    def _undo_launch(
        cls, client: Client, created: Self | None, name: str | None, mark: str, error: BaseException
    ) -> None:
        """Delete what launch() has made, if it was made."""
        if created is not None:
            name = created._name
        try:
            # After an interrupt the creation may be still under way, heard of or not.
            for creation in _creations(client, name):
                try:
                    creation.wait(UNDO_SECONDS)
                except LXDAPIException:
                    pass  # whether it has failed or not: what counts is what is there
            cls._remove_marked(client, name, mark)
        except LXDError as failure:
            error.add_note(f"{name or 'what was launched'} may have been left behind: {failure}")

    @classmethod
    def _marked(cls, client: Client, name: str | None, mark: str) -> list[Self]:
        """Return the instance that has a launch's mark, if there is one."""
        try:
            if name is None:
                records = api.metadata(client.api.instances.get(params={"recursion": 1}))
            else:
                records = [api.metadata(client.api.instances[name].get())]
        except NotFound:
            return []
        found = [cls._from_record(client, record) for record in records]
        return [each for each in found if mark in (each.config.get(MARK), each.config.get(PLAIN_MARK))]

    @classmethod
    def _remove_marked(cls, client: Client, name: str | None, mark: str) -> None:
        for instance in cls._marked(client, name, mark):
            instance._remove()

    def _remove_launched(self) -> None:
        """Remove it, if what has its name is what launch() has made."""
        mark, self._mark = self._mark, None
        assert mark is not None
        self._remove_marked(self.client, self._name, mark)

    def _remove_after(self, error: BaseException) -> None:
        """Remove it because of an error, which is not to be hidden by another."""
        try:
            self._remove_launched()
        except LXDError as failure:
            error.add_note(f"{self._name} is still there: {failure}")

    def _remove(self) -> None:
        """Stop it, if it runs, and delete it, if that has not done so."""
        ends = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self.stop(wait=True)
            except LXDAPIException:
                pass  # it does not run, or is gone
            try:
                return self.delete(wait=True)
            except NotFound:
                return None  # an ephemeral one is gone with its stop
            except LXDAPIException:
                if time.monotonic() > ends:
                    raise
            time.sleep(0.1)  # the server is busy with it: it is about to go, or was about to start


def _creations(client: Client, name: str | None) -> list[Operation]:
    """Return the operations under way that make an instance of this name, or of any."""
    return [
        operation
        for operation in client.operations.all()
        if not operation.done
        and operation.description == "Creating instance"
        and (name is None or name in map(name_in, _instances(operation.resources or {})))
    ]


def _instances(resources: Mapping[str, list[str]]) -> list[str]:
    return resources.get("instances") or resources.get("containers") or []


def _new_name(operation: Mapping[str, Any]) -> str:
    return name_in(_instances(operation["resources"])[0])

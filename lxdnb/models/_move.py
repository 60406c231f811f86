"""Moving an instance within its server or cluster, and making its root file system anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lxdnb import checks
from lxdnb.models._model import Model
from lxdnb.models.image import Image

__all__ = ["Moves"]


class Moves(Model):
    """The part of an instance that moves, and is rebuilt."""

    def move(
        self,
        name: str | None = None,
        *,
        pool: str | None = None,
        project: str | None = None,
        target: str | None = None,
        instance_only: bool = False,
        allow_inconsistent: bool = False,
        wait: bool = False,
    ) -> None:
        """Move it to another storage pool, project or cluster member, or to another name, or to several at once.

        It must be stopped, but for a mere move to another member where the storage is shared. With `instance_only`
        its snapshots are lost, unless all that it gets is another name. With `wait`, return when it is there, and this
        object goes on as what it then is; without, it stays what it was, and what there is then has to be got once
        `operation` has ended well. To another server: `migrate`.

        Raises ValueError where it is told nowhere to go, OperationFailed where it cannot.

        >>> instance = client.instances.get("c2")
        >>> instance.move("c3", wait=True)
        >>> instance.name
        'c3'
        """
        if name is pool is project is target is None:
            raise ValueError("where to: a name, pool=, project= or target= has to be given")
        new = self._name if name is None else name
        _ = self.client.api.instances[new]
        flags = {"instance_only": instance_only, "allow_inconsistent": allow_inconsistent}
        request: dict[str, Any] = {
            "name": new,
            **{key: True for key, value in flags.items() if checks.flag(key, value)},
        }
        for key, value, extension in (
            ("pool", pool, "instance_pool_move"),
            ("project", project, "instance_project_move"),
        ):
            if value is not None:
                request[key] = checks.name(value, key)
                self.client.assert_has_api_extension(extension)
        if allow_inconsistent:
            self.client.assert_has_api_extension("instance_allow_inconsistent_copy")
        if pool is project is target is None:
            return self._rename(new, wait)
        # Servers call all of it a migration: https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/instances
        response = self.api.post(json={**request, "migration": True}, target=target)
        self._started(response, wait)
        if wait:
            self._theirs[self.key] = new
            if project is not None:
                self.client = self.client.use_project(project)
            self.sync()
        return None

    def rebuild(self, image: str | Image | Mapping[str, Any] | None, wait: bool = False) -> None:
        """Make its root file system anew from an image, or empty for None; its configuration and devices stay.

        `image` is as for `launch`. All its files are lost, and its snapshots have to be deleted before. It must be
        stopped. Raises LXDAPIExtensionNotAvailable where the server cannot, NotFound for an image that is not there,
        OperationFailed.
        """
        self.client.assert_has_api_extension("instances_rebuild")
        source: dict[str, Any] = {"type": "none"}
        if isinstance(image, Mapping):
            source = dict(checks.mapping("image", image))
        elif image is not None:
            if not isinstance(image, str | Image):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(
                    f"image is an alias, a fingerprint, an Image, a dict or None, not {type(image).__name__}"
                )
            found = self.client.images.find(image) if isinstance(image, str) else image
            source = {"type": "image", "fingerprint": found.fingerprint}
        self._started(self.api.rebuild.post(json={"source": source}), wait)
        if wait:
            self.sync()

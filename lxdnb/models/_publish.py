"""An image made of an instance or of a snapshot: what both have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lxdnb import checks
from lxdnb.models._model import Model, as_sent
from lxdnb.models.image import Image

__all__ = ["Publishes"]


class Publishes(Model):
    """The part of an instance, or of a snapshot, that makes an image of it."""

    def publish(
        self,
        public: bool = False,
        wait: bool = False,
        compression_algorithm: str | None = None,
        *,
        properties: Mapping[str, Any] | None = None,
        aliases: Sequence[str] | None = None,
    ) -> Image | None:
        """Make an image of it; with `wait`, return the image, else None at once.

        An instance must be stopped, a snapshot need not. `compression_algorithm` is a program on the server, such as
        `gzip`, or `none`. Raises OperationFailed when the instance runs, or an image of this very content is there.

        >>> client.instances.get("c2").publish(wait=True, aliases=["mine"]).aliases[0]["name"]
        'mine'
        """
        request: dict[str, Any] = {"public": checks.flag("public", public), "source": self._source()}
        if compression_algorithm is not None:
            self.client.assert_has_api_extension("image_compression_algorithm")
            request["compression_algorithm"] = checks.text("compression_algorithm", compression_algorithm)
        if properties is not None:
            request["properties"] = as_sent(properties, "properties")
        if aliases is not None:
            request["aliases"] = [{"name": checks.name(alias)} for alias in checks.texts("aliases", aliases)]
        self._started(self.client.api.images.post(json=request), wait)
        if not wait or self.operation is None:
            return None
        return self.client.images.get(self.operation.metadata["fingerprint"])

    if TYPE_CHECKING:

        def _source(self) -> dict[str, str]:
            """Return the `source` by which the REST API names it; each of both has its own."""
            ...

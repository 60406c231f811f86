"""Containers: the instances that share the server's kernel."""

from __future__ import annotations

from typing import ClassVar

from lxdnb.models.instance import Instance, Instances

__all__ = ["Container", "ContainerManager"]


class Container(Instance):
    """An instance that is a container."""

    instance_type: ClassVar[str | None] = "container"


class ContainerManager(Instances[Container]):
    """`client.containers`."""

    model = Container

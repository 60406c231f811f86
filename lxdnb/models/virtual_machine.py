"""Virtual machines: the instances that have a kernel of their own."""

from __future__ import annotations

from typing import ClassVar

from lxdnb.models.instance import Instance, Instances

__all__ = ["VirtualMachine", "VirtualMachineManager"]


class VirtualMachine(Instance):
    """An instance that is a virtual machine."""

    instance_type: ClassVar[str | None] = "virtual-machine"


class VirtualMachineManager(Instances[VirtualMachine]):
    """`client.virtual_machines`."""

    model = VirtualMachine

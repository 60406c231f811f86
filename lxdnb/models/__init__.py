"""The server's resources as objects: one file each, its manager beside it."""

from lxdnb.models._execute import ExecResult
from lxdnb.models.certificate import Certificate
from lxdnb.models.container import Container
from lxdnb.models.image import Image
from lxdnb.models.instance import Instance, InstanceState
from lxdnb.models.operation import Operation
from lxdnb.models.profile import Profile
from lxdnb.models.snapshot import Snapshot
from lxdnb.models.virtual_machine import VirtualMachine

__all__ = [
    "Certificate",
    "Container",
    "ExecResult",
    "Image",
    "Instance",
    "InstanceState",
    "Operation",
    "Profile",
    "Snapshot",
    "VirtualMachine",
]

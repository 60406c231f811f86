"""The server's resources as objects: one file each, its manager beside it."""

from lxdnb.models._execute import ExecResult
from lxdnb.models.certificate import Certificate
from lxdnb.models.image import Image
from lxdnb.models.instance import Container, Instance, InstanceState, VirtualMachine
from lxdnb.models.operation import Operation
from lxdnb.models.profile import Profile
from lxdnb.models.snapshot import Snapshot

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

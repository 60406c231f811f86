"""The server's resources as objects: one file each, its manager beside it."""

from lxdnb.models._execute import ExecResult
from lxdnb.models.image import Image
from lxdnb.models.instance import Container, Instance, InstanceState, VirtualMachine
from lxdnb.models.operation import Operation

__all__ = ["Container", "ExecResult", "Image", "Instance", "InstanceState", "Operation", "VirtualMachine"]

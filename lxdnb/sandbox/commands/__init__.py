"""The programs of an instance: what busybox has under the same names, on files and streams in memory alone."""

from lxdnb.sandbox.commands.registry import NotExecutable, NotFound, located, names, program

__all__ = ["NotExecutable", "NotFound", "located", "names", "program"]

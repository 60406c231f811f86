"""A notebook toolkit for LXD and Incus.

>>> import lxdnb
>>> lx = lxdnb.connect()
>>> lx.containers.launch("alpine", "c1").execute(["hostname"]).stdout
'c1\\n'

In a notebook, `%load_ext lxdnb` adds the `%lxd` magic. DataFrames are in `lxdnb.frames`, live panels in
`lxdnb.widgets`: both are imported only when used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# First, and from here: deep in a chain of imports Python 3.11 takes far longer to compile the patterns of urllib3.
from lxdnb import transport as _transport  # noqa: F401  # pyright: ignore[reportUnusedImport]

# isort: split
from lxdnb import exceptions, models
from lxdnb.client import Client
from lxdnb.exceptions import (
    BulkFailed,
    ClientConnectionFailed,
    CommandFailed,
    CommandTimeout,
    Conflict,
    FileFailed,
    FingerprintMismatch,
    Forbidden,
    LXDAPIException,
    LXDAPIExtensionNotAvailable,
    LXDError,
    NotFound,
    NotReady,
    OperationCancelled,
    OperationFailed,
    OperationTimeout,
    SaveConflict,
)
from lxdnb.finding import connect
from lxdnb.streams import EventType

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from lxdnb import managers

__all__ = [
    "BulkFailed",
    "Client",
    "ClientConnectionFailed",
    "CommandFailed",
    "CommandTimeout",
    "Conflict",
    "EventType",
    "FileFailed",
    "FingerprintMismatch",
    "Forbidden",
    "LXDAPIException",
    "LXDAPIExtensionNotAvailable",
    "LXDError",
    "NotFound",
    "NotReady",
    "OperationCancelled",
    "OperationFailed",
    "OperationTimeout",
    "SaveConflict",
    "connect",
    "exceptions",
    "managers",
    "models",
]

__version__ = "0.1.0.dev0"


def __getattr__(name: str) -> Any:
    if name == "managers":  # loaded when asked for: it brings all resources with it
        import lxdnb.managers as found

        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add `%lxd` and `%%lxd`: what IPython calls for `%load_ext lxdnb`."""
    from lxdnb import magics  # here, so that scripts do not pay for IPython and pandas

    magics.register(shell)

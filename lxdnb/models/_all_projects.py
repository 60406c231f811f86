"""What all projects have, asked for at once: where the server cannot, the error says how to ask each for its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxdnb.exceptions import LXDAPIExtensionNotAvailable

if TYPE_CHECKING:
    from lxdnb.client import Client

__all__ = ["of_all_projects"]


def of_all_projects(client: Client, extension: str | None) -> dict[str, str]:
    """Return the parameters of such a request. Raises LXDAPIExtensionNotAvailable without the `extension`."""
    if extension is not None and not client.has_api_extension(extension):
        raise LXDAPIExtensionNotAvailable(extension, "client.use_project(name) asks for those of one project")
    return {"all-projects": "true"}

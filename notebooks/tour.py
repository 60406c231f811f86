"""`make tour`: the tour, its page in build/; of a server that has no image and no way to one, with our busybox."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from lxdnb.tour import TourError, tour
from tests.image import busybox_image, find_busybox

__all__ = ["PAGE", "busybox"]

PAGE = Path(__file__).parents[1] / "build" / "tour.html"


def busybox() -> bytes:
    """Return an image made of this machine's busybox."""
    if not find_busybox():
        raise TourError("no busybox to make an image of: install busybox-static, or set LXDNB_TOUR_IMAGE")
    with tempfile.TemporaryDirectory() as folder:
        return busybox_image(Path(folder, "busybox.tar.gz")).read_bytes()


if __name__ == "__main__":
    sys.exit(tour(PAGE, own_image=busybox))

"""A busybox image of about 1 MB, built on the spot from the machine's own static busybox.

The same busybox gives the same bytes, hence the same fingerprint, on LXD and on Incus alike.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import platform
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

ALIAS = "busybox"
_WHEN = 1_700_000_000  # one moment for every entry: the bytes depend on busybox alone
_ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64", "armv6l": "armv7l", "i386": "i686"}
_DIRECTORIES = {"tmp": 0o1777, "root": 0o700, "home/user": 0o755} | dict.fromkeys(
    ("bin", "sbin", "usr/bin", "usr/sbin", "dev", "proc", "sys", "run", "mnt", "var/log", "var/tmp"), 0o755
)

# A clean stop is SIGPWR to init. Busybox's own shutdown sleeps 2 s between its signals; this action, which
# it runs first, asks politely, gives 0.1 s and turns the container off. `reboot` must not pass through it
# (init cannot tell its actions why they run), so it has a script of its own.
_INITTAB = """\
::sysinit:/etc/init.d/rcS
::askfirst:-/bin/sh
::ctrlaltdel:/sbin/reboot
::shutdown:/etc/init.d/rcK
"""
_START = """\
#!/bin/sh
ip link set lo up
if [ -e /sys/class/net/eth0 ]; then
    udhcpc -f -S -i eth0 >/dev/null 2>&1 &
fi
"""
_STOP = """\
#!/bin/sh
trap '' TERM
kill -TERM -1
sleep 0.1
exec busybox poweroff -f
"""
_REBOOT = """\
#!/bin/sh
exec busybox reboot -f
"""
# What udhcpc calls when it has a lease, so that a container on a bridge with DHCP gets its address.
_LEASE = """\
#!/bin/sh
case "$1" in
deconfig) ip link set "$interface" up ;;
bound | renew)
    ip addr add "$ip/$mask" dev "$interface" 2>/dev/null
    for r in $router; do ip route replace default via "$r" dev "$interface"; done
    for d in $dns; do echo "nameserver $d"; done >/etc/resolv.conf ;;
esac
"""
_FILES: dict[str, tuple[int, str]] = {
    "etc/inittab": (0o644, _INITTAB),
    "etc/init.d/rcS": (0o755, _START),
    "etc/init.d/rcK": (0o755, _STOP),
    "sbin/reboot": (0o755, _REBOOT),
    "etc/udhcpc/default.script": (0o755, _LEASE),
    "etc/passwd": (0o644, "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n"),
    "etc/group": (0o644, "root:x:0:\nuser:x:1000:\n"),
    "etc/hosts": (0o644, "127.0.0.1 localhost\n::1 localhost\n"),
    "etc/profile": (0o644, "export PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"),
}


def find_busybox() -> Path | None:
    """The machine's busybox program, if it has a statically linked one: nothing else runs in an empty rootfs."""
    path = shutil.which("busybox", path=os.environ.get("PATH", "") + ":/usr/bin:/bin:/usr/local/bin")
    if path is None:
        return None
    # A dynamically linked program names its loader (PT_INTERP) at the start of the file.
    with open(path, "rb") as program:
        head = program.read(4096)
    return Path(path).resolve() if head.startswith(b"\x7fELF") and b"/ld" not in head else None


def busybox_image(target: Path | str) -> Path:
    """Write the unified image (metadata.yaml and rootfs/ in one .tar.gz) to `target` and return its path.

    The bytes are the same for the same busybox, so importing it twice gives one fingerprint. Users in it are
    root and `user` (1000). Raises FileNotFoundError where there is no static busybox.
    """
    busybox = find_busybox()
    if busybox is None:
        raise FileNotFoundError("No statically linked busybox found: install it (Debian: busybox-static).")
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        _fill(archive, busybox)
    target = Path(target)
    target.write_bytes(gzip.compress(raw.getbuffer(), compresslevel=6, mtime=0))
    return target


def _fill(archive: tarfile.TarFile, busybox: Path) -> None:
    """Put all of the image into `archive`, in one fixed order."""

    def add(name: str, mode: int, kind: bytes, content: bytes = b"", link: str = "", owner: int = 0) -> None:
        entry = tarfile.TarInfo(name)
        entry.mode, entry.type, entry.linkname, entry.mtime = mode, kind, link, _WHEN
        entry.size, entry.uid, entry.gid = len(content), owner, owner
        archive.addfile(entry, io.BytesIO(content))

    banner, applets = (
        subprocess.run([busybox, *arguments], capture_output=True, text=True, timeout=10).stdout
        for arguments in ([], ["--list-full"])
    )
    # JSON is YAML, and needs no library.
    add("metadata.yaml", 0o644, tarfile.REGTYPE, json.dumps(_metadata(banner), indent=1).encode())
    add("rootfs", 0o755, tarfile.DIRTYPE)
    folders = set(_DIRECTORIES)
    for path in [*_DIRECTORIES, *_FILES]:
        folders.update(str(parent) for parent in Path(path).parents if parent.name)
    for folder in sorted(folders):
        owner = 1000 if folder == "home/user" else 0
        add(f"rootfs/{folder}", _DIRECTORIES.get(folder, 0o755), tarfile.DIRTYPE, owner=owner)
    add("rootfs/bin/busybox", 0o755, tarfile.REGTYPE, busybox.read_bytes())
    for path, (mode, text) in sorted(_FILES.items()):
        add(f"rootfs/{path}", mode, tarfile.REGTYPE, text.encode())
    for applet in sorted(set(applets.split())):
        parent = applet.rpartition("/")[0]
        if applet not in _FILES and applet != "bin/busybox" and parent in _DIRECTORIES:
            add(f"rootfs/{applet}", 0o777, tarfile.SYMTYPE, link="/bin/busybox")


def _metadata(banner: str) -> dict[str, object]:
    """What listings show of the image; `banner` is the first line that busybox prints."""
    machine = platform.machine()
    architecture = _ARCHITECTURES.get(machine, machine)
    found = re.search(r"v(\d+(?:\.\d+)+)", banner)
    release = found[1] if found else "unknown"
    return {
        "architecture": architecture,
        "creation_date": _WHEN,
        "properties": {
            "os": "BusyBox",
            "release": release,
            "description": f"BusyBox {release} ({architecture}), for trying and testing",
            "architecture": architecture,
            "name": f"busybox-{release}-{architecture}",
        },
    }


def split(image: bytes, kind: str = "gz") -> tuple[bytes, bytes]:
    """An image of one file as one of two: its metadata, and its root filesystem."""
    metadata, rootfs = io.BytesIO(), io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(image)) as source,
        tarfile.open(fileobj=metadata, mode=f"w:{kind}") as first,
        tarfile.open(fileobj=rootfs, mode=f"w:{kind}") as second,
    ):
        for entry in source:
            content = source.extractfile(entry) if entry.isreg() else None
            inner = entry.name.removeprefix("rootfs/")
            if inner != entry.name:
                entry.name = inner
                second.addfile(entry, content)
            elif entry.isreg():
                first.addfile(entry, content)
    return metadata.getvalue(), rootfs.getvalue()

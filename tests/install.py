"""Installs the real parts that tests need (daemons, busybox, a browser): on Debian, as root, with apt, and says so.

Anywhere else, and for anybody else, it installs nothing: it tells what is there, what is missing, what is skipped
without it and how to get it. `python -m tests.install [PACKAGE ...]` takes Debian's package names, all of them unless
some are given.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from .daemons import find_daemon
from .image import find_busybox

SOURCES = Path("/etc/apt/sources.list.d")
KEYRINGS = [Path("/usr/share/keyrings", f"debian-archive-keyring.{end}") for end in ("pgp", "gpg")]
_QUIET = ["-qq", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=300"]


def _find(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/bin")


class Part(NamedTuple):
    """One Debian package: what it is for, what is skipped without it, and whether its program is here."""

    what: str
    without: str
    here: Callable[[], object]
    elsewhere: str = ""


PARTS = {
    "lxd": Part(
        "real LXD daemons", "tests on LXD", lambda: find_daemon("lxd"), "LXD's snap cannot be started privately"
    ),
    "incus-base": Part("real Incus daemons", "tests on Incus", lambda: find_daemon("incus"), "also called incus"),
    "busybox-static": Part("the containers' image", "tests on real daemons", find_busybox),
    "lxcfs": Part("needed by containers", "tests on real daemons", lambda: _find("lxcfs")),
    "dnsmasq-base": Part("addresses on bridges", "tests of networks", lambda: _find("dnsmasq"), "also called dnsmasq"),
    "ovn-central": Part("OVN's databases", "tests of OVN networks", lambda: _find("ovn-northd")),
    "ovn-host": Part("OVN on this machine", "tests of OVN networks", lambda: _find("ovn-controller")),
    "openvswitch-switch": Part("what OVN switches by", "tests of OVN networks", lambda: _find("ovs-vswitchd")),
    "ceph-mon": Part("Ceph's monitor", "tests of buckets on Ceph", lambda: _find("ceph-mon")),
    "ceph-osd": Part("Ceph's store", "tests of buckets on Ceph", lambda: _find("ceph-osd")),
    "radosgw": Part("Ceph's gateway for S3", "tests of buckets on Ceph", lambda: _find("radosgw")),
    "btrfs-progs": Part("btrfs pools", "tests on btrfs pools", lambda: _find("mkfs.btrfs"), "also called btrfsprogs"),
    "openssl": Part("keypairs", "tests of the manual's keypair", lambda: _find("openssl")),
    "chromium": Part("a browser", "tests in a browser", lambda: _find("chromium")),
}
APART = {"ovn-central", "ovn-host", "openvswitch-switch", "ceph-mon", "ceph-osd", "radosgw"}
"""What is installed only where it is named: for tests that are not run with the others."""
# Where a release lacks these, its backports have them.
_BACKPORTED = {"incus-base", "incus"}


class AptError(RuntimeError):
    """apt failed; the text is the end of what it said."""


def run(*command: str) -> str:
    """Run a program that asks nothing and return what it prints; AptError with its last lines when it fails."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    ran = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
    )
    if ran.returncode:
        last = "\n".join(ran.stdout.strip().splitlines()[-15:])
        raise AptError(f"`{' '.join(command)}` failed ({ran.returncode}):\n{last}")
    return ran.stdout


def not_installed(packages: Sequence[str]) -> list[str]:
    """Those of the packages that dpkg does not know as installed."""
    # It exits with 1 where one is unknown, and says nothing of that one.
    form = "${Package} ${db:Status-Status}\n"
    said = subprocess.run(["dpkg-query", "-W", f"-f={form}", *packages], capture_output=True, text=True).stdout
    return [package for package in packages if f"{package} installed" not in said.splitlines()]


def backports(targets: str, codename: str) -> tuple[str, str]:
    """The name of the release's backports suite and the mirror to take it from, "" when it is configured already.

    `targets` is what `apt-get indextargets` lists of the machine's own sources: ORIGIN, RELEASE, CODENAME, COMPONENT
    and REPO_URI, with bars between. Raises AptError where it has no source of this release to take the mirror from.
    """
    suite = f"{codename}-backports"
    # Others than Debian use its releases' names for their sources too.
    lines = [line.split("|")[1:] for line in targets.splitlines() if line.startswith("Debian|")]
    if any(suite in line[:2] for line in lines):
        return suite, ""
    mirrors = [uri for release, code, component, uri in lines if codename in (release, code) and component == "main"]
    if not mirrors:
        raise AptError(f"apt has no source of {codename} to take the mirror of {suite} from: add that suite by hand.")
    return suite, mirrors[0]


def source(suite: str, mirror: str, keyring: Path | None) -> str:
    """The text of a sources file for a suite."""
    lines = ["Types: deb", f"URIs: {mirror}", f"Suites: {suite}", "Components: main"]
    return "\n".join([*lines, *([f"Signed-By: {keyring}"] if keyring else [])]) + "\n"


def install(packages: list[str], codename: str) -> None:
    """Install Debian packages, from the release's backports where it has none of that name itself."""
    run("apt-get", *_QUIET, "update")
    policy = run("apt-cache", "policy", *packages)
    known = set(re.findall(r"^(\S+):\n  Installed: .*\n  Candidate: (?!\(none\))", policy, re.MULTILINE))
    later = [package for package in packages if package in _BACKPORTED - known]
    command = ["apt-get", *_QUIET, "install", "-y", "--no-install-recommends"]
    if now := [package for package in packages if package not in later]:
        run(*command, *now)
    if later:
        form = "$(ORIGIN)|$(RELEASE)|$(CODENAME)|$(COMPONENT)|$(REPO_URI)"
        targets = run("apt-get", "indextargets", "--format", form, "Created-By: Packages")
        suite, mirror = backports(targets, codename)
        if mirror:
            _add(suite, mirror)
        run(*command, "-t", suite, *later)


def _add(suite: str, mirror: str) -> None:
    """Let apt know of a suite, and fetch its lists alone."""
    file = SOURCES / f"{suite}.sources"
    if file.exists():  # there, but not in use: its owner switched it off
        file = SOURCES / f"lxdnb-{suite}.sources"
    keyring = next((each for each in KEYRINGS if each.exists()), None)
    print(f"Adding {suite} to apt's sources, in {file}: packages come from it only when asked for.", flush=True)
    file.write_text(source(suite, mirror, keyring))
    only = ["-o", f"Dir::Etc::sourcelist={file}", "-o", "Dir::Etc::sourceparts=-", "-o", "APT::Get::List-Cleanup=0"]
    try:
        run("apt-get", *_QUIET, *only, "update")
    except AptError:
        file.unlink()  # a source that cannot be read would break the machine's every update
        raise


def report(packages: Sequence[str], why: str) -> None:
    """Tell what is there and what is missing, where nothing is installed."""
    here = [package for package in packages if package in PARTS and PARTS[package].here()]
    print(f"{why}, so nothing is installed. Here: {', '.join(here) or 'nothing'}.")
    for package in packages:
        if package not in here:
            part = PARTS.get(package, Part("no part that tests know", "tests that want it", lambda: None))
            note = f" ({part.elsewhere})" if part.elsewhere else ""
            print(f"Missing: {package}{note}, {part.what}; {part.without} are skipped.")
    if len(here) < len(packages):
        print("To get what is missing: on Debian, run this as root; elsewhere, install it with the package manager.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Install what is missing, or tell about it; the exit code."""
    usual = [package for package in PARTS if package not in APART]
    parser = argparse.ArgumentParser(prog="python -m tests.install", description=__doc__)
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help=f"default: {' '.join(usual)}")
    packages = parser.parse_args(arguments).packages or usual
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        system = {}
    if system.get("ID") != "debian" or _find("dpkg-query") is None:
        report(packages, f"This is {system.get('PRETTY_NAME', platform.system())} and not Debian")
        return 0
    wanted = [each for each in not_installed(packages) if each not in PARTS or not PARTS[each].here()]
    if not wanted:
        print("All real parts are installed.")
        return 0
    if os.geteuid() != 0:
        report(packages, "You are not root")
        return 0
    named = ", ".join(f"{each} ({PARTS[each].what})" if each in PARTS else each for each in wanted)
    print(f"Installing with apt, for what runs here on real parts: {named}.", flush=True)
    try:
        install(wanted, system["VERSION_CODENAME"])
    except (AptError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

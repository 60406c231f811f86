"""What a person has here, and what to do about what is missing: each check gives findings, and changes nothing.

Only the sandbox is tried, in memory; of the servers, those of this machine alone are asked.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from typing import NamedTuple

from lxdnb.client import Client
from lxdnb.exceptions import ClientConnectionFailed, LXDError
from lxdnb.finding import connect
from lxdnb.remotes import configurations, local_sockets, naming, remote, servers

__all__ = ["Finding", "daemons", "examine", "packages", "python", "remotes", "report", "sandbox"]

OLDEST = (3, 11)
SECONDS = 5  # for a daemon to answer
_EXTRAS = {"lab": "the tour and the notebooks need it", "parquet": "only files of Parquet need it"}
_REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[^]]*\])?\s*(?:>=\s*([\d.]+))?[^;]*(?:;.*extra\s*==\s*['\"]([\w-]+)['\"])?")


class Finding(NamedTuple):
    """One line of the report: `ok`, `--` for what one can do without, `!!` for what keeps lxdnb from working."""

    mark: str
    text: str
    advice: str = ""


def examine(environment: Mapping[str, str], home: str) -> Iterator[Finding]:
    """Yield all findings, each as soon as it is known."""
    yield python(sys.version_info[:3], sys.executable)
    try:
        distribution = metadata.distribution("lxdnb")
        yield Finding("ok", f"lxdnb {distribution.version} in {os.path.dirname(__file__)}")
        yield from packages(distribution.requires or ())
    except metadata.PackageNotFoundError:
        yield Finding(
            "!!", "lxdnb is not installed, only found", "pip install lxdnb, or pip install -e . in a checkout"
        )
    yield from daemons(environment)
    yield from remotes(configurations(environment, home))
    yield sandbox()


def python(version: Sequence[int], executable: str) -> Finding:
    """Say which Python this is, and whether it is new enough.

    >>> from lxdnb import doctor
    >>> doctor.python((3, 9, 2), "/usr/bin/python3").advice
    'lxdnb needs Python 3.11 or later'
    """
    shown = f"Python {'.'.join(map(str, version))} at {executable}"
    if tuple(version) >= OLDEST:
        return Finding("ok", shown)
    return Finding("!!", shown, f"lxdnb needs Python {'.'.join(map(str, OLDEST))} or later")


def packages(requirements: Iterable[str]) -> Iterator[Finding]:
    """Say of each package that is required, or of an extra that people use, which version is here."""
    for requirement in requirements:
        found = _REQUIREMENT.match(requirement)
        if found is None:
            continue
        name, oldest, extra = found.groups()
        if extra is not None and extra not in _EXTRAS:
            continue
        mark = "!!" if extra is None else "--"
        advice = f"pip install '{name}{f'>={oldest}' if oldest else ''}'"
        advice += "" if extra is None else f"; {_EXTRAS[extra]}"
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Finding(mark, f"{name} is not installed", advice)
            continue
        old = oldest is not None and _release(version) < _release(oldest)
        yield (
            Finding(mark, f"{name} {version} is older than {oldest}", advice)
            if old
            else Finding("ok", f"{name} {version}")
        )


def _release(version: str) -> tuple[int, ...]:
    parts = [int(part) for part in re.findall(r"\d+", re.match(r"[\d.]*", version)[0])]  # pyright: ignore[reportOptionalSubscript]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def daemons(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Say what each place has said where a local daemon may be."""
    named = " and ".join(naming(environment))
    answered = False
    for path in local_sockets(environment):
        try:
            client = Client(path, timeout=SECONDS)
        except ClientConnectionFailed as error:
            reason = error.tried.get(path, str(error))
            advice = f"start it, or unset {named}" if named else ""
            yield Finding("!!" if named else "--", f"{path}: {reason}", advice)
            continue
        except LXDError as error:
            yield Finding("!!" if named else "--", f"{path}: it answers with an error: {error}", "look into its log")
            continue
        answered = answered or client.trusted
        said = repr(client).removeprefix("<Client ").removesuffix(">")
        yield Finding("ok" if client.trusted else "--", f"{said} answers{f', by {named}' if named else ''}")
        client.close()
    if not answered and not named:
        yield Finding(
            "--",
            "no local LXD or Incus to use",
            'connect("auto") takes a simulated one; for a real one see https://documentation.ubuntu.com/lxd/ or '
            "https://linuxcontainers.org/incus/",
        )


def remotes(folders: Sequence[str]) -> Iterator[Finding]:
    """Say which servers the configuration of `lxc` and `incus` knows, and as whom one comes to them."""
    try:
        known = [name for name in servers(folders) if name != "local"]
        found = {name: remote(name, folders) for name in known}
    except ValueError as error:
        yield Finding("!!", str(error), "mend that file, or point LXD_CONF or INCUS_CONF elsewhere")
        return
    for name, place in found.items():
        text = f"{name}: is {place.endpoint}"
        if (place.endpoint or "").startswith("https://") and place.cert is None:
            yield Finding("--", f"{text}, without a client's certificate", f"`lxc remote add {name} …` makes one")
        elif (place.endpoint or "").startswith("https://") and place.server is None:
            yield Finding("ok", f"{text}, its certificate verified by the public authorities")
        else:
            yield Finding("ok", text)
    if not found:
        yield Finding("--", "no remotes of lxc or incus", "`lxc remote add` and `incus remote add` make some")


def sandbox() -> Finding:
    """Say whether the sandbox works: a container is launched in one, and runs a command."""
    try:
        client = connect("sandbox:")
        with client.launch("busybox", "doctor", ephemeral=True) as container:
            said = container.execute(["uname", "-s"]).stdout.strip()
    except (ImportError, LXDError, OSError) as error:
        return Finding("!!", f"the sandbox does not work: {error}", "send us this report")
    return Finding("ok", f"the sandbox works: a simulated container launched there says {said}")


def report(findings: Iterable[Finding]) -> int:
    """Print findings as they come; return 1 if one of them keeps lxdnb from working, else 0."""
    failed = 0
    for mark, text, advice in findings:
        failed += mark == "!!"
        print(f"{mark}  {text}{f': {advice}' if advice else ''}", flush=True)
    if failed:
        print(f"{failed} of these must be mended.")
    return 1 if failed else 0

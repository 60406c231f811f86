"""Installing the real parts: what apt is asked for, and that a machine that is not for it is left alone."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from tests import install

TARGETS = """\
Elsewhere|bookworm|bookworm|main|https://elsewhere.example/apt/
Debian|bookworm-updates|bookworm-updates|main|https://mirror.example/debian/
Debian|stable|bookworm|contrib|https://mirror.example/debian/
Debian|stable|bookworm|main|https://mirror.example/debian/
"""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What would be run, on a Debian where two packages are missing; apt itself answers from here."""
    commands: list[str] = []

    def run(*command: str) -> str:
        commands.append(" ".join(word for word in command if word not in install._QUIET))
        if command[1] == "policy":
            known = "btrfs-progs:\n  Installed: (none)\n  Candidate: 6.2\n"
            return known + "incus-base:\n  Installed: (none)\n  Candidate: (none)\n"
        return TARGETS if command[1] == "indextargets" else ""

    monkeypatch.setattr(install, "run", run)
    monkeypatch.setattr(install, "SOURCES", tmp_path)
    monkeypatch.setattr(install, "not_installed", lambda packages: list(packages))
    for name in ("btrfs-progs", "incus-base"):
        monkeypatch.setitem(install.PARTS, name, install.PARTS[name]._replace(here=lambda: None))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    be(monkeypatch, "debian")
    return commands


def be(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    release = {"ID": system, "PRETTY_NAME": f"{system} 12", "VERSION_CODENAME": "bookworm"}
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: release)
    monkeypatch.setattr(install, "_find", lambda name: f"/usr/bin/{name}")


def test_installs_what_is_missing_and_says_so(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install.main(["btrfs-progs", "incus-base"]) == 0
    file = tmp_path / "bookworm-backports.sources"
    assert asked == [
        "apt-get update",
        "apt-cache policy btrfs-progs incus-base",
        "apt-get install -y --no-install-recommends btrfs-progs",
        "apt-get indextargets --format $(ORIGIN)|$(RELEASE)|$(CODENAME)|$(COMPONENT)|$(REPO_URI) Created-By: Packages",
        f"apt-get Dir::Etc::sourcelist={file} Dir::Etc::sourceparts=- APT::Get::List-Cleanup=0 update",
        "apt-get install -y --no-install-recommends -t bookworm-backports incus-base",
    ]
    assert "URIs: https://mirror.example/debian/\nSuites: bookworm-backports\n" in file.read_text()
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(
        "Installing with apt, for what runs here on real parts: btrfs-progs (btrfs pools), incus-base ("
    )
    assert str(file) in said[1]


@pytest.mark.parametrize("system", ["debian", "ubuntu"])
def test_leaves_a_machine_alone_that_is_not_for_it(
    system: str, asked: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    be(monkeypatch, system)
    if system == "debian":
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert install.main(["btrfs-progs"]) == 0
    assert asked == []
    assert "tests on btrfs pools are skipped" in capsys.readouterr().out


def test_does_nothing_where_all_is_there(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "not_installed", lambda packages: [])
    assert install.main([]) == 0
    assert asked == []


def test_a_suite_that_is_configured_is_not_added() -> None:
    more = "Debian|bookworm-backports|bookworm-backports|main|https://mirror.example/debian/\n"
    assert install.backports(TARGETS + more, "bookworm") == ("bookworm-backports", "")
    with pytest.raises(install.AptError, match="trixie-backports"):
        install.backports(TARGETS, "trixie")


def test_a_failure_is_told_in_its_own_last_words(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(install.AptError, match=r"failed \(3\):\nE: no such thing"):
        install.run("sh", "-c", "echo E: no such thing >&2; exit 3")

"""`lxdnb doctor`: what it finds, and that each thing that is missing comes with what to do."""

from __future__ import annotations

import socket
import sys
from importlib import metadata
from pathlib import Path

import pytest

from lxdnb import doctor
from lxdnb.doctor import Finding


def test_the_python():
    assert doctor.python((3, 11, 0), "/usr/bin/python3") == Finding("ok", "Python 3.11.0 at /usr/bin/python3")
    assert doctor.python((4, 0, 0), "p").mark == "ok"
    old = doctor.python((3, 10, 12), "/usr/bin/python3")
    assert (old.mark, old.advice) == ("!!", "lxdnb needs Python 3.11 or later")


def test_the_packages():
    here = metadata.version("pytest")
    found = doctor.packages(
        [
            "pytest>=8.0",
            "pytest>=999.1",
            "no-such-package[extra]>=2.1",
            'no-such-lab>=4; extra == "lab"',
            'no-such-tests; extra == "test"',
            'pytest; extra == "parquet"',
        ]
    )
    assert [*found] == [
        Finding("ok", f"pytest {here}"),
        Finding("!!", f"pytest {here} is older than 999.1", "pip install 'pytest>=999.1'"),
        Finding("!!", "no-such-package is not installed", "pip install 'no-such-package>=2.1'"),
        Finding(
            "--", "no-such-lab is not installed", "pip install 'no-such-lab>=4'; the tour and the notebooks need it"
        ),
        Finding("ok", f"pytest {here}"),
    ]


@pytest.mark.parametrize(("installed", "old"), [("2.0", True), ("2.9.9", True), ("2.10", False), ("2.10.0rc1", False)])
def test_versions_are_numbers(monkeypatch, installed: str, old: bool):
    monkeypatch.setattr(metadata, "version", lambda name: installed)
    assert [each.mark for each in doctor.packages(["thing>=2.10.0"])] == ["!!" if old else "ok"]


def test_its_own_requirements_are_all_looked_at():
    required = metadata.requires("lxdnb") or []
    core = [each for each in required if "extra ==" not in each]
    found = [*doctor.packages(required)]
    assert len(found) > len(core) > 8
    assert all(each.mark == "ok" for each in found[: len(core)])


def test_a_place_where_no_daemon_is(tmp_path: Path):
    down = tmp_path / "unix.socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(down))  # and listens no more
    assert [*doctor.daemons({"LXD_DIR": str(tmp_path), "INCUS_SOCKET": "/nowhere"})] == [
        Finding("!!", f"{down}: the daemon is not running", "start it, or unset LXD_DIR and INCUS_SOCKET"),
        Finding("!!", "/nowhere: there is no such socket", "start it, or unset LXD_DIR and INCUS_SOCKET"),
    ]


def test_the_remotes(tmp_path: Path):
    (tmp_path / "servercerts").mkdir()
    assert [each.mark for each in doctor.remotes([str(tmp_path)])] == ["--"]
    (tmp_path / "config.yml").write_text(
        "remotes:\n  lab: {addr: 'https://lab:8443'}\n  images: {addr: 'https://i', protocol: simplestreams}\n"
        "  near: {addr: 'unix:///srv/unix.socket'}\n"
    )
    (first, second) = doctor.remotes([str(tmp_path)])
    assert first == Finding(
        "--", "lab: is https://lab:8443, without a client's certificate", "`lxc remote add lab …` makes one"
    )
    assert second == Finding("ok", "near: is /srv/unix.socket")
    for name in ("client.crt", "client.key"):
        (tmp_path / name).touch()
    assert next(doctor.remotes([str(tmp_path)])).text.endswith("its certificate verified by the public authorities")
    (tmp_path / "servercerts" / "lab.crt").touch()
    assert next(doctor.remotes([str(tmp_path)])) == Finding("ok", "lab: is https://lab:8443")
    (tmp_path / "config.yml").write_text("{")
    (broken,) = doctor.remotes([str(tmp_path)])
    assert broken.mark == "!!"
    assert f"{tmp_path}/config.yml is no YAML" in broken.text


def test_the_sandbox_works():
    assert doctor.sandbox() == Finding("ok", "the sandbox works: a simulated container launched there says Linux")


def test_a_sandbox_that_cannot_be(monkeypatch, tmp_path: Path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    found = doctor.sandbox()
    assert found.mark == "!!"
    assert str(tmp_path / "gone") in found.text


def test_the_report(capsys):
    assert doctor.report([Finding("ok", "fine"), Finding("--", "no tea", "boil water")]) == 0
    assert capsys.readouterr().out == "ok  fine\n--  no tea: boil water\n"
    assert doctor.report([Finding("!!", "no air", "open a window")]) == 1
    assert capsys.readouterr().out == "!!  no air: open a window\n1 of these must be mended.\n"


def test_all_of_it_is_examined(tmp_path: Path):
    found = [*doctor.examine({"LXD_DIR": str(tmp_path), "LXD_CONF": str(tmp_path)}, str(tmp_path))]
    texts = [each.text for each in found]
    assert texts[0].endswith(sys.executable)
    assert f"pandas {metadata.version('pandas')}" in texts
    assert f"{tmp_path}/unix.socket: there is no such socket" in texts
    assert "no remotes of lxc or incus" in texts
    assert "the sandbox works" in texts[-1]
    assert [each for each in found if each.mark != "ok" and not each.advice] == []
    assert [*tmp_path.iterdir()] == []

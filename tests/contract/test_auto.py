"""`connect("auto")`: the local daemon that is this user's to use, else a sandbox; and a line that says which."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

import lxdnb
from lxdnb import finding, magics, remotes
from lxdnb.magics import MagicError

NAMES = ("LXD_SOCKET", "LXD_DIR", "INCUS_SOCKET", "INCUS_DIR")
INSTEAD = "No LXD or Incus answers here: a simulated LXD 5.0.2, in memory, gone with this process"


@pytest.fixture(autouse=True)
def usual(monkeypatch, tmp_path) -> Path:
    """An environment that names no server, and usual places where none is."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    places = tmp_path / "lxd" / "unix.socket", tmp_path / "incus" / "unix.socket"
    for place, name in zip(places, ("LXD_SOCKETS", "INCUS_SOCKETS"), strict=True):
        place.parent.mkdir()
        monkeypatch.setattr(remotes, name, (str(place),))
    return places[0]


def told(server) -> str:
    """What the line says of a server that is there."""
    version = server.query("/1.0")["environment"]["server_version"]
    simulated = "A simulated " if server.query("/1.0")["environment"]["os_name"] == "Simulated" else ""
    product = {"lxd": "LXD", "incus": "Incus"}[server.flavour]
    return f"{simulated}{product} {version} at {server.socket}"


def test_the_daemon_in_its_usual_place(server, monkeypatch, capsys):
    monkeypatch.setattr(remotes, "INCUS_SOCKETS", (str(server.socket),))
    lx = lxdnb.connect("auto")
    assert capsys.readouterr().out == told(server) + "\n"
    assert lx.endpoint == str(server.socket)
    assert lx.trusted


def test_the_daemon_that_the_environment_names(server, monkeypatch, capsys):
    monkeypatch.setenv("LXD_DIR" if server.flavour == "lxd" else "INCUS_DIR", str(server.directory))
    lx = lxdnb.connect("auto", project="default")
    assert capsys.readouterr().out == f"{told(server)}, project 'default'\n"
    assert lx.endpoint == str(server.socket)


def test_without_a_daemon_a_sandbox_one_for_the_process(capsys):
    lx = lxdnb.connect("auto")
    assert capsys.readouterr().out == INSTEAD + "\n"
    assert repr(lx).startswith("<Client simulated LXD 5.0.2 at ")
    lx.containers.create({"name": "kept", "source": {"type": "none"}}, wait=True)
    place = Path(lx.endpoint)
    del lx
    gc.collect()
    again = lxdnb.connect("auto")  # as by a cell that is run twice
    assert [each.name for each in again.containers.all()] == ["kept"]
    assert again.endpoint == str(place)
    assert lxdnb.connect("auto", project="lab").project == "lab"
    assert place.exists()


def test_the_sandbox_is_gone_with_its_process():
    code = "import lxdnb; print(lxdnb.connect('auto').endpoint)"
    environment = {name: value for name, value in os.environ.items() if name not in NAMES}
    places = "import lxdnb.remotes; lxdnb.remotes.LXD_SOCKETS = lxdnb.remotes.INCUS_SOCKETS = ('/nowhere',)"
    ran = subprocess.run(
        [sys.executable, "-c", f"{places}\n{code}"], capture_output=True, text=True, check=True, env=environment
    )
    line, place = ran.stdout.splitlines()
    assert line == INSTEAD
    assert not Path(place).parent.exists()
    assert ran.stderr == ""


def test_a_sandbox_that_nobody_closes_leaves_nothing_behind():
    code = "from lxdnb.sandbox import Sandbox; sandbox = Sandbox(); print(sandbox.socket)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    assert not Path(ran.stdout.strip()).parent.exists()


def test_where_there_are_no_unix_sockets():
    code = """if True:
        import socket
        pair, family = socket.socketpair, socket.AF_UNIX
        socket.socketpair = lambda: pair(family)
        del socket.AF_UNIX  # as on Windows, which has pairs all the same
        import lxdnb
        print(lxdnb.connect("auto").endpoint.rpartition(":")[0])
    """
    environment = {name: value for name, value in os.environ.items() if name not in NAMES}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    reason = "this system has no unix sockets; give the https:// address of a server"
    assert ran.stdout.splitlines() == [f"{INSTEAD}. {reason}", "http://127.0.0.1"]


def test_threads_that_ask_at_once_share_it():
    found: list[lxdnb.Client] = []
    threads = [threading.Thread(target=lambda: found.append(lxdnb.connect("auto"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({each.endpoint for each in found}) == 1


def test_a_daemon_that_is_down_is_told_in_the_line(server, usual, capsys):
    usual.write_text("not a socket")
    lxdnb.connect("auto")
    line = capsys.readouterr().out
    assert line.startswith(f"{INSTEAD}. {usual}: ")
    assert line.count("\n") == 1


def test_a_daemon_that_says_nothing_is_waited_for_a_while(usual, monkeypatch, capsys):
    monkeypatch.setattr(finding, "SECONDS", 0.2)
    with socket.socket(socket.AF_UNIX) as frozen:
        frozen.bind(str(usual))
        frozen.listen()
        lx = lxdnb.connect("auto")
    assert capsys.readouterr().out == f"{INSTEAD}. {usual}: no answer in time\n"
    assert repr(lx).startswith("<Client simulated LXD")


def test_a_daemon_of_root_alone_is_told_in_the_line(server):
    # The interpreter may be readable by root alone, so the user changes only after the imports.
    code = f"""
import os, lxdnb.remotes, lxdnb.sandbox, encodings.idna, grp, websocket
lxdnb.remotes.LXD_SOCKETS, lxdnb.remotes.INCUS_SOCKETS = ({str(server.socket)!r},), ("/nowhere/unix.socket",)
os.setgroups([]); os.setgid(65534); os.setuid(65534)
print(lxdnb.connect("auto"))
"""
    environment = {name: value for name, value in os.environ.items() if name not in NAMES}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    line, shown = ran.stdout.splitlines()
    assert line.startswith(f"{INSTEAD}. {server.socket}: permission denied: ")
    assert shown.startswith("<Client simulated LXD")


def test_a_server_that_is_named_and_down_is_an_error_and_no_sandbox(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("LXD_DIR", str(tmp_path / "down"))
    with pytest.raises(lxdnb.ClientConnectionFailed) as raised:
        lxdnb.connect("auto")
    assert str(raised.value) == (
        f"LXD_DIR names a server, but none answers. Tried:\n  {tmp_path}/down/unix.socket: there is no such socket\n"
        'Start it, or unset LXD_DIR: then "auto" looks in the usual places, and gives a simulated server else'
    )
    assert raised.value.tried == {f"{tmp_path}/down/unix.socket": "there is no such socket"}
    monkeypatch.setenv("INCUS_SOCKET", "/nowhere")
    with pytest.raises(lxdnb.ClientConnectionFailed, match="LXD_DIR and INCUS_SOCKET name servers, but none answers"):
        lxdnb.connect("auto")
    assert capsys.readouterr().out == ""
    assert finding.chosen() is None


def test_connect_stays_strict():
    lxdnb.connect("auto")
    with pytest.raises(lxdnb.ClientConnectionFailed, match="no LXD or Incus answered here"):
        lxdnb.connect()


def test_the_magic_talks_to_what_auto_has_taken(server, usual, monkeypatch, capsys):
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    try:
        magics.register(shell)
        assert isinstance(shell.run_cell("%lxd list").error_in_exec, MagicError)
        assert shell.run_cell("import lxdnb; lx = lxdnb.connect('auto')").success
        assert shell.run_cell("box = %lxd launch busybox simulated").success
        assert shell.run_cell("here = lx.containers.all()").success
        assert [each.name for each in shell.user_ns["here"]] == ["simulated"]
        monkeypatch.setattr(remotes, "LXD_SOCKETS", (str(server.socket),))  # a daemon has been started meanwhile
        assert shell.run_cell("lx = lxdnb.connect('auto')\nseen = %lxd list").success
        assert len(shell.user_ns["seen"]) == 0
    finally:
        shell.user_ns.clear()
        InteractiveShell.clear_instance()


def test_the_magic_talks_to_what_it_is_told_to(server, usual, monkeypatch):
    monkeypatch.setattr(remotes, "LXD_SOCKETS", (str(server.socket),))
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    try:
        magics.register(shell)
        assert shell.run_cell("import lxdnb\nfrom lxdnb import magics").success
        assert shell.run_cell("apart = lxdnb.connect('sandbox:incus')\nmagics.use(apart)").success
        assert shell.run_cell("box = %lxd launch busybox simulated").success
        assert [each.name for each in shell.user_ns["apart"].containers.all()] == ["simulated"]
        assert server.query("/1.0/instances") in ([], None)
        assert shell.run_cell("magics.use(lxdnb.connect())\nseen = %lxd list").success
        assert len(shell.user_ns["seen"]) == 0
    finally:
        shell.user_ns.clear()
        InteractiveShell.clear_instance()

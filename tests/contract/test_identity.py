"""As whom one comes to a server over HTTPS, and how that one is known, when only its address is given."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests

import lxdnb
from lxdnb.api import APINode
from tests import daemons, peer

WHO = "import json, pylxd, sys; client = pylxd.Client(sys.argv[1]); print(json.dumps([client.trusted, client.cert]))"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    """A home folder without any configuration."""
    for name in ("LXD_CONF", "INCUS_CONF"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    return tmp_path


@pytest.fixture
def configured(server, home) -> Path:
    """The configuration that the server's command line has made itself, with the remote `private`, at home."""
    folder = home / ".config" / {"lxd": "lxc", "incus": "incus"}[server.flavour]
    shutil.copytree(server.client_certificate[0].parent, folder, ignore=shutil.ignore_patterns("cache"))
    return folder


def test_one_comes_as_the_command_line_does(server, configured):
    client = lxdnb.Client(server.address)
    assert client.trusted
    assert (client.cert.cert, client.cert.key) == (str(configured / "client.crt"), str(configured / "client.key"))
    container = client.containers.launch("busybox", "over-https")
    assert container.execute(["echo", "hi"]).stdout == "hi\n"


def test_a_remotes_certificate_is_what_the_server_has_to_show(server, configured, start_server):
    shutil.copy(other(server, start_server).server_certificate, configured / "servercerts" / f"{daemons.REMOTE}.crt")
    with pytest.raises(lxdnb.ClientConnectionFailed, match=f"has fingerprint {server.fingerprint}, not "):
        lxdnb.Client(server.address)
    # What the caller says himself goes before it.
    assert lxdnb.Client(server.address, fingerprint=server.fingerprint).trusted
    assert lxdnb.Client(server.address, verify=str(server.server_certificate)).trusted
    with requests.Session() as session:
        session.verify = str(server.server_certificate)
        assert lxdnb.Client(server.address, session=session).trusted
    with pytest.warns(UserWarning, match=server.fingerprint):
        assert lxdnb.Client(server.address, verify=False).trusted


def test_a_remote_by_its_name(server, configured, start_server, monkeypatch):
    client = lxdnb.connect(f"{daemons.REMOTE}:")
    assert (client.endpoint, client.trusted, client.project) == (server.address, True, None)
    server.cli("init", "busybox", "seen")
    assert [each.name for each in client.containers.all()] == ["seen"]
    # It is the name that tells which certificate counts, though another remote has this address too.
    config = configured / "config.yml"
    config.write_text(config.read_text().replace("remotes:", f"remotes:\n  first: {{addr: '{server.address}'}}"))
    shutil.copy(other(server, start_server).server_certificate, configured / "servercerts" / "first.crt")
    with pytest.raises(lxdnb.ClientConnectionFailed, match=f"has fingerprint {server.fingerprint}, not "):
        lxdnb.connect("first:")
    assert lxdnb.connect(f"{daemons.REMOTE}:").trusted
    monkeypatch.setenv("LXD_DIR" if server.flavour == "lxd" else "INCUS_DIR", str(server.directory))
    assert lxdnb.connect("local:").endpoint == str(server.socket)


def test_a_remote_is_in_the_project_that_the_command_line_has_switched_to(server, configured):
    server.cli("project", "create", "lab", "-c", "features.images=false", "-c", "features.profiles=false")
    server.cli("init", "busybox", "theirs")
    switch = {"LXD_CONF": str(configured), "INCUS_CONF": str(configured)}
    program = {"lxd": "lxc", "incus": "incus"}[server.flavour]
    subprocess.run(
        [program, "project", "switch", f"{daemons.REMOTE}:lab"],
        env=os.environ | server.environment | switch,
        check=True,
        capture_output=True,
    )
    assert lxdnb.connect(f"{daemons.REMOTE}:").project == "lab"
    assert lxdnb.connect(f"{daemons.REMOTE}:").containers.all() == []
    theirs = lxdnb.connect(f"{daemons.REMOTE}:", project="default")
    assert [each.name for each in theirs.containers.all()] == ["theirs"]


def test_a_remote_that_is_none(configured):
    with pytest.raises(ValueError, match=f"no remote 'nowhere': there are local, .*{daemons.REMOTE}; `lxc remote add`"):
        lxdnb.connect("nowhere:")
    with pytest.raises(ValueError, match="images: gives images and runs nothing"):
        lxdnb.connect("images:")
    with pytest.raises(ValueError, match="flavour is lxd or incus, not 'qemu'"):
        lxdnb.connect("sandbox:qemu")


def test_another_port_of_the_same_host_is_another_server(server, configured, start_server):
    neighbour = other(server, start_server)
    config = configured / "config.yml"
    config.write_text(config.read_text().replace(f"{daemons.REMOTE}:", "127.0.0.1:"))
    (configured / "servercerts" / f"{daemons.REMOTE}.crt").rename(configured / "servercerts" / "127.0.0.1.crt")
    assert lxdnb.Client(server.address).trusted
    with pytest.raises(lxdnb.ClientConnectionFailed, match="not trusted"):
        lxdnb.Client(neighbour.address)
    assert not lxdnb.Client(neighbour.address, fingerprint=neighbour.fingerprint).trusted


def test_certificates_that_pylxd_finds(start_server, home):
    # pylxd has no other way to be sure of a server: its certificate, put there by hand under the host's name.
    server = start_server("lxd")
    folder = home / ".config" / "lxc"
    (folder / "servercerts").mkdir(parents=True)
    for file in server.client_certificate:
        shutil.copy(file, folder)
    shutil.copy(server.server_certificate, folder / "servercerts" / "127.0.0.1.crt")
    program = home / "who.py"
    program.write_text(WHO)
    theirs = peer.run(program, server.address, environment={"REQUESTS_CA_BUNDLE": "", "CURL_CA_BUNDLE": ""})
    client = lxdnb.Client(server.address)
    assert json.loads(theirs.stdout) == [client.trusted, list(client.cert)]
    assert client.trusted


def test_whoever_has_no_certificate_is_told_so(server):
    client = lxdnb.Client(server.address, fingerprint=server.fingerprint)
    assert (client.trusted, client.cert) == (False, None)
    with pytest.raises(lxdnb.Forbidden, match=r"shows no certificate\. Give one as cert=\(crt, key\)"):
        client.containers.all()
    with pytest.raises(ValueError, match=r"shows no certificate\. Give one as cert=\(crt, key\)"):
        client.authenticate("secret")


def test_nobody_shows_a_certificate_to_a_socket():
    refusal = requests.Response()
    refusal.status_code, refusal._content = 403, b'{"type": "error", "error": "not yours", "error_code": 403}'
    stub = SimpleNamespace(request=lambda *_, **__: refusal, base="http+unix://socket", cert=None)
    with pytest.raises(lxdnb.Forbidden) as raised:
        APINode(stub, "/1.0").get()
    assert str(raised.value) == "not yours"


def test_a_file_that_is_no_certificate_is_named(server, configured):
    (configured / "servercerts" / f"{daemons.REMOTE}.crt").write_text("none")
    with pytest.raises(ValueError, match=r"private\.crt is no certificate"):
        lxdnb.Client(server.address)


def other(server: daemons.Daemon, start_server: Callable[[str], daemons.Daemon]) -> daemons.Daemon:
    """A server of the other kind, on another port of this host."""
    return start_server("incus" if server.flavour == "lxd" else "lxd")

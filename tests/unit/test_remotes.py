"""Which server is meant, by the rules that `lxc` and `incus` have."""

from __future__ import annotations

from pathlib import Path

import pytest

from lxdnb.remotes import Cert, Remote, configurations, identity, image_source, local_sockets, remote


def test_lxd_comes_before_incus():
    assert local_sockets({}) == [
        "/var/snap/lxd/common/lxd/unix.socket",
        "/var/lib/lxd/unix.socket",
        "/var/lib/incus/unix.socket",
        "/run/incus/unix.socket",
    ]


def test_what_the_environment_names_is_all_that_is_tried():
    assert local_sockets({"LXD_DIR": "/a"}) == ["/a/unix.socket"]
    assert local_sockets({"INCUS_DIR": "/b", "LXD_DIR": "/a"}) == ["/a/unix.socket", "/b/unix.socket"]
    assert local_sockets({"INCUS_SOCKET": "/c.sock", "INCUS_DIR": "/b"}) == ["/c.sock"]


def test_names_of_images():
    assert image_source("alpine/3.22", "lxd") == "alpine/3.22"
    assert image_source("local:alpine", "lxd") == "alpine"
    assert image_source("images:alpine/3.22", "incus") == {
        "type": "image",
        "mode": "pull",
        "protocol": "simplestreams",
        "server": "https://images.linuxcontainers.org",
        "alias": "alpine/3.22",
    }


@pytest.mark.parametrize("name", ["nowhere:alpine", "images:"])
def test_a_remote_that_is_not_there(name: str):
    with pytest.raises(ValueError, match="image"):
        image_source(name, "lxd")


def configure(folder: Path, remotes: str = "{}", *, client: bool = True, servers: tuple[str, ...] = ()) -> str:
    """A folder as `lxc` and `incus` make theirs."""
    (folder / "servercerts").mkdir(parents=True)
    (folder / "config.yml").write_text(f"default-remote: local\nremotes: {remotes}\n")
    for name in ["client.crt", "client.key"] if client else []:
        (folder / name).touch()
    for name in servers:
        (folder / "servercerts" / f"{name}.crt").touch()
    return str(folder)


def test_where_the_configuration_is():
    assert configurations({}, "/home/me") == [
        "/home/me/snap/lxd/common/config",
        "/home/me/.config/lxc",
        "/home/me/.config/incus",
    ]
    assert configurations({"INCUS_CONF": "/b", "LXD_CONF": "/a"}, "/home/me") == ["/a", "/b"]


def test_a_remote_is_known_by_its_host_and_port(tmp_path):
    remotes = "{local: {addr: 'unix://'}, one: {addr: 'https://Host:8443'}, two: {addr: 'https://host:9443'}, odd: 3}"
    lxc = configure(tmp_path / "lxc", "{local: {addr: 'unix://'}}", servers=("host",))
    incus = configure(tmp_path / "incus", remotes, servers=("one", "two"))
    for port, name in ((8443, "one"), (9443, "two")):
        cert, server = identity(f"https://host:{port}/", [lxc, incus])
        assert cert == (f"{incus}/client.crt", f"{incus}/client.key")
        assert server == f"{incus}/servercerts/{name}.crt"


def test_another_port_of_the_same_host_is_another_server(tmp_path):
    folder = configure(tmp_path / "lxc", "{host: {addr: 'https://host:8443'}}", servers=("host",))
    assert identity("https://host:8443", [folder]).server == f"{folder}/servercerts/host.crt"
    assert identity("https://host:9443", [folder]) == ((f"{folder}/client.crt", f"{folder}/client.key"), None)


def test_a_certificate_that_was_put_there_by_hand(tmp_path):
    empty = str(tmp_path / "nowhere")
    keyless = configure(tmp_path / "snap", client=False)
    (tmp_path / "snap" / "client.crt").touch()
    folder = configure(tmp_path / "lxc", servers=("host",))
    cert, server = identity("https://host", [empty, keyless, folder])
    assert (cert and cert.cert, server) == (f"{folder}/client.crt", f"{folder}/servercerts/host.crt")


@pytest.mark.parametrize("endpoint", ["/var/lib/lxd/unix.socket", "http://host:8443", "https://", "https://host:x"])
def test_only_https_has_certificates(endpoint: str, tmp_path):
    assert identity(endpoint, [configure(tmp_path / "lxc", "{local: {addr: 'unix://'}}")]) == (None, None)


@pytest.mark.parametrize("text", ["", "[]", "remotes: 3", "remotes: {one: {addr: 3}}"])
def test_a_configuration_that_says_nothing(text: str, tmp_path):
    (tmp_path / "config.yml").write_text(text)
    assert identity("https://host:8443", [str(tmp_path)]) == (None, None)


def test_a_configuration_that_is_broken_is_named(tmp_path):
    (tmp_path / "config.yml").write_text("remotes: {")
    with pytest.raises(ValueError, match=r"config\.yml is no YAML"):
        identity("https://host:8443", [str(tmp_path)])


def test_a_remote_by_its_name(tmp_path):
    lxc = configure(tmp_path / "lxc", "{local: {addr: 'unix://'}, lab: {addr: 'https://a:8443'}}", servers=("lab",))
    incus = configure(
        tmp_path / "incus",
        "{lab: {addr: 'https://b:8443'}, open: {addr: 'https://c:8443', project: p}, plain: {addr: 'https://d', "
        "project: default}, here: {addr: 'unix:///srv/unix.socket', project: 7}}",
    )
    own = Cert(f"{lxc}/client.crt", f"{lxc}/client.key")
    other = Cert(f"{incus}/client.crt", f"{incus}/client.key")
    folders = [str(tmp_path / "nowhere"), lxc, incus]
    assert remote("lab", folders) == Remote("https://a:8443", own, f"{lxc}/servercerts/lab.crt")
    assert remote("open", folders) == Remote("https://c:8443", other, project="p")
    assert remote("plain", folders) == Remote("https://d", other)
    assert remote("here", folders) == Remote("/srv/unix.socket", project="7")
    assert remote("local", folders) == remote("local", []) == Remote(None)


def test_a_remote_that_has_no_name_here(tmp_path):
    folder = configure(tmp_path / "lxc", "{lab: {addr: 'https://a:8443'}, minis: {addr: 'https://i', public: true}}")
    with pytest.raises(ValueError, match=r"no remote 'lap': there are lab, local; `lxc remote add`"):
        remote("lap", [folder])
    for name in ("minis", "images", "ubuntu"):
        with pytest.raises(ValueError, match=f"{name}: gives images and runs nothing: `%lxd launch {name}:IMAGE`"):
            remote(name, [folder])

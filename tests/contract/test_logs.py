"""What instances have said: the console, the files of the log, and recorded output of commands."""

from __future__ import annotations

import io

import pytest

import lxdnb
from lxdnb.models.operation import Progress
from tests.eventually import eventually


def say(container, word: bytes) -> None:
    container.execute(["sh", "-c", "cat >/dev/console"], stdin_payload=word)


def hear(container, word: bytes) -> bytes:
    """What the console says until it has said a word."""
    heard = b""

    def said() -> bool:
        nonlocal heard
        heard += container.console_log(decode=False)
        return word in heard

    eventually(said)
    return heard


def test_the_console(container, server):
    assert container.console_log() in ("", "\r\nPlease press Enter to activate this console. ")
    say(container, b"one\n")
    assert hear(container, b"one\r\n").endswith(b"one\r\n")
    assert container.console_log() == ""  # each word once; LXD then says that there is no file
    say(container, b"two \xff\n")
    hear(container, b"two \xff\r\n")
    assert container.clear_console_log() is None
    say(container, b"four \xff\n")
    hear(container, b"four")
    container.stop(wait=True, force=True)
    whole = container.console_log()
    assert "four \ufffd\r\n" in whole
    assert whole.encode().replace(b"\xef\xbf\xbd", b"\xff") == container.console_log(decode=False)
    assert whole.replace("\r", "") in server.cli("console", container.name, "--show-log").replace("\r", "")
    container.clear_console_log()
    assert container.console_log() == ""
    assert "four" not in server.cli("console", container.name, "--show-log")


def test_what_never_ran_has_said_nothing(client, server):
    instance = client.instances.create({"name": "c1", "source": {"type": "none"}}, wait=True)
    assert (instance.console_log(), instance.console_log(decode=False)) == ("", b"")
    assert instance.clear_console_log() is None
    assert instance.exec_output.all() == []
    assert instance.logs.all() == [url.rpartition("/")[2] for url in server.query("/1.0/instances/c1/logs") or []]
    instance.delete(wait=True)
    asks = [instance.console_log, instance.clear_console_log, instance.exec_output.all]
    if server.flavour == "lxd":  # Incus keeps the log of what is gone
        asks.append(instance.logs.all)
    for ask in asks:
        with pytest.raises(lxdnb.NotFound):
            ask()


def test_files_of_the_log(box, daemon, tmp_path):
    kept = [url.rpartition("/")[2] for url in daemon.query(f"/1.0/instances/{box.name}/logs")]
    logs = box.logs
    assert "lxc.log" in logs.all()
    assert sorted(logs.all()) == sorted(kept)
    shown = daemon.cli("info", box.name, "--show-log").partition("Log:\n\n")[2]
    assert len(shown) > 50
    with logs.get("lxc.log") as file:
        assert shown.strip() in file.read().decode()
    told: list[Progress] = []
    assert logs.get("lxc.log", tmp_path / "here", on_progress=told.append) is None
    assert shown.strip() in (tmp_path / "here").read_text()
    assert (told[-1].stage, told[-1].percent) == ("log", 100)
    into = io.BytesIO()
    logs.get("lxc.log", into)
    assert into.getvalue() == (tmp_path / "here").read_bytes()
    for name in ("lxc.log", "nothing.log", "../../c2/logs/lxc.log", "lxc.log?project=x"):
        with pytest.raises(lxdnb.LXDAPIException):
            logs.delete(name)  # which the server keeps, or has not
        if name != "lxc.log":
            with pytest.raises(lxdnb.LXDAPIException):
                logs.get(name, tmp_path / "there")
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
    assert "lxc.log" in logs.all()


def test_recorded_output(box, daemon, tmp_path):
    outputs = box.exec_output
    assert outputs.all() == []
    wanted = {"command": ["sh", "-c", "echo out; echo err >&2"], "record-output": True}
    operation = box.client.operations.from_record(box.api.exec.post(json=wanted).json()["metadata"])
    operation.wait()
    urls = daemon.query(f"/1.0/operations/{operation.id}")["metadata"]["output"]
    names = {number: url.rpartition("/")[2] for number, url in urls.items()}
    assert sorted(outputs.all()) == sorted(names.values())
    for number, text in (("1", b"out\n"), ("2", b"err\n")):
        with outputs.get(names[number]) as file:
            assert file.read() == text
    outputs.delete(names["2"])
    assert outputs.all() == [names["1"]]
    outputs.get(names["1"], tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"out\n"
    with pytest.raises(lxdnb.LXDAPIException):
        outputs.get(names["2"], tmp_path / "gone")
    assert not (tmp_path / "gone").exists()
    box.exec_output.delete(names["1"])
    assert outputs.all() == []

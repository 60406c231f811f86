"""A command in a terminal: its size, what is typed there, and its websockets by hand."""

from __future__ import annotations

import pytest

from tests.commands import SH, threads
from tests.eventually import eventually


def test_a_terminal_and_its_size(container):
    with container.start_command(["sh"], interactive=True, width=97, height=31) as running:
        seen = iter(running)

        def answer(command: str) -> str:
            running.write(f"{command}; echo =$?\n")
            said: list[str] = []
            while not said or not said[-1].startswith("="):
                said.append(next(seen))
            return "".join(said)

        assert "31 97\r\n" in answer("stty size")
        running.resize(120, 40)
        eventually(lambda: "40 120\r\n" in answer("stty size"))
        assert "/dev/pts/" in answer("tty")
        running.write("exit 7\n")
        assert running.wait(20) == 7
    eventually(lambda: not threads())


def test_ctrl_d_and_ctrl_c_are_typed(container):
    with container.start_command(["cat"], interactive=True) as running:
        running.write("line\n")
        seen = iter(running)
        assert [next(seen), next(seen)] == ["line\r\n", "line\r\n"]  # the terminal's echo, and cat's
        running.close_stdin()
        assert running.wait(20) == 0
    with container.start_command([*SH, "cat; cat"], interactive=True) as running:  # of whose input it is no end
        for word in ("one", "two"):
            running.write(f"{word}\n")
            seen = iter(running)
            assert [next(seen), next(seen)] == [f"{word}\r\n"] * 2
            running.close_stdin()
        assert running.wait(20) == 0
    with container.start_command(["cat"], interactive=True, stdin=b"all of it\n") as running:
        assert running.wait(20) == 0
    with container.start_command([*SH, "echo go; exec sleep 60"], interactive=True) as running:
        next(iter(running))
        running.write("\x03")
        assert running.wait(20) == 130


def test_without_a_terminal_there_is_no_size(container):
    with container.start_command(["true"]) as running, pytest.raises(ValueError, match="interactive=True"):
        running.resize(80, 24)
    with pytest.raises(ValueError, match="interactive=True"):
        container.start_command(["true"], width=80)
    with pytest.raises(ValueError, match="one output"):
        container.start_command(["true"], interactive=True, on_stderr=print)
    with pytest.raises(TypeError, match="width is a whole number"):
        container.start_command(["true"], interactive=True, width="80")


def test_raw_interactive_execute(container, server, client):
    where = container.raw_interactive_execute(
        [*SH, "echo $WHO; id -u; pwd; read go; exit 4"], {"WHO": "me"}, 7, 8, "/tmp"
    )
    assert sorted(where) == ["control", "ws"]
    operation = where["ws"].split("/")[3]
    channels = {}
    for name in ("control", "ws"):
        path, _, query = where[name].partition("?")
        assert path == f"/1.0/operations/{operation}/websocket"
        key, _, secret = query.partition("=")
        channels[name] = client._transport.websocket(path, {key: secret})
    said = b""
    while said.count(b"\n") < 3:
        said += channels["ws"].receive()
    assert said == b"me\r\n7\r\n/tmp\r\n"
    channels["ws"].send(b"\n")
    while isinstance(channels["ws"].receive(), bytes):
        pass
    channels["ws"].close()
    assert client.operations.wait_for_operation(operation).metadata["return"] == 4
    channels["control"].close()
    with pytest.raises(TypeError, match="list of words"):
        container.raw_interactive_execute("sh")

"""Commands in a container: all output, the right exit code, and an end in every case."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import pytest

import lxdnb
from lxdnb.models import Container
from lxdnb.streams import Exec
from tests import daemons
from tests.commands import late_at_last
from tests.eventually import eventually


@pytest.fixture
def server(daemon: daemons.Daemon) -> daemons.Daemon:
    """Cleared after all tests of this file only: one container serves them all."""
    return daemon


@pytest.fixture
def container(client: lxdnb.Client, box: Container) -> Container:
    return client.containers.get(box.name)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("lxdnb exec")]


def eventually_no_threads() -> list[str]:
    deadline = time.monotonic() + 30
    while threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    return threads()


def test_output_and_exit_code_as_the_command_line_gives_them(container, server):
    script = "echo out; echo err >&2; exit 7"
    result = container.execute(["sh", "-c", script])
    assert result == (7, "out\n", "err\n")
    assert (result.exit_code, result.stdout, result.stderr) == result
    assert container.execute(["uname", "-a"]).stdout == server.output_of(container.name, "--", "uname", "-a")


def test_large_binary_output_is_whole(container):
    # 20 MB from a generator that both ends have: the expected hash is made here, by another program.
    made = subprocess.run("seq 3000000 | sha256sum", shell=True, capture_output=True, text=True, check=True)
    result = container.execute(["sh", "-c", "seq 3000000; printf '\\377\\000end' >&2"], decode=False)
    assert hashlib.sha256(result.stdout).hexdigest() == made.stdout.split()[0]
    assert result.stderr == b"\xff\x00end"


def test_characters_that_are_split_between_pieces(container):
    text = "€𝄞" * 30_000  # 7 bytes: no frame ends where a character does
    pieces: list[str] = []
    result = container.execute(["cat"], stdin_payload=text, stdout_handler=pieces.append)
    assert "".join(pieces) == text
    assert len(pieces) > 1
    assert result == (0, "", "")


def test_bytes_that_are_no_text_are_replaced(container):
    assert container.execute(["printf", "a\\377b"]).stdout == "a�b"
    assert container.execute(["printf", "a\\344b"], encoding="latin-1").stdout == "aäb"


@pytest.mark.parametrize(
    ("payload", "read"),
    [
        ("héllo", "héllo".encode()),
        (b"\x00\xff", b"\x00\xff"),
        ([b"a", b"", b"b" * 100_000], b"a" + b"b" * 100_000),
        (b"", b""),
        (bytearray(b"\x00a"), b"\x00a"),
        (memoryview(b"abcdef")[::2], b"ace"),
        (["é", b"\xff", "", bytearray(b"x")], b"\xc3\xa9\xffx"),
        (io.StringIO("é\n" * 100_000), "é\n".encode() * 100_000),
        (io.BytesIO(b"a\n" * 100_000), b"a\n" * 100_000),
    ],
)
def test_input_of_every_kind(container, payload, read: bytes):
    if hasattr(payload, "seek"):
        payload.seek(0)
    assert container.execute(["cat"], stdin_payload=payload, decode=False) == (0, read, b"")
    if isinstance(payload, list):
        assert container.execute(["cat"], stdin_payload=iter(payload), decode=False) == (0, read, b"")


def test_input_in_another_encoding_is_one_text(container):
    read = "aé\n".encode("utf-16")  # with its mark once, at the beginning
    for payload in ("aé\n", iter("aé\n"), io.StringIO("aé\n")):
        given = {"stdin_payload": payload, "stdin_encoding": "utf-16"}
        assert container.execute(["cat"], decode=False, **given).stdout == read
    for payload in (iter([b"raw"]), iter(())):  # no text, no mark
        given = {"stdin_payload": payload, "stdin_encoding": "utf-16"}
        assert container.execute(["wc", "-c"], **given).stdout in ("3\n", "0\n")


def test_an_input_that_fails_ends_the_command(container, server):
    def gives(item: object):
        yield "first"
        yield item
        raise OSError("the disk is gone")

    class Torn(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, _: object) -> int:
            raise OSError("the disk is gone")

    command = ["sh", "-c", "cat; exec sleep 4714"]
    with pytest.raises(TypeError, match="str or bytes, not int"):
        container.execute(command, stdin_payload=gives(5))
    with pytest.raises(TypeError, match="str or bytes, not NoneType"):
        container.execute(command, stdin_payload=gives(None))
    for payload in (gives("x"), Torn(), io.BufferedReader(Torn())):
        with pytest.raises(OSError, match="the disk is gone"):
            container.execute(command, stdin_payload=payload)
    with pytest.raises(UnicodeEncodeError):
        container.execute(command, stdin_payload=gives("é"), stdin_encoding="ascii")
    assert "sleep 4714" not in server.output_of(container.name, "--", "ps", "-o", "args")
    assert eventually_no_threads() == []


WRONG: list[tuple[type[Exception], dict[str, object]]] = [
    (TypeError, {"stdin_payload": 5}),
    (TypeError, {"stdin_payload": True}),
    (TypeError, {"stdin_payload": subprocess.PIPE}),
    (TypeError, {"stdin_payload": {"a": 1}}),
    (TypeError, {"stdin_payload": ["a", 1]}),
    (UnicodeEncodeError, {"stdin_payload": "é", "stdin_encoding": "ascii"}),
    (LookupError, {"stdin_payload": "x", "stdin_encoding": "no-such"}),
    (LookupError, {"encoding": "no-such"}),
    (LookupError, {"encoding": "hex"}),
    (TypeError, {"stdout_handler": "print"}),
    (TypeError, {"stderr_handler": []}),
    (TypeError, {"environment": ["A=1"]}),
    (TypeError, {"environment": {"A": None}}),
    (TypeError, {"environment": {1: "x"}}),
    (ValueError, {"environment": {"A=B": "x"}}),
    (ValueError, {"environment": {"": "x"}}),
    (ValueError, {"environment": {"A": "x\0y"}}),
    (TypeError, {"user": "root"}),
    (TypeError, {"user": True}),
    (ValueError, {"group": -1}),
    (TypeError, {"cwd": 1}),
    (TypeError, {"timeout": "5"}),
    (TypeError, {"timeout": True}),
    (ValueError, {"timeout": -1}),
    (ValueError, {"timeout": float("nan")}),
]


def test_a_wrong_argument_is_told_before_anything_is_sent(container, asked):
    for error, arguments in WRONG:
        with pytest.raises(error):
            container.execute(["true"], **arguments)
    for word in ("a\0b", "\udcff"):  # would not arrive as it is
        with pytest.raises(ValueError, match=r"NUL|surrogates"):
            container.execute(["echo", word])
    assert [path for path in asked if path.endswith("/exec")] == []


@pytest.mark.parametrize("decode", [True, False])
def test_a_timeout_kills_and_tells_what_was_said(container, server, monkeypatch, decode: bool):
    late_at_last(monkeypatch, server)
    script = "echo so far; echo trouble >&2; printf '\\303'; exec sleep 4715"
    before = len(threads())
    with pytest.raises(lxdnb.CommandTimeout, match=r"sh -c .* did not end within 0\.5 s and was killed") as late:
        container.execute(["sh", "-c", script], decode=decode, timeout=0.5)
    error = late.value
    assert isinstance(error, TimeoutError)
    assert isinstance(error, lxdnb.LXDError)
    assert (error.instance, error.command, error.seconds) == (container.name, ["sh", "-c", script], 0.5)
    said = ("so far\n\ufffd", "trouble\n") if decode else (b"so far\n\xc3", b"trouble\n")
    assert (error.stdout, error.stderr) == said
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.stdout, again.stderr) == (str(error), *said)
    assert "sleep 4715" not in server.output_of(container.name, "--", "ps", "-o", "args")
    assert len(eventually_no_threads()) <= before


def test_a_timeout_with_handlers_and_one_that_is_long_enough(container, server, monkeypatch):
    late_at_last(monkeypatch, server)
    pieces: list[str] = []
    with pytest.raises(lxdnb.CommandTimeout) as late:
        container.execute(["sh", "-c", "echo so far; sleep 60"], stdout_handler=pieces.append, timeout=0.5)
    assert (pieces, late.value.stdout, late.value.stderr) == (["so far\n"], "", "")
    for timeout in (30, float("inf"), None):
        assert container.execute(["echo", "x"], timeout=timeout) == (0, "x\n", "")
    with pytest.raises(lxdnb.CommandTimeout):
        container.execute(["sleep", "60"], timeout=0)


def test_a_timeout_at_the_very_end_is_one_too(container, monkeypatch):
    join = Exec.join
    monkeypatch.setattr(Exec, "join", lambda running, timeout=None: join(running) and False)
    with pytest.raises(lxdnb.CommandTimeout) as late:
        container.execute(["echo", "all"], timeout=30)
    assert late.value.stdout == "all\n"


def test_a_timeout_of_one_that_reads_no_input_and_of_one_whose_child_stays(container, server, monkeypatch):
    late_at_last(monkeypatch, server)
    started = time.monotonic()
    with pytest.raises(lxdnb.CommandTimeout):
        container.execute(["sleep", "60"], stdin_payload=b"x" * 5_000_000, timeout=0.5)
    with pytest.raises(lxdnb.CommandTimeout) as late:
        container.execute(["sh", "-c", "sleep 35 & echo x; sleep 36"], timeout=0.5)
    assert late.value.stdout == "x\n"
    assert time.monotonic() - started < 20
    assert eventually_no_threads() == []


def test_a_handler_that_raises_ends_a_command_that_would_not_end(container, server):
    def handler(text: str) -> None:
        raise LookupError(text)

    with pytest.raises(LookupError, match="first"):
        container.execute(["sh", "-c", "echo first; exec sleep 4716"], stdout_handler=handler)
    running = container.start_command(["sh", "-c", "echo first; exec sleep 4716"], on_stdout=handler)
    with pytest.raises(LookupError):
        running.wait()
    assert running.exit_code == 137  # killed, not let go of
    assert "sleep 4716" not in server.output_of(container.name, "--", "ps", "-o", "args")


def test_without_input_a_reader_sees_the_end(container):
    assert container.execute(["cat"]) == (0, "", "")
    assert container.execute(word for word in ["echo", "a generator"]).stdout == "a generator\n"


def test_input_that_nobody_reads(container):
    assert container.execute(["head", "-c", "1"], stdin_payload=b"x" * 5_000_000).stdout == "x"
    assert container.execute(["true"], stdin_payload=b"x" * 5_000_000).exit_code == 0


def test_environment_user_and_directory(container):
    script = "echo $WHO; id -u; id -g; pwd"
    options = {"environment": {"WHO": "a b"}, "user": 1000, "group": 1000, "cwd": "/tmp"}
    assert container.execute(["sh", "-c", script], **options).stdout.split("\n") == ["a b", "1000", "1000", "/tmp", ""]


@pytest.mark.parametrize(("cwd", "where"), [("/nope", "/"), ("/etc/passwd", "/"), ("etc", "/etc")])
def test_a_directory_that_is_none_is_the_root(container, server, cwd: str, where: str):
    # As the docstring warns: servers do not tell. `lxc exec --cwd` does the same.
    assert container.execute(["pwd"], cwd=cwd) == (0, f"{where}\n", "")
    assert server.output_of(container.name, "--cwd", cwd, "--", "pwd") == f"{where}\n"


def test_a_command_that_is_not_there(container):
    with pytest.raises(lxdnb.OperationFailed, match="Command not found"):
        container.execute(["no-such-program"])
    with pytest.raises(lxdnb.OperationFailed, match="Command not executable"):
        container.execute(["/etc/passwd"])


def test_a_stopped_container(client, server):
    server.cli("init", "busybox", "stopped")
    with pytest.raises(lxdnb.LXDAPIException, match="not running"):
        client.containers.get("stopped").execute(["true"])


@pytest.mark.parametrize("command", ["ls -l", [], [1], None])
def test_a_command_is_a_list_of_words(container, command):
    with pytest.raises(TypeError, match=r"list of words, as in \[\"ls\", \"-l\"\]"):
        container.execute(command)


def test_what_a_handler_raises_comes_out_after_the_end(container):
    def handler(text: str) -> None:
        raise LookupError(text)

    with pytest.raises(LookupError, match="first"):
        container.execute(["sh", "-c", "echo first; seq 100000"], stdout_handler=handler)


def test_a_slow_handler_outlasts_the_operation(container):
    # The server forgets an operation 5 s after its end; the reader here is still busy then.
    def slow(text: str) -> None:
        time.sleep(6)

    assert container.execute(["echo", "hello"], stdout_handler=slow).exit_code == 0


def test_a_running_command(container):
    pieces: list[bytes] = []
    running = container.start_command(["sh", "-c", "echo started; exec sleep 60"], on_stdout=pieces.append)
    assert (running.done, running.exit_code) == (False, None)
    assert "running" in repr(running)
    with pytest.raises(lxdnb.OperationTimeout, match=r"not done within 0\.3 s"):
        running.wait(0.3)
    eventually(lambda: pieces == [b"started\n"], 30)
    running.signal(signal.SIGTERM)
    assert running.wait(10) == 128 + signal.SIGTERM
    assert "exit code 143" in repr(running)
    running.signal(signal.SIGTERM)  # of one that has ended: nothing


def test_nothing_is_left_of_many(container):
    open_before = len(os.listdir("/proc/self/fd"))
    for number in range(30):
        assert container.execute(["sh", "-c", f"exit {number}"]).exit_code == number
    assert eventually_no_threads() == []
    assert len(os.listdir("/proc/self/fd")) <= open_before + 3


def test_many_at_once_share_a_client(container):
    results: list[str] = []

    def run(number: int) -> None:
        results.append(container.execute(["sh", "-c", f"seq {number} {number + 1000} | tail -1"]).stdout)

    runners = [threading.Thread(target=run, args=(number,)) for number in range(12)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(60)
    assert sorted(map(int, results)) == list(range(1000, 1012))


def test_an_interrupt_ends_the_wait_at_once_and_reaches_the_command(container, server):
    code = (
        "import signal, sys, time, lxdnb\n"
        # A shell's background jobs, and all that they start, ignore SIGINT until they are told not to.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "container = lxdnb.Client(sys.argv[1]).containers.get(sys.argv[2])\n"
        "script = 'rm -f /tmp/interrupted; trap \"echo got it > /tmp/interrupted; exit\" INT;'\n"
        "script += 'sleep 1; echo go; while :; do sleep 0.1; done'\n"
        "try: container.execute(['sh', '-c', script], stdout_handler=lambda text: print(text, end='', flush=True))\n"
        "except KeyboardInterrupt: print('interrupted', flush=True); time.sleep(2)\n"
    )
    command = [sys.executable, "-c", code, str(server.socket), container.name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as person:
        try:
            assert person.stdout.readline() == "go\n"
            person.send_signal(signal.SIGINT)
            started = time.monotonic()
            assert person.stdout.readline() == "interrupted\n"
            assert time.monotonic() - started < 5
            assert person.wait(10) == 0
        finally:
            person.kill()
    eventually(lambda: container.execute(["cat", "/tmp/interrupted"]).stdout == "got it\n", 30)


def test_a_daemon_that_dies_ends_the_command_here(container, server):
    running = container.start_command(["sh", "-c", "echo x; exec sleep 30"])
    time.sleep(0.2)
    server.kill()
    try:
        with pytest.raises(lxdnb.LXDError):
            running.wait(20)
        assert running.done
    finally:
        server.restart()

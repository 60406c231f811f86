"""Commands in a container: all output, the right exit code, and an end in every case."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

import lxdnb


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("lxdnb exec")]


def test_output_and_exit_code_as_the_command_line_gives_them(container, server):
    script = "echo out; echo err >&2; exit 7"
    result = container.execute(["sh", "-c", script])
    assert result == (7, "out\n", "err\n")
    assert (result.exit_code, result.stdout, result.stderr) == result
    assert container.execute(["uname", "-a"]).stdout == server.cli("exec", container.name, "--", "uname", "-a")


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
        (io.BytesIO(b"a\n" * 100_000), b"a\n" * 100_000),
    ],
)
def test_input_of_every_kind(container, payload, read: bytes):
    if hasattr(payload, "seek"):
        payload.seek(0)
    assert container.execute(["cat"], stdin_payload=payload, decode=False) == (0, read, b"")
    if isinstance(payload, list):
        assert container.execute(["cat"], stdin_payload=iter(payload), decode=False) == (0, read, b"")


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
    assert pieces == [b"started\n"]
    running.signal(signal.SIGTERM)
    assert running.wait(10) == 128 + signal.SIGTERM
    assert "exit code 143" in repr(running)
    running.signal(signal.SIGTERM)  # of one that has ended: nothing


def test_nothing_is_left_of_many(container):
    open_before = len(os.listdir("/proc/self/fd"))
    for number in range(30):
        assert container.execute(["sh", "-c", f"exit {number}"]).exit_code == number
    deadline = time.monotonic() + 2
    while threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threads() == []
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
        "script = 'trap \"echo got it > /tmp/interrupted; exit\" INT; echo go; while :; do sleep 0.1; done'\n"
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
            assert time.monotonic() - started < 1
            assert person.wait(10) == 0
        finally:
            person.kill()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if container.execute(["cat", "/tmp/interrupted"]).stdout == "got it\n":
            return
    raise AssertionError("the command never got the signal")


def test_a_daemon_that_dies_ends_the_command_here(start_server, flavour):
    server = start_server(flavour)
    container = lxdnb.Client(str(server.socket)).containers.launch("busybox", "cut")
    running = container.start_command(["sh", "-c", "echo x; exec sleep 30"])
    time.sleep(0.2)
    server.kill()
    try:
        with pytest.raises(lxdnb.LXDError):
            running.wait(20)
        assert running.done
    finally:
        server.restart()
        server.clear()

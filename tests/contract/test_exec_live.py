"""A command as it runs: its lines as they come, what is written to it, its end by force."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

import lxdnb
from lxdnb.models import Container
from lxdnb.streams import _lines as lines
from tests import daemons
from tests.commands import SH, processes, threads
from tests.eventually import eventually
from tests.interrupts import interrupted


@pytest.fixture
def server(daemon: daemons.Daemon) -> daemons.Daemon:
    """Cleared after all tests of this file only: one container serves them all."""
    return daemon


@pytest.fixture
def container(client: lxdnb.Client, box: Container) -> Container:
    return client.containers.get(box.name)


@pytest.fixture
def https(server) -> lxdnb.Client:
    crt, key = server.client_certificate
    return lxdnb.Client(server.address, cert=(str(crt), str(key)), fingerprint=server.fingerprint)


# --- lines -----------------------------------------------------------------------------------------------


def test_lines_come_while_the_command_runs(container):
    script = "echo first; read go; printf 'second\\r\\nth\\342\\202\\254rd\\013\\377\\n\\nlast'; exit 3"
    with container.start_command([*SH, script], stdin=subprocess.PIPE) as running:
        seen = iter(running)
        assert next(seen) == "first\n"
        assert not running.done  # it waits for what we say
        running.write("go\n")
        assert list(seen) == ["second\r\n", "th€rd\v\ufffd\n", "\n", "last"]
        assert (running.done, running.exit_code) == (True, 3)


def test_a_loop_that_was_left_is_taken_up_again(container):
    with container.start_command(["seq", "5"]) as running:
        for line in running:
            if line == "2\n":
                break
        assert list(running) == ["3\n", "4\n", "5\n"]
        assert list(running) == []
        assert running.wait() == 0


def test_lines_in_another_encoding(container):
    with container.start_command(["cat"], stdin=subprocess.PIPE, encoding="utf-16") as running:
        running.write("äh\n")
        running.write("€")
        running.close_stdin()
        assert list(running) == ["äh\n", "€"]  # one mark of the byte order, at the beginning
    whole = "日".encode("iso2022_jp")  # with the way back to ASCII at its end
    heard: list[bytes] = []
    given = {"stdin": subprocess.PIPE, "encoding": "iso2022_jp", "on_stdout": heard.append}
    with container.start_command(["cat"], **given) as running:
        running.write("日")
        running.close_stdin()
        running.wait(20)
    assert b"".join(heard) == whole
    for encoding in ("no-such", "hex"):
        with pytest.raises(LookupError, match=encoding):
            container.start_command(["cat"], encoding=encoding)


def test_a_line_without_end_comes_in_parts(container):
    with container.start_command([*SH, "head -c 3000000 /dev/zero; echo"]) as running:
        parts = list(running)
    assert "".join(parts) == "\0" * 3_000_000 + "\n"
    assert len(parts) > 1
    assert max(map(len, parts)) < 2_000_000


def test_an_endless_command_waits_for_its_reader(container, server):
    with container.start_command(["yes", "x" * 100]) as running:
        seen = iter(running)
        taken = 0
        for _ in range(3):
            for _ in range(20_000):
                assert next(seen) == "x" * 100 + "\n"
            taken += 20_000
            time.sleep(0.3)  # now as much as there may be has come
            assert running._lines.queued <= lines.LIMIT + 70_000
            assert len(running._lines._ready) < 1000
        assert "yes x" in processes(server, container)
    assert "yes x" not in processes(server, container)
    assert running.exit_code == 137
    eventually(lambda: not threads())


def test_waiting_for_the_end_is_not_held_up_by_lines_that_nobody_takes(container):
    running = container.start_command(["seq", "1000000"])
    assert running.wait(60) == 0
    with pytest.raises(ValueError, match=r"bytes of output were let go.*take the lines first"):
        list(running)
    running = container.start_command(["seq", "1000"])
    assert running.wait(60) == 0
    assert list(running) == [f"{number}\n" for number in range(1, 1001)]
    running = container.start_command(["seq", "1000000"])
    for line in running:
        assert line == "1\n"
        break
    assert running.wait(60) == 0


def test_one_thread_waits_for_the_end_and_another_takes_the_lines(container):
    running = container.start_command(["seq", "600000"])
    waiter = threading.Thread(target=running.wait)
    waiter.start()
    taken = 0
    for line in running:
        taken += 1
        assert line == f"{taken}\n"
        if taken == 1:
            time.sleep(0.5)  # the queue is full by now
    assert taken == 600_000
    waiter.join(10)
    assert not waiter.is_alive()


def test_lines_of_a_command_that_nobody_holds_hold_up_nothing(container):
    container.start_command(["seq", "1000000"])
    eventually(lambda: not threads())


def test_what_cannot_run_says_so_to_who_takes_lines(container):
    with pytest.raises(lxdnb.OperationFailed, match="Command not found"):
        list(container.start_command(["no-such-program"]))
    with pytest.raises(ValueError, match="goes to on_stdout"):
        iter(container.start_command(["true"], on_stdout=print))


# --- input -----------------------------------------------------------------------------------------------


def test_a_dialogue(container):
    script = 'while read line; do echo "you said $line"; done; echo bye'
    with container.start_command([*SH, script], stdin=subprocess.PIPE) as running:
        seen = iter(running)
        for word in ("hello", b"bytes", bytearray(b"array"), memoryview(b"view"), "hé€"):
            running.write(word)
            running.write("")  # is nothing, not the end
            running.write("\n")
            text = word if isinstance(word, str) else bytes(word).decode()
            assert next(seen) == f"you said {text}\n"
        with pytest.raises(TypeError, match="str or bytes, not int"):
            running.write(3)
        running.close_stdin()
        running.close_stdin()
        with pytest.raises(ValueError, match="closed"):
            running.write("x")
        assert list(seen) == ["bye\n"]
        assert running.exit_code == 0


def test_writing_much_and_to_one_that_has_ended(container):
    with container.start_command(["sha256sum"], stdin=subprocess.PIPE) as running:
        running.write(b"\0\xff" * 1_500_000)
        running.close_stdin()
        made = subprocess.run(["sha256sum"], input=b"\0\xff" * 1_500_000, capture_output=True, check=True).stdout
        assert list(running) == [made.decode()]
    with container.start_command(["true"], stdin=subprocess.PIPE) as running:
        running.wait()
        with pytest.raises(BrokenPipeError, match="'true'"):
            running.write("x")
        running.close_stdin()
    with container.start_command(["cat"], stdin=b"all") as running, pytest.raises(ValueError, match="PIPE"):
        running.write("x")


def test_a_write_that_is_interrupted_ends_the_input(container):
    script = "while ! test -e /tmp/read; do sleep 0.05; done; wc -c"
    with container.start_command([*SH, script], stdin=subprocess.PIPE) as running:
        with interrupted(0.3), pytest.raises(KeyboardInterrupt):
            running.write(b"x" * 5_000_000)
        with pytest.raises(BrokenPipeError):
            running.write(b"what would be lost")
        running.close_stdin()
        container.files.put("/tmp/read", b"")
        (count,) = running
        assert 0 < int(count) < 5_000_000


# --- signals and the end ---------------------------------------------------------------------------------


def test_leaving_the_block_ends_the_command(container, server):
    with container.start_command(["sleep", "4711"]) as running:
        eventually(lambda: "sleep 4711" in processes(server, container))
    assert running.exit_code == 137
    assert "sleep 4711" not in processes(server, container)
    with pytest.raises(LookupError), container.start_command(["sleep", "4712"]) as running:
        raise LookupError
    assert running.done
    running.close()
    eventually(lambda: not threads())


def test_a_handler_may_end_its_command_and_not_wait_for_it(container):
    def handler(piece: bytes) -> None:
        with pytest.raises(RuntimeError, match="a handler cannot wait"):
            running.wait()
        running.close()

    running = container.start_command(["sh", "-c", "read go; yes"], stdin=subprocess.PIPE, on_stdout=handler)
    running.write("go\n")
    assert running.wait(60) == 137


def test_signals_and_kill(container):
    script = "trap 'echo usr; exit 5' USR1; echo ready; while :; do sleep 0.05; done"
    with container.start_command([*SH, script]) as running:
        seen = iter(running)
        assert next(seen) == "ready\n"
        running.signal(signal.SIGUSR1)
        assert list(seen) == ["usr\n"]
        assert running.wait() == 5
    with container.start_command(["sleep", "60"]) as running:
        running.kill()
        assert running.wait(10) == 137
        running.kill()
    with container.start_command(["true"]) as running:
        with pytest.raises(TypeError, match="whole number"):
            running.signal("TERM")
        with pytest.raises(ValueError, match="1 or more"):
            running.signal(0)


def test_a_child_that_keeps_the_output_does_not_keep_us(container):
    with container.start_command([*SH, "sleep 33 & echo started; sleep 34"]) as running:
        assert next(iter(running)) == "started\n"
        started = time.monotonic()
    assert time.monotonic() - started < 10
    assert running.done
    eventually(lambda: not threads())


# --- interrupts ------------------------------------------------------------------------------------------

PERSON = """
import signal, sys, threading, time, lxdnb
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore it
container = lxdnb.Client(sys.argv[1]).containers.get(sys.argv[2])
script = "rm -f /tmp/interrupted; trap 'echo INT >> /tmp/interrupted' INT; echo go; while :; do sleep 0.05; done"
running = container.start_command(["sh", "-c", script])
lines = iter(running)
print(next(lines), end="", flush=True)
main = threading.main_thread().ident

def tell():  # when the main thread waits in a call of ours
    while True:
        frame = inner = sys._current_frames()[main]
        while frame.f_back is not None and "lxdnb" not in frame.f_code.co_filename:
            frame = frame.f_back
        if inner.f_code.co_filename == threading.__file__ and "lxdnb" in frame.f_code.co_filename:
            print("waits", flush=True)
            return
        time.sleep(0.01)

try:
    threading.Thread(target=tell).start()
    WAIT
except KeyboardInterrupt:
    print("interrupted", flush=True)
sys.stdin.readline()
running.close()
"""


@pytest.mark.parametrize(
    ("wait", "told"),
    [
        ("running.wait()", "INT\n"),
        ("next(lines)", "INT\n"),
        ("running.wait(interrupt=None)", ""),
        ("running.join()", ""),
    ],
)
def test_an_interrupted_wait_ends_at_once_and_tells_the_command(container, server, wait: str, told: str):
    command = [sys.executable, "-c", PERSON.replace("WAIT", wait), str(server.socket), container.name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as person:
        try:
            assert person.stdout.readline() == "go\n"
            assert person.stdout.readline() == "waits\n"
            person.send_signal(signal.SIGINT)
            assert person.stdout.readline() == "interrupted\n"
            read = ["cat", "/tmp/interrupted"]
            if told:
                eventually(lambda: container.execute(read).stdout == told)
            else:
                time.sleep(0.3)
                assert container.execute(read).stdout == ""
            person.communicate("\n", timeout=20)
            assert person.returncode == 0
        finally:
            person.kill()


# --- elsewhere -------------------------------------------------------------------------------------------


def test_over_https(https, container, server):
    container = https.containers.get(container.name)
    with container.start_command([*SH, "read a; echo $a; exec sleep 50"], stdin=subprocess.PIPE) as running:
        running.write("over tls\n")
        assert next(iter(running)) == "over tls\n"
        running.signal(signal.SIGTERM)
        assert running.wait(20) == 143
    with pytest.raises(lxdnb.CommandTimeout) as late:
        container.execute([*SH, "echo so far; exec sleep 4713"], timeout=0.5)
    assert late.value.stdout == "so far\n"
    assert "sleep 4713" not in processes(server, container)
    data = os.urandom(3_000_000)
    assert container.execute(["cat"], stdin_payload=data, decode=False).stdout == data
    with container.start_command(["sh"], interactive=True) as running:
        running.write("echo $((6*7))\n")
        assert "42\r\n" in running
    eventually(lambda: not threads())

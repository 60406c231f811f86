"""Owns one private daemon: starts it, and brings everything of it down when whoever asked for it is gone.

`daemons.py` runs this in a process and a session of its own and keeps the write end of its standard input. That
pipe closes however its owner dies, by SIGKILL too, and then this process stops the daemon and its containers,
unmounts, and removes the directory. It takes one word a line (start, stop, kill) and answers in lines of JSON.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from . import leftovers, lxcfs

_START_SECONDS, _ASK_SECONDS, _STOP_SECONDS = 60.0, 15.0, 20.0
_NO_ANSWER = (OSError, http.client.HTTPException, RuntimeError, ValueError, KeyError, TypeError)
_LXC_CONFIG = Path("/usr/share/lxc/config")
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER


class DaemonError(RuntimeError):
    """A daemon, or its command line program, failed; the text says how, in its own words."""


class NotFound(DaemonError):
    """The daemon has no such thing."""


# --- talking to a daemon ---------------------------------------------------------------------------------


class _Unix(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(
    path: Path, method: str, url: str, body: Any = None, *, headers: dict[str, str] | None = None, timeout: float = 30
) -> Any:
    """Send one request to the socket at `path` and return the parsed answer. Bytes are sent as they are.

    Raises OSError or http.client.HTTPException when nobody answers in time, DaemonError with the server's own
    text when the answer is an error.
    """
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    connection = _Unix(path, timeout)
    try:
        connection.request(method, url, data, headers or {})
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    if answer.get("type") == "error":
        problem = NotFound if answer.get("error_code") == 404 else DaemonError
        raise problem(f"{method} {url}: {answer.get('error')}")
    return answer


def finish(path: Path, answer: Any, timeout: float = 60) -> Any:
    """Wait for the operation in `answer`, if it is one, and return its record; DaemonError when it failed."""
    if answer.get("type") != "async":
        return answer.get("metadata")
    identity = answer["operation"].partition("?")[0].rpartition("/")[2]
    url = f"/1.0/operations/{identity}/wait?timeout={max(1, int(timeout))}"
    waited = ask(path, "GET", url, timeout=timeout + 5)["metadata"]
    if waited["status_code"] != 200:
        raise DaemonError(waited.get("err") or f"The operation is still {waited['status']} after {timeout:g} s.")
    return waited


# --- the watcher ------------------------------------------------------------------------------------------


class OwnerGone(Exception):
    """Nobody waits for this daemon any more."""


class Owned:
    """One daemon and its directory, from nothing to nothing."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        self.wanted = wanted
        self.programs = set(wanted["programs"])
        self.directory, self.locks = leftovers.make_directory(wanted["parent"])
        self.socket = self.directory / "unix.socket"
        self.share: IO[str] | None = None
        self.pid = 0
        self.ending = False

    def start(self) -> dict[str, Any]:
        """Start the daemon and wait until it is ready: its pid, or the error with the end of its log."""
        if self._runs():
            return {"error": f"The daemon runs already, as process {self.pid}."}
        command = [self.wanted["program"], "--group", "root", f"--logfile={self.directory / 'daemon.log'}"]
        with open(self.directory / "daemon.out", "ab") as out:
            self.pid = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=os.environ | {self.wanted["variable"]: str(self.directory), **self._without_a_nap()},
                cwd="/",
            ).pid
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            with contextlib.suppress(*_NO_ANSWER):
                ask(self.socket, "GET", "/internal/ready", timeout=5)
                return {"pid": self.pid}
            leftovers.reap()
            if not self._runs():
                break
            # Nobody says a word before the answer: what can be read now is the end.
            if select.select([] if self.ending else [sys.stdin], [], [], 0.02)[0]:
                raise OwnerGone
        what = f"was not ready in {_START_SECONDS:g} s" if self._runs() else "ended at once"
        return {"error": f"`{' '.join(command)}` {what}. The end of its log:\n{self._log()}"}

    def _without_a_nap(self) -> dict[str, str]:
        """What has containers configured as usual, but for lxcfs's hook that sleeps half a second when one stops."""
        folder = self.directory / "lxc-config"
        if not _LXC_CONFIG.is_dir():
            return {}
        folder.mkdir(exist_ok=True)
        for file in ("common.conf", "userns.conf"):
            # An empty value takes back those of before. The daemon's own come after.
            (folder / file).write_text(f"lxc.include = {_LXC_CONFIG / file}\nlxc.hook.post-stop =\n")
        return {self.wanted["variable"].replace("DIR", "LXC_TEMPLATE_CONFIG"): str(folder)}

    def stop(self) -> dict[str, Any]:
        """End the daemon as a service manager does (SIGTERM); its containers run on."""
        return self._end(signal.SIGTERM)

    def kill(self) -> dict[str, Any]:
        """End the daemon by SIGKILL; its containers run on."""
        return self._end(signal.SIGKILL)

    def bring_down(self) -> list[str]:
        """Everything gone, the directory last; returns what could not be taken away."""
        self.ending = True
        if not self._runs() and self.pid and leftovers.networks(self.directory):
            self.start()  # only a daemon knows all that it did to the firewall for them
        # The members of a cluster end together, and without the others none can decide anything: it would wait in vain.
        alone = not self.wanted.get("clustered") or leftovers.networks(self.directory)
        if self._runs() and alone:
            leftovers.send(self.pid, signal.SIGCONT)  # a test may have stopped it
            with contextlib.suppress(*_NO_ANSWER):
                self._ask_to_stop()
                leftovers.wait_gone({self.pid}, _STOP_SECONDS)
        left = leftovers.remove(self.directory, self.programs)
        lxcfs.leave(self.wanted["lxcfs"], self.share)
        return left

    def _runs(self) -> bool:
        return self.pid > 0 and leftovers.alive_child(self.pid)

    def _log(self) -> str:
        files = [self.directory / "daemon.log", self.directory / "daemon.out"]
        return "\n".join(file.read_text(errors="replace")[-2000:] for file in files if file.exists())

    def _end(self, number: signal.Signals) -> dict[str, Any]:
        if self._runs():
            leftovers.send(self.pid, signal.SIGCONT)
            leftovers.send(self.pid, number)
            if not leftovers.wait_gone({self.pid}, _STOP_SECONDS) or not leftovers.wait_reaped(self.pid, _STOP_SECONDS):
                still = f"Process {self.pid} still runs {_STOP_SECONDS:g} s after {number.name}"
                return {"error": f"{still}: it waits for operations, such as a command that runs in a container."}
        return {}

    def _ask_to_stop(self) -> None:
        """Let the daemon take down its own containers, networks and pools: nobody knows them better."""
        end = time.monotonic() + _STOP_SECONDS
        stop = {"action": "stop", "force": True, "timeout": 10}
        url = "/1.0/instances?recursion=1&all-projects=true"
        stopping = []
        for each in ask(self.socket, "GET", url, timeout=_ASK_SECONDS)["metadata"]:
            if each["status"] != "Stopped" and time.monotonic() < end:
                name, project = quote(each["name"], safe=""), quote(each.get("project", "default"), safe="")
                url = f"/1.0/instances/{name}/state?project={project}"
                with contextlib.suppress(DaemonError):
                    stopping.append(ask(self.socket, "PUT", url, stop, timeout=_ASK_SECONDS))
        for operation in stopping:
            with contextlib.suppress(DaemonError):
                finish(self.socket, operation, max(1, end - time.monotonic()))
        ask(self.socket, "PUT", "/internal/shutdown?force=true", timeout=_ASK_SECONDS)


# --- its owner's side --------------------------------------------------------------------------------------

# A child made by fork alone (multiprocessing) would hold the pipes' write ends too, and outlive us with them.
# Children made by exec do not inherit them: Python opens them close-on-exec.
_pipes: set[IO[bytes]] = set()


def _close_pipes() -> None:
    for pipe in _pipes:
        pipe.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_pipes)


class Watcher:
    """The process that owns the daemon, seen from its owner: it obeys words and ends when the pipe closes."""

    def __init__(self, wanted: dict[str, Any], environment: dict[str, str]) -> None:
        root = str(Path(__file__).resolve().parents[1])
        code = f"import sys; sys.path.insert(0, {root!r}); from tests.watcher import main; main()"
        self.process = subprocess.Popen(
            [sys.executable, "-IS", "-c", code, json.dumps(wanted)],  # the standard library is all it needs
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
        assert self.process.stdin
        assert self.process.stdout
        self.pipe, self.answers = self.process.stdin, io.TextIOWrapper(io.BufferedReader(self.process.stdout))
        self.turn = threading.Lock()
        self.pid = 0
        _pipes.add(self.pipe)

    def answer(self) -> dict[str, Any]:
        """What the watcher says next; DaemonError with its text when that is an error."""
        line = self.answers.readline()
        said = json.loads(line or '{"error": "The process that watches over the daemon has ended."}')
        if "error" in said:
            raise DaemonError(said["error"])
        self.pid = said.get("pid", self.pid)
        return said

    def say(self, word: str) -> None:
        """Have it start, stop or kill the daemon, and wait until that is done."""
        with self.turn:
            self.pipe.write(f"{word}\n".encode())
            self.answer()

    def end(self) -> list[str]:
        """Have everything taken down, and wait for it; returns what could not be."""
        _pipes.discard(self.pipe)
        self.pipe.close()
        with self.answers:
            last = [json.loads(line) for line in self.answers][-1:]
        self.process.wait(timeout=_STOP_SECONDS)
        return last[0].get("left", []) if last else [f"what process {self.process.pid} watched over"]


# --- its own side -------------------------------------------------------------------------------------------


def _reply(answer: dict[str, Any]) -> None:
    """Tell the owner, if there still is one."""
    with contextlib.suppress(OSError):
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _end_early(*_: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise OwnerGone


def main() -> None:
    """Serve one owner until its end of the pipe closes."""
    wanted = json.loads(sys.argv[1])
    leftovers.sweep(wanted["parent"], set(wanted["programs"]))
    owned = Owned(wanted)
    try:
        signal.signal(signal.SIGTERM, _end_early)  # the terminal's signals do not reach this session
        owned.share = lxcfs.use(wanted["lxcfs"])
        # Orphans of the daemon become children of this process, so that none is ever lost.
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
        _reply({"directory": str(owned.directory)} | owned.start())
        words = {"start": owned.start, "stop": owned.stop, "kill": owned.kill}
        while True:
            if select.select([sys.stdin], [], [], 0.5)[0]:
                word = sys.stdin.readline().strip()
                if not word:
                    break
                _reply(words[word]())
            leftovers.reap()
    except OwnerGone:
        pass
    except Exception:
        _reply({"error": traceback.format_exc()})
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _reply({"left": owned.bring_down()})

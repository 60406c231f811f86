"""One command in many instances: each row beside what `lxc exec` or `incus exec` says of that instance."""

from __future__ import annotations

import json
import signal
import threading

import pandas as pd
import pytest

from lxdnb import frames
from lxdnb.frames import _run
from tests.commands import late_at_last
from tests.daemons import DaemonError
from tests.eventually import eventually

SCHEMA = {
    "project": "string",
    "name": "string",
    "exit_code": "Int64",
    "stdout": "string",
    "stderr": "string",
    "seconds": "Float64",
    "error": "string",
}


def launched(server, *names: str) -> None:
    for name in names:
        server.cli("launch", "busybox", name)


def words(frame: pd.DataFrame) -> list[str]:
    return json.loads(frame.attrs["lxdnb"])["words"]


def refusal(server, *arguments: str) -> str:
    """What the command line says that it cannot run a command."""
    with pytest.raises(DaemonError) as failed:
        server.cli("exec", *arguments)
    return str(failed.value)


@pytest.fixture
def heard(monkeypatch) -> list[bytes]:
    """The pieces of output that have come from any instance."""
    pieces: list[bytes] = []
    take = _run._Output.take

    def taken(kept: _run._Output, piece: bytes) -> None:
        take(kept, piece)
        pieces.append(piece)

    monkeypatch.setattr(_run._Output, "take", taken)
    return pieces


def quiet() -> bool:
    return not any(thread.name.startswith(("lxdnb frames", "lxdnb exec")) for thread in threading.enumerate())


def test_each_says_what_it_says_to_the_command_line(client, server):
    launched(server, "r-1", "r-2")
    server.cli("init", "busybox", "r-3")
    script = "hostname; cat; echo $WHO >&2; exit 3"
    ran = frames.run(client, script, stdin="häl\n", environment={"WHO": "$me"}, timeout=60)
    assert ran.dtypes.astype(str).to_dict() == SCHEMA
    assert ran["name"].tolist() == ["r-1", "r-2"]  # those that run
    for row in ran.itertuples():
        own = server.output_of(row.name, "--", "sh", "-c", "hostname; cat", input="häl\n".encode())
        assert (row.project, row.stdout, row.stderr, row.exit_code) == ("default", own, "$me\n", 3)
    assert ran["error"].isna().all()
    assert ran["seconds"].between(0, 60, inclusive="neither").all()
    assert not words(ran)

    empty = frames.run(client, script, where="name eq nobody")
    assert empty.dtypes.astype(str).to_dict() == SCHEMA
    assert empty.empty

    again = frames.run(ran[ran["name"] == "r-2"], ["sh", "-c", "id -u; pwd"], user=1000, cwd="/tmp")
    own = server.output_of("r-2", "--user", "1000", "--cwd", "/tmp", "--", "sh", "-c", "id -u; pwd")
    assert again["stdout"].tolist() == [own]
    chosen = frames.run(client, ["hostname"], where="name eq r-1 or name eq r-3")
    assert chosen["stdout"].tolist() == ["r-1\n"]
    eventually(quiet)


@pytest.mark.parametrize("server_kind", ["incus"], indirect=True, scope="session")
def test_one_that_says_itself_that_it_is_ready_runs(client, server):
    """LXD 5.0 has no such status."""
    launched(server, "r-1")
    server.cli("config", "set", "r-1", "volatile.last_state.ready=true")
    assert server.query("/1.0/instances/r-1")["status"] == "Ready"
    assert frames.run(client, ["hostname"])["stdout"].tolist() == ["r-1\n"]
    ready = frames.instances(client, ["name", "status"])
    assert frames.apply(ready, "start")["did"].tolist() == ["nothing: is Ready already"]
    assert frames.apply(ready, "delete")["error"].tolist() == ["is Ready: stop it first, or give force=True"]
    assert frames.apply(ready, "delete", force=True)["did"].tolist() == ["stop, delete"]
    assert server.query("/1.0/instances") == []


def test_what_fails_stands_in_its_row(client, server):
    launched(server, "r-run", "r-stop", "r-freeze", "r-gone")
    every = frames.instances(client, ["name"])
    server.cli("stop", "-f", "r-stop")
    server.cli("pause", "r-freeze")
    server.cli("delete", "-f", "r-gone")
    ran = frames.run(every, ["hostname"]).set_index("name")
    assert ran.loc["r-run", "stdout"] == "r-run\n"
    assert ran["exit_code"].notna().to_dict() == {"r-freeze": False, "r-gone": False, "r-run": True, "r-stop": False}
    for name in ("r-stop", "r-freeze", "r-gone"):
        assert ran.loc[name, "error"] in refusal(server, name, "--", "hostname")

    for command, code in (["nosuch"], 127), (["/etc/passwd"], 126):
        ran = frames.run(client, command, where="name eq r-run")
        assert ran["exit_code"].tolist() == [code]  # as a shell has it
        assert ran["error"][0] in refusal(server, "r-run", "--", *command)


def test_one_that_takes_too_long_is_killed(client, server, monkeypatch):
    late_at_last(monkeypatch, server)
    launched(server, "r-1", "r-2")
    ran = frames.run(client, "hostname; test $(hostname) = r-1 || exec sleep 600", timeout=1)
    assert ran["stdout"].tolist() == ["r-1\n", "r-2\n"]
    assert ran["exit_code"].isna().tolist() == [False, True]
    assert ran["error"].isna().tolist() == [True, False]
    assert ran["error"][1] == "did not end within 1 s and was killed"
    eventually(lambda: "sleep" not in server.output_of("r-2", "--", "ps"))


def test_much_output_is_read_to_its_end_and_kept_to_a_bound(client, server):
    launched(server, "r-1")
    ran = frames.run(client, "head -c 3000000 /dev/zero; echo ok >&2; exit 4", kept=1000)
    assert (len(ran["stdout"][0]), ran["stderr"][0], ran["exit_code"][0]) == (1000, "ok\n", 4)
    assert words(ran) == ["r-1: the first 1,000 bytes of 3,000,000 of stdout are kept"]
    broken = frames.run(client, ["printf", r"h\303"], kept=2)  # half a character
    assert (broken["stdout"].tolist(), words(broken)) == (["h�"], [])


def test_an_interrupt_stops_all_and_returns_what_there_is(client, server, heard):
    launched(server, "r-1", "r-2", "r-3")
    server.cli("init", "busybox", "r-4")
    every = frames.instances(client, ["name"])
    order = every.sort_values("name", ascending=False)  # the stopped one first

    def once_two_run(done: int, total: int) -> None:
        if done == 1 and heard == [b"so far\n"] * 2:
            signal.raise_signal(signal.SIGINT)

    ran = frames.run(order, "echo so far; exec sleep 600", parallel=2, progress=once_two_run)
    assert ran["name"].tolist() == ["r-4", "r-3", "r-2", "r-1"]
    assert ran["error"][1:].tolist() == ["interrupted", "interrupted", "interrupted before it began"]
    assert ran["error"][0] in refusal(server, "r-4", "--", "true")
    assert ran["stdout"].fillna("none").tolist() == ["", "so far\n", "so far\n", "none"]
    assert ran["exit_code"].isna().all()
    assert ran["seconds"].isna().tolist() == [False, False, False, True]
    assert words(ran) == ["interrupted when 1 of 4 had ended"]
    eventually(quiet)
    eventually(server.rests, otherwise=lambda: str(server.under_way()))
    for name in ("r-1", "r-2", "r-3"):
        eventually(lambda name=name: "sleep" not in server.output_of(name, "--", "ps"))


def test_what_progress_raises_stops_all_and_is_raised(client, server):
    launched(server, "r-1")

    def fails(done: int, total: int) -> None:
        if "sleep 600" in server.cli("exec", "r-1", "--", "ps"):
            raise LookupError(f"{done} of {total}")

    with pytest.raises(LookupError, match="0 of 1"):
        frames.run(client, ["sleep", "600"], progress=fails)
    eventually(lambda: "sleep" not in server.output_of("r-1", "--", "ps"))
    eventually(quiet)


def test_servers_and_projects(client, server, other_client, other_server):
    server.cli("project", "create", "lab", "-c", "features.profiles=false", "-c", "features.images=false")
    launched(server, "r-1")
    server.cli("launch", "busybox", "r-1", "--project", "lab", "-c", "environment.PLACE=lab")
    launched(other_server, "r-2")
    servers = {"here": client, "there": other_client}
    script = "hostname; echo $PLACE >&2"
    ran = frames.run(servers, script, all_projects=True)
    assert ran.dtypes.astype(str).to_dict() == {"server": "string", **SCHEMA}
    told = ran.sort_values(["server", "project"])[["server", "project", "name", "stdout", "stderr"]]
    assert [tuple(row) for row in told.itertuples(index=False)] == [
        ("here", "default", "r-1", "r-1\n", "\n"),
        ("here", "lab", "r-1", "r-1\n", "lab\n"),
        ("there", "default", "r-2", "r-2\n", "\n"),
    ]
    lab = frames.instances(client.use_project("lab"), ["name"])
    assert frames.run(lab, script)["stderr"].tolist() == ["lab\n"]
    everywhere = frames.instances(client, ["name"], all_projects=True)
    with pytest.raises(ValueError, match="of all projects: keep the column 'project'"):
        frames.run(everywhere, script)

    both = frames.instances(servers, ["name"])
    other_server.kill()
    try:
        assert set(json.loads(frames.run(servers, script).attrs["lxdnb"])["failed"]) == {"there"}
        ran = frames.run(both, script).set_index("server")
    finally:
        other_server.restart()
    assert ran.loc["here", "stdout"] == "r-1\n"
    assert str(other_server.socket) in ran.loc["there", "error"]
    with pytest.raises(ValueError, match="of several servers: keep the column 'server'"):
        frames.run(both[["name"]], script)


def test_a_server_that_is_lost_meanwhile(client, server, other_client, other_server, heard):
    launched(server, "r-1")
    launched(other_server, "r-2")

    def lose(done: int, total: int) -> None:
        if done == 1 and other_server.pid in alive and b"r-2\n" in heard:
            alive.clear()
            other_server.kill()

    alive = {other_server.pid}
    script = "hostname; test $(hostname) = r-1 || exec sleep 600"
    try:
        ran = frames.run({"a": client, "b": other_client}, script, progress=lose)
    finally:
        other_server.restart()
    assert ran["stdout"].tolist() == ["r-1\n", "r-2\n"]
    assert ran["exit_code"].fillna(-1).tolist() == [0, -1]
    assert ran["error"].isna().tolist() == [True, False]
    eventually(quiet)


def test_what_cannot_be_meant_is_said_before_anything_is_sent(client, server, asked):
    server.cli("init", "busybox", "r-1")
    every = frames.instances(client, ["name"])
    pools = frames.pools(client, ["name"])
    asked.clear()
    wrong = {
        "a command is a list of words": lambda: frames.run(client, []),
        "environment is a dict": lambda: frames.run(client, "true", environment="A=b"),
        "parallel is 1 or more": lambda: frames.run(client, "true", parallel=0),
        "timeout is 0 seconds or more": lambda: frames.run(client, "true", timeout=-1),
        "kept is 0 or more": lambda: frames.run(client, "true", kept=-1),
        "progress is True, False, or a function": lambda: frames.run(client, "true", progress="yes"),
        "an input is": lambda: frames.run(client, "true", stdin=3),
        "did you mean 'status'": lambda: frames.run(client, "true", where="statos eq Running"),
        "of a frame, give the rows": lambda: frames.run(every, "true", where="name eq r-1"),
        "client is for a frame": lambda: frames.run(client, "true", client=client),
        "the rows of this frame are pools": lambda: frames.run(pools, "true"),
        "known by the column 'name', which this frame lacks: it has nome": lambda: frames.run(
            every.rename(columns={"name": "nome"}), "true"
        ),
        "does not know its client any more": lambda: frames.run(pd.DataFrame({"name": ["r-1"]}), "true"),
        "row 0 has no name": lambda: frames.run(every.assign(name=pd.array([None], dtype="string")), "true"),
    }
    for said, call in wrong.items():
        with pytest.raises((TypeError, ValueError), match=said):
            call()
    assert asked == []
    named = frames.run(pd.DataFrame({"name": ["r-1"]}), "true", client=client)
    assert named["error"][0] in refusal(server, "r-1", "--", "true")

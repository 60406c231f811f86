"""`%lxd` in a real IPython shell on real daemons: what a person types, and what the cell then shows."""

from __future__ import annotations

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

import lxdnb
from lxdnb.models import Container


@pytest.fixture
def shell(server, monkeypatch):
    """A fresh shell whose daemon is the server."""
    for name in ("LXD_SOCKET", "LXD_DIR", "INCUS_SOCKET", "INCUS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LXD_DIR" if server.flavour == "lxd" else "INCUS_DIR", str(server.directory))
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    # A terminal prints `Out[1]: ` before it asks whether there is anything to show; a notebook does not.
    monkeypatch.setattr(shell.displayhook, "write_output_prompt", lambda: None)
    shell.run_cell("%load_ext lxdnb")
    yield shell
    InteractiveShell.clear_instance()


@pytest.fixture
def run(shell, capsys):
    """Run a cell; return its result and what it printed."""

    def run(cell: str):
        capsys.readouterr()
        result = shell.run_cell(cell, store_history=True)
        return result, capsys.readouterr()

    return run


def names(server) -> list[str]:
    return [url.rpartition("/")[2] for url in server.query("/1.0/instances")]


def test_list_hands_on_a_frame(run, server, shell):
    server.cli("init", "busybox", "web-1")
    server.cli("init", "busybox", "db-1")
    result, _ = run("%lxd list")
    assert isinstance(result.result, pd.DataFrame)
    assert list(result.result["name"]) == ["db-1", "web-1"]
    run("df = %lxd list -c sn")
    assert list(shell.user_ns["df"].columns) == ["status", "name"]
    result, _ = run("%lxd kept << list web -c name,status")
    assert result.result is None
    assert list(shell.user_ns["kept"]["name"]) == ["web-1"]
    assert list(run("%lxd ls .*1$ db")[0].result["name"]) == ["db-1"]
    assert list(run("%lxd list -c s web")[0].result.columns) == ["status"]


def test_columns_are_letters_names_and_fields(run, server, shell):
    server.cli("init", "busybox", "web-1", "-c", "user.role=<b>db</b>")
    keys = ("user.role", "config:image.os", "devices:root.path")
    run(f"df = %lxd list -c nt,{','.join(keys)},state.pid,devices.root.pool")
    frame = shell.user_ns["df"]
    assert list(frame.columns) == [
        *("name", "type", "expanded_config.user.role", "expanded_config.image.os", "expanded_devices.root.path"),
        *("state.pid", "devices.root.pool"),
    ]
    shown = server.cli("list", "--format", "csv", "-c", ",".join(["n", *keys])).strip().split(",")
    assert [frame.iloc[0, place] for place in (0, 2, 3, 4)] == shown
    assert frame.iloc[0, 5:].isna().all()
    image = server.query("/1.0/instances/web-1")["config"]["volatile.base_image"]
    for letter in "fF":
        assert run(f"%lxd list -c {letter}")[0].result.loc[0, "image"] == image


def test_frames_are_shown_as_tables_and_other_frames_as_ever(run, server, shell):
    server.cli("init", "busybox", "shown")
    show = shell.display_formatter.format
    assert "●" in show(run("%lxd list")[0].result)[0]["text/html"]
    other = pd.DataFrame({"a": [1]})
    assert show(other)[0]["text/html"] == other._repr_html_()


def test_launch_exec_stop_start_delete(run, server, shell):
    result, _ = run("%lxd launch busybox tour -c limits.processes=100 -c user.note='two words' -e")
    assert isinstance(result.result, Container)
    told = server.query("/1.0/instances/tour")
    assert (told["status"], told["ephemeral"]) == ("Running", True)
    assert told["config"]["user.note"] == "two words"

    _, printed = run("%lxd exec tour -- sh -c 'echo $HOME; echo {print $1}; echo oops >&2'")
    assert printed.out == "/root\n{print }\n"
    assert printed.err == "oops\n"

    result, _ = run("%lxd stop tour -f")
    assert result.result.to_dict("records")[0] | {"after": None} == {"name": "tour", "before": "Running", "after": None}
    assert names(server) == []

    server.cli("init", "busybox", "tour")
    result, _ = run("%lxd start tour")
    assert result.result.to_dict("records") == [{"name": "tour", "before": "Stopped", "after": "Running"}]
    assert server.query("/1.0/instances/tour")["status"] == "Running"
    result, _ = run("%lxd stop tour")
    assert result.result.to_dict("records") == [{"name": "tour", "before": "Running", "after": "Stopped"}]
    result, _ = run("%lxd delete tour")
    assert pd.isna(result.result.loc[0, "after"])
    assert names(server) == []


def test_many_at_once_and_a_rehearsal(run, server):
    for name in ("a", "b"):
        server.cli("init", "busybox", name)
    result, printed = run("%lxd start --all --dry-run")
    assert printed.out.startswith("dry run: would start a, b\n")
    assert list(result.result["before"]) == ["Stopped", "Stopped"]
    assert {server.query(f"/1.0/instances/{name}")["status"] for name in "ab"} == {"Stopped"}
    assert list(run("%lxd start --all")[0].result["after"]) == ["Running", "Running"]
    assert list(run("%lxd start --all")[0].result["name"]) == []
    run("%lxd delete a b --dry-run")
    assert names(server) == ["a", "b"]
    run("%lxd delete a b -f")
    assert names(server) == []


def test_a_frozen_one_goes_on(run, container):
    container.freeze(wait=True)
    assert run(f"%lxd start {container.name}")[0].result.loc[0, "after"] == "Running"


def test_what_fails_of_several_is_named(run, server, container):
    server.cli("init", "busybox", "idle")
    result, printed = run(f"%lxd start {container.name} idle")
    error = result.error_in_exec.__cause__
    assert isinstance(error, lxdnb.BulkFailed)
    assert list(error.errors) == [container.name]
    assert f"start failed for 1 of 2: {container.name}: " in printed.out
    assert server.query("/1.0/instances/idle")["status"] == "Running"


def test_a_cell_is_a_script(run, container, shell):
    head = f"%%lxd exec {container.name} --env WHO='a b' --cwd /tmp"
    body = 'for i in 1 2; do\n  echo "$i $WHO {{x}}"\ndone\npwd\n'
    result, printed = run(f"{head}\n{body}")
    assert printed.out == "1 a b {{x}}\n2 a b {{x}}\n/tmp\n"
    assert result.result.stdout == printed.out
    result, printed = run(f"%%lxd exec {container.name} -- wc -l\none\ntwo\n")
    assert printed.out.strip() == "2"
    result, _ = run(f"%%lxd exec {container.name}\necho first\nexit 4\n")
    assert result.error_in_exec.__cause__.exit_code == 4


def test_a_result_is_shown_once_and_kept(run, container, shell):
    shell.user_ns["box"], shell.user_ns["word"] = container.name, "two words; $HOME"
    _, printed = run("r = %lxd exec {{box}} -- printf '%s|' {{word}} {{box}}")
    assert printed.out == f"two words; $HOME|{container.name}|"
    assert shell.user_ns["r"] == (0, printed.out, "")
    _, printed = run("r")
    assert "ExecResult(exit_code=0" in printed.out
    _, printed = run("%lxd exec {{box}} -- echo once")
    assert printed.out.count("once") == 1


def test_output_comes_as_it_is_made(container, shell, monkeypatch):
    import sys

    seen: list[str] = []

    class Watch:
        def write(self, text: str) -> int:
            seen.append(text)
            if "early" in text:
                container.files.put("/tmp/go", b"")
            return len(text)

        def flush(self) -> None:
            pass

    monkeypatch.setattr(sys, "stdout", Watch())
    script = "echo early; while ! test -e /tmp/go; do sleep 0.05; done; echo late"  # late where early was seen
    shell.run_cell(f"%lxd exec {container.name} -- sh -c '{script}'")
    assert "".join(seen).split() == ["early", "late"]


def test_much_output_is_cut_in_the_cell_and_whole_in_the_result(run, container, shell):
    _, printed = run(f"r = %lxd exec {container.name} -- seq 400000")
    assert len(printed.out) == 1_000_000
    assert "bytes more" in printed.err
    assert shell.user_ns["r"].stdout.split("\n")[-2] == "400000"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("%lxd exec nobody -- true", "not found"),
        ("%lxd start nobody", "no instance named 'nobody'"),
        ("%lxd delete nobody", "no instance named 'nobody'"),
        ("%lxd exec {{box}} -- sh -c 'exit 3'", "ended with exit code 3"),
        ("%lxd exec {{box}} -- sh -c {{'true\\nexit 7'}}", "exit code 7"),
        ("%lxd exec {{box}} -- no-such-program", "Command not found"),
        ("%lxd exec {{box}}", "name a command"),
        ("%lxd delete {{box}}", "running"),
        ("%lxd start {{box}}", "running"),
        ("%lxd launch no-such-image x1", "no image of this server"),
        ("%lxd launch busybox 'no name!'", "name"),
        ("%lxd launch busybox x1 -c nonsense", "KEY=VALUE"),
        ("%lxd launch busybox x1 -c no.such.key=1", "no.such.key"),
        ("%lxd launch busybox x1 -n no-such-network", "not found"),
        ("%lxd launch nowhere:alpine x1", "no image server"),
        ("%lxd lunch busybox", "did you mean 'launch'"),
        ("%lxd stop", "name the instances"),
        ("%lxd stop --all {{box}}", "give --all alone"),
        ("%lxd list -c z", "there is no column 'z'"),
        ("%lxd list -c user.role:ROLE", "rename the column"),
        ("%lxd list -c state.memory.usag", "did you mean 'state.memory.usage'"),
        ("%lxd list [", "no regular expression"),
        ("%lxd delete ..", "no name"),
        ("%%lxd list\nx", "takes no cell"),
    ],
)
def test_a_slip_is_one_line_and_the_cell_fails(run, container, server, shell, line: str, says: str):
    shell.user_ns["box"] = container.name
    result, printed = run(line)
    assert not result.success
    shown = printed.out.strip().splitlines()
    assert len(shown) == 1, printed.out
    assert shown[0].startswith("%lxd: ")
    assert says in shown[0]
    # Nothing is done by halves.
    assert names(server) == [container.name]
    assert server.query(f"/1.0/instances/{container.name}")["status"] == "Running"


def test_a_stopped_container_is_said_to_be(run, server):
    server.cli("init", "busybox", "off")
    result, printed = run("%lxd exec off -- true")
    assert not result.success
    assert "not running" in printed.out


def test_one_wrong_name_among_several_stops_before_the_first(run, server, container):
    result, _ = run(f"%lxd stop {container.name} nobody")
    assert not result.success
    assert server.query(f"/1.0/instances/{container.name}")["status"] == "Running"


def test_the_persons_own_errors_keep_their_traceback(run, container):
    result, printed = run(f"%lxd exec {container.name} -- echo {{{{1 / 0}}}}")
    assert isinstance(result.error_in_exec, ZeroDivisionError)
    assert "Traceback" in printed.out


def test_braces_and_dollars_are_not_pythons(run, container, shell):
    shell.user_ns["word"] = "Python's"
    _, printed = run(f"%lxd exec {container.name} -- sh -c 'echo [$word] {{word}}'")
    assert printed.out == "[] {word}\n"


def test_locals_of_a_function_are_seen(run, container, shell):
    run(
        f"def g(words):\n    return get_ipython().run_line_magic('lxd', "
        f"'exec {container.name} -- echo {{{{[w for w in words if w in words][0]}}}}')"
    )
    assert run("g(['inner'])")[0].result.stdout == "inner\n"
    run(f"def f(word):\n    return get_ipython().run_line_magic('lxd', 'exec {container.name} -- echo {{{{word}}}}')")
    assert run("f('inside')")[0].result.stdout == "inside\n"


def test_no_server_lists_what_was_tried(run, shell, monkeypatch, tmp_path):
    monkeypatch.delenv("INCUS_DIR", raising=False)
    monkeypatch.setenv("LXD_DIR", str(tmp_path))
    result, printed = run("%lxd list")
    assert isinstance(result.error_in_exec.__cause__, lxdnb.ClientConnectionFailed)
    assert f"{tmp_path}/unix.socket: there is no such socket" in printed.out

"""The sandbox's shell: what scripts say and come to, beside the real busybox; and that none of them stalls anything."""

from __future__ import annotations

import gc
import subprocess
from pathlib import Path

import pytest

from lxdnb.sandbox.channels import PIECE
from tests.image import find_busybox
from tests.shells import Simulated

SCRIPTS = (Path(__file__).parent / "scripts.txt").read_text().removesuffix("\n").split("\n---\n")
# Each in a directory of its own, one after the other, by one process.
DRIVER = """
for script in "$1"/*.sh; do
    mkdir "${script%.sh}"
    cd "${script%.sh}"
    env -i PATH=/sbin:/usr/sbin:/bin:/usr/bin HOME=/root "$2" sh -c "$(cat "$script"; echo)" >../out 2>../err </dev/null
    echo $? >"${script%.sh}.status"
    mv ../out "${script%.sh}.out"
    mv ../err "${script%.sh}.err"
done
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> list[tuple[int, bytes, bool]]:
    """What busybox itself makes of each script: the exit code, what it says, and whether it complains."""
    busybox = find_busybox()
    if busybox is None:
        pytest.skip("no busybox here: install busybox-static")
    folder = tmp_path_factory.mktemp("scripts")
    for number, script in enumerate(SCRIPTS):
        (folder / f"{number:03}.sh").write_text(script)
    subprocess.run(
        [busybox, "sh", "-c", DRIVER, "driver", folder, busybox], check=True, capture_output=True, timeout=60
    )
    said = []
    for number in range(len(SCRIPTS)):
        status, out, err = ((folder / f"{number:03}.{end}").read_bytes() for end in ("status", "out", "err"))
        said.append((int(status), out, bool(err)))
    return said


@pytest.mark.parametrize("number", range(len(SCRIPTS)), ids=lambda number: SCRIPTS[number][:40])
def test_a_script_does_as_with_busybox(real, number: int):
    made = Simulated().run(SCRIPTS[number])
    assert (made.status, made.stdout, bool(made.stderr)) == real[number]


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("nope", "sh: nope: not found\n"),
        ("/etc/passwd", "sh: /etc/passwd: Permission denied\n"),
        ("cat /nope", "cat: can't open '/nope': No such file or directory\n"),
        ("ls /nope", "ls: /nope: No such file or directory\n"),
        ("rm /tmp", "rm: '/tmp' is a directory\n"),
        ("mkdir /tmp", "mkdir: can't create directory '/tmp': File exists\n"),
        ("rmdir /etc", "rmdir: '/etc': Directory not empty\n"),
        ("cp /nope /x", "cp: can't stat '/nope': No such file or directory\n"),
        ("echo >/nope/x", "sh: can't create /nope/x: nonexistent directory\n"),
        ("cat </nope", "sh: can't open /nope: no such file\n"),
    ],
)
def test_complaints_have_the_words_of_busybox(script: str, complaint: str):
    assert Simulated().run(script).stderr.decode() == complaint


def test_what_the_instance_is():
    told = Simulated().run("hostname; cat /etc/hostname; id -un; pwd; ps -o args | head -n 2; uname -s").stdout.decode()
    assert told.split("\n") == ["c1", "c1", "root", "/root", "COMMAND", "init", "Linux", ""]


@pytest.mark.parametrize(
    "loop", ["while :; do :; done", "yes >/dev/null", "f() { f; }; f", "sh -c 'while :; do x=$((x+1)); done'"]
)
def test_a_loop_without_end_gives_others_their_turn_and_dies_by_its_signal(loop: str):
    simulated = Simulated()
    endless, _, _ = simulated.begin(["sh", "-c", loop])
    simulated.turn(5)
    assert simulated.run("echo fine").stdout == b"fine\n"
    endless.signal(9)
    assert endless.status in (137, 2)  # 2 for the one that ends by itself, too deep
    simulated.turn(5)


def test_a_writer_waits_for_its_reader():
    simulated = Simulated()
    process, out, _ = simulated.begin(["yes"])
    out.size = PIECE
    simulated.turn(200)
    assert len(out.data) <= PIECE
    assert out.take(1000) == b"y\n" * 500
    simulated.turn(200)
    assert len(out.data) == PIECE
    out.end("r")
    simulated.turn(5)
    assert process.status == 141


def test_a_full_file_system_is_told():
    made = Simulated().run("mount -t tmpfs -o size=1m none /mnt; yes >/mnt/full; echo $?; umount /mnt; ls /mnt")
    assert (made.stdout, made.stderr) == (b"1\n", b"yes: No space left on device\n")


def test_files_of_a_copy_are_its_own():
    simulated = Simulated()
    simulated.run("echo one >/root/a; ln /root/a /root/b")
    copy = simulated.machine.tree.copy()
    simulated.run("echo two >>/root/a; rm /root/b; mkdir /root/d")
    assert copy.names("/root") == ["a", "b"]
    assert bytes(copy.find("/root/a").data) == b"one\n"
    assert copy.find("/root/a") is copy.find("/root/b")
    assert simulated.run("cat /root/a").stdout == b"one\ntwo\n"


def test_permissions_hold_for_those_who_are_not_root():
    simulated = Simulated()
    simulated.run("echo secret >/root/a; chmod 600 /root/a; chmod 755 /root; echo all >/tmp/b")
    process, out, error = simulated.begin(
        ["sh", "-c", "cat /root/a /tmp/b; echo x >/root/c; touch /tmp/mine; rm /tmp/b; id -u"]
    )
    process.user = process.user._replace(uid=1000, gid=1000)
    simulated.turn(2000)
    assert out.data == b"all\n1000\n"
    assert error.data.count(b"denied") == 2
    assert b"can't remove '/tmp/b': Operation not permitted" in error.data


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("x=a; while :; do x=$x$x; done", b"sh: out of memory\n"),
        ("yes | sort", b"sort: out of memory\n"),
        ("printf '%999999999d' 1", b"printf: %d: invalid format\n"),
        ("x=$(yes); echo not reached", b"sh: out of memory\n"),
        ("x=$(yes | head -n 1200000); set -- $x", b"sh: out of memory\n"),
        ("x=$(head -c 200000 /dev/zero | tr '\\0' a); env x=$x", b"sh: env: Argument list too long\n"),
        ("seq -w 1 1e999999", b"seq: invalid number '1e999999'\n"),
        ("cd /tmp; while mkdir d; do cd d; done", b"mkdir: can't create directory 'd': File name too long\n"),
        ("while :; do sleep 1000 & done", b"sh: can't fork: Resource temporarily unavailable\n"),
        ("cat /dev/zero | cut -c 1", b"cut: out of memory\n"),
    ],
)
def test_nothing_takes_more_memory_than_it_may(script: str, complaint: bytes):
    assert Simulated().run(script).stderr == complaint


def test_no_pattern_takes_for_ever():
    text, pattern = "a" * 5000, "*a" * 30 + "*b"
    assert Simulated().run(f"case {text} in {pattern}) echo fits;; *) echo not;; esac").stdout == b"not\n"
    made = Simulated().run("case a.b.c.d in *.*.*) echo fits;; esac; x=a-b-c; echo ${x/-*/} ${x%-*} ${x#*-}")
    assert made.stdout == b"fits\na a-b b-c\n"


def test_a_limit_of_memory_is_one():
    simulated = Simulated()
    simulated.instance.config = {"limits.memory": "8MiB"}
    made = simulated.run("yes | sort; echo $?; x=$(yes | head -c 4000000); for i in 1 2 3; do eval x$i=\\$x; done")
    assert (made.status, made.stdout) == (137, b"137\n")
    assert simulated.run("echo fine").stdout == b"fine\n"
    assert simulated.machine.memory.used == 0


def test_all_instances_together_have_so_much_memory_and_no_more():
    simulated = Simulated()
    simulated.host.memory.total = 2**22
    assert simulated.run("yes | sort").status == 137
    assert simulated.host.memory.used == 0


def test_a_limit_of_processes_is_one():
    simulated = Simulated()
    simulated.instance.config = {"limits.processes": "5"}
    made = simulated.run("f() { f | f & }; f; wait; echo over")
    assert b"sh: can't fork: Resource temporarily unavailable\n" in made.stderr
    assert len(simulated.machine.processes) <= 5


@pytest.mark.parametrize(
    ("script", "stdout", "stderr"),
    [
        ("echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab | sed -E 's/(a|a)*$/x/'", b"", b"sed: '(a|a)*$' takes longer"),
        ("x=$(head -c 300000 /dev/zero | tr '\\0' a); y=${x//a*b/c}", b"", b"sh: x: the pattern takes longer"),
        ("x=$(head -c 1000000 /dev/zero | tr '\\0' a); y=${x##*b}z${x%%b*}; echo ${#y}", b"2000001\n", b""),
        ("echo a | grep -E '((((a{100}){100}){100}){100})'", b"", b"grep: Regular expression too big\n"),
        ("echo abbba | grep -E '(a)b*\\1' | sed 's/\\(b\\)*/<&>/g'", b"<>a<bbb>a<>\n", b""),
    ],
)
def test_no_expression_takes_for_ever(script: str, stdout: bytes, stderr: bytes):
    made = Simulated().run(script)
    assert (made.stdout, made.stderr[: len(stderr)]) == (stdout, stderr)


@pytest.mark.parametrize("depth", ["{ ", "if true; then ", "( ", "! ", "$((("])
def test_what_is_nested_too_deeply_dies_as_where_a_stack_overflows(depth: str):
    made = Simulated().run(f"x=$(yes {depth!r} | head -n 8000 | tr -d '\\n'); sh -c 'eval \"$1\"' sh \"$x\"; echo $?")
    assert made.stdout in (b"2\n", b"139\n")
    assert made.stderr


def test_the_files_of_all_instances_together_have_so_much_room_and_no_more():
    simulated = Simulated()
    simulated.host.disk.total = 2**20
    made = simulated.run("echo hello >a; head -c 2000000 /dev/zero >b; rm b; i=0; while echo >f$i; do i=$((i+1)); done")
    assert b"No space left on device" in made.stderr
    copy = simulated.machine.tree.copy()
    assert bytes(copy.find("/root/a").data) == b"hello\n"
    assert simulated.host.disk.used <= 2**20
    simulated.instance.machine.halt()
    simulated.instance.machine = simulated.instance.files = copy = None
    gc.collect()
    assert simulated.host.disk.used == 0

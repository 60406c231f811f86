"""The text that Prometheus reads, read as its own library does, whatever pieces it comes in; and the use made of it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from lxdnb.frames._exposition import Sample, lines, samples
from lxdnb.frames._metrics import use_of

# The example of the format's own documentation.
DOCUMENTED = r"""
# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

# A weird metric from before the epoch:
something_weird{problem="division by zero"} +Inf -3982045
"""


def read(text: str) -> list[tuple[str, dict[str, str], float]]:
    return [(sample.name, dict(sample.labels), sample.value) for sample in samples(text.split("\n"))]


def by_the_library(text: str) -> list[tuple[str, dict[str, str], float]]:
    families = text_string_to_metric_families(text)
    return [(sample.name, dict(sample.labels), sample.value) for family in families for sample in family.samples]


Told = list[tuple[str, dict[str, str], float]]


def same(ours: Told, theirs: Told) -> bool:
    mine, other = ([(name, labels, repr(float(value))) for name, labels, value in each] for each in (ours, theirs))
    return mine == other  # NaN is NaN here


def test_the_documented_example():
    assert read(DOCUMENTED) == [
        ("http_requests_total", {"method": "post", "code": "200"}, 1027),
        ("http_requests_total", {"method": "post", "code": "400"}, 3),
        (
            "msdos_file_access_time_seconds",
            {"path": r"C:\DIR\FILE.TXT", "error": 'Cannot find file:\n"FILE.TXT"'},
            1458255915,
        ),
        ("metric_without_timestamp_and_labels", {}, 12.47),
        ("something_weird", {"problem": "division by zero"}, math.inf),
    ]


@pytest.mark.parametrize("server", ["lxd-5.0.2", "incus-6.0.4"])
def test_what_real_servers_said(server: str):
    text = (Path(__file__).parent / f"metrics-{server}.txt").read_text()
    ours = read(text)
    assert len(ours) > 100
    # The library calls a counter `_total`, whatever the server calls it: here it is the server's word.
    words = [(name.replace("uptime_seconds_total", "uptime_seconds"), *rest) for name, *rest in by_the_library(text)]
    assert same(ours, words)


NAMES = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,20}", fullmatch=True)
# Those that begin with two `_` are reserved, and the library refuses them.
LABELS = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_]{0,10}", fullmatch=True)
BLANKS = st.sampled_from(["", " ", "\t", "  "])
VALUES = st.floats() | st.integers(-(2**63), 2**63).map(float)
# What may look like the line's own signs, and what other readers of lines would break at.
TEXTS = st.text(st.sampled_from('"\\{}=,# \tn}0\u2028\x0b\x85é𝄞\r\n') | st.characters(codec="utf-8"), max_size=20)


@st.composite
def lined(draw: st.DrawFn) -> tuple[str, tuple[str, dict[str, str], float]]:
    """A line, and what it measures."""
    name, value = draw(NAMES), draw(VALUES)
    labels = draw(st.dictionaries(LABELS, TEXTS, max_size=4))
    blank = [draw(BLANKS) for _ in range(6)]
    said = [f'{blank[0]}{key}{blank[1]}={blank[2]}"{_escaped(value)}"{blank[3]}' for key, value in labels.items()]
    number = {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, "NaN" if math.isnan(value) else repr(value))
    time = draw(st.sampled_from(["", " 1395066363000", " -1"]))
    end = draw(st.sampled_from(["", ","])) if said else ""
    text = f"{name}{blank[4]}{{{','.join(said)}{end}}} {number}{time}" if said else f"{name} {number}{time}"
    return text, (name, labels, value)


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


@given(
    st.lists(
        lined()
        | st.sampled_from(["", "# TYPE a_total counter", "#", "# } 7", ' # HELP a {x="1"} 2']).map(
            lambda text: (text, None)
        )
    )
)
def test_any_line(several):
    assert same(read("\n".join(text for text, _ in several)), [meant for _, meant in several if meant])


@given(st.lists(lined(), max_size=5))
def test_as_the_library_reads_it(several):
    # The library breaks lines at every sign that Python's `splitlines` knows, and strips blanks of values' ends.
    text = "\n".join(text for text, _ in several if len(text.splitlines()) == 1)
    assert same(read(text), by_the_library(text))


@given(st.text(max_size=200), st.lists(st.integers(1, 40)))
def test_pieces_end_anywhere(text: str, sizes: list[int]):
    whole, pieces = text.encode(), list[bytes]()
    for size in sizes:
        pieces.append(whole[:size])
        whole = whole[size:]
    read_lines = list(lines([*pieces, whole]))
    assert read_lines == (text.removesuffix("\n").split("\n") if text else [])


@pytest.mark.parametrize(
    "line",
    [
        "lxd_procs_total",
        'lxd_procs_total{name="c1"}',
        'lxd_procs_total{name="c1"} three',
        'lxd_procs_total{name="c1"} 3 soon',
        'lxd_procs_total{name="c1"} 3 4 5',
        "lxd_procs_total{name=c1} 3",
        'lxd_procs_total{name="c1" project="p"} 3',
        'lxd_procs_total name="c1"} 3',
        '{name="c1"} 3',
        "<html>",
        '{"type":"error","error":"not found"}',
    ],
)
def test_what_is_no_line_of_it(line: str):
    with pytest.raises(ValueError, match="no line of metrics"):
        read(line)


def test_metrics_that_nobody_wants_are_passed_over():
    text = 'a{x="1"} 1\nb{x="1"} nonsense\n# TYPE a counter\na{x="2"} 2'
    types: dict[str, str] = {}
    found = list(samples(text.split("\n"), lambda name: name == "a", types.__setitem__))
    assert found == [Sample("a", {"x": "1"}, 1), Sample("a", {"x": "2"}, 2)]
    assert types == {"a": "counter"}


def line(metric: str, value: object, **labels: str) -> str:
    said = ",".join(f'{key}="{told}"' for key, told in {**labels, "name": "c1", "project": "lab"}.items())
    return f"lxd_{metric}{{{said}}} {value}\n"


def test_the_use_of_an_instance():
    text = (
        line("cpu_seconds_total", 0.1, cpu="0", mode="user")
        + line("cpu_seconds_total", 0.2, cpu="1", mode="system")
        + line("memory_MemFree_bytes", 600)
        + line("memory_MemTotal_bytes", 1000)
        + line("memory_Cached_bytes", 70)
        + line("network_receive_bytes_total", 5, device="lo")
        + line("network_receive_bytes_total", "1.2e+03", device="eth0")
        + line("network_transmit_packets_total", 7, device="eth0")
        + line("procs_total", 3)
        + "lxd_uptime_seconds 12\n"
    )
    expected = {
        "cpu": {"usage": 300_000_000},
        "memory": {"usage": 400},
        "network": {
            "lo": {"type": "loopback", "counters": {"bytes_received": 5}},
            "eth0": {"counters": {"bytes_received": 1200, "packets_sent": 7}},
        },
        "processes": 3,
    }
    assert use_of(text) == {("lab", "c1"): expected}
    backwards = "\n".join(reversed(text.split("\n")))
    assert use_of(backwards) == {("lab", "c1"): expected}


def test_what_was_not_measured_is_missing():
    assert use_of(line("memory_MemTotal_bytes", 1000) + line("procs_total", "NaN")) == {("lab", "c1"): {}}
    assert use_of("# EOF\n") == {}


def test_what_is_told_again_is_passed_over_once_asked():
    text = ['a{x="1"} 1', "b 2", 'a{x="2"} 3', 'a{x="1"} 4', "b 5"]
    assert [(sample.name, sample.value) for sample in samples(text, once=True)] == [("a", 1), ("b", 2), ("a", 3)]
    assert len(list(samples(text))) == 5

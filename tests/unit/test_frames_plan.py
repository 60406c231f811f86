"""The planner and what it stands on: columns by name and by path, dtypes, and the fewest requests; no server."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from lxdnb.frames import INSTANCE_COLUMNS, VIEWS
from lxdnb.frames._build import build
from lxdnb.frames._columns import Column, at, by_path, chosen
from lxdnb.frames._instances import INSTANCES
from lxdnb.frames._plan import plan
from lxdnb.frames._servers import marked


def requests(*columns: str, **options: object) -> list[tuple[str, str]]:
    return [(step.request, step.each) for step in plan(INSTANCES, columns, **options).steps()]


LIST = ("GET /1.0/instances?recursion=1", "")
STATES = ("GET /1.0/instances/{name}/state", "running instance")


def test_each_column_costs_what_it_must():
    assert requests("name") == requests("name", "project") == [("GET /1.0/instances", "")]
    assert requests("name", "status", "config.user.role", "pool") == [LIST]
    assert requests("name", "memory") == requests("memory", "ipv4", "state.network.eth0.mtu") == [LIST, STATES]
    assert requests("disk") == requests("memory", "state.disk.root.usage") == [("GET /1.0/instances?recursion=2", "")]
    assert requests("name", where="memory ne 0") == [LIST, STATES]
    assert requests("name", all_projects=True, extensions=["instance_all_projects"]) == [
        ("GET /1.0/instances?all-projects=true", "")
    ]


def test_conditions_of_the_list_decide_before_states_are_asked_for():
    made = plan(INSTANCES, ["name", "memory"], "status eq Running and memory ne 5")
    assert [str(part) for part in made.early] == ["status eq Running"]
    assert [str(part) for part in made.late] == ["memory ne 5"]
    assert (made.deciding, made.telling) == (("state",), ())
    made = plan(INSTANCES, ["name", "memory"], "status eq Running")
    assert (made.deciding, made.telling) == ((), ("state",))


def test_all_projects_show_whose_each_is():
    assert plan(INSTANCES, None, all_projects=True).columns[0].name == "project"
    assert "project" not in [column.name for column in plan(INSTANCES, None).columns]
    assert [column.name for column in plan(INSTANCES, ["name"], all_projects=True).columns] == ["name"]


def test_all_projects_are_one_list_where_the_server_has_it():
    images = VIEWS["images"]
    one = plan(images, ["os"], all_projects=True, extensions=["images_all_projects"])
    assert [step.request for step in one.steps()] == ["GET /1.0/images?recursion=1&all-projects=true"]
    several = plan(images, ["os"], all_projects=True, extensions=["instance_all_projects"])
    assert [step.request for step in several.steps()] == [
        "GET /1.0/projects?recursion=1",
        "GET /1.0/images?recursion=1&project=…",
    ]


def test_a_column_named_twice_is_one():
    assert [column.name for column in plan(INSTANCES, ["status", "name", "status"]).columns] == ["status", "name"]


def test_half_a_character_is_shown_as_one_that_is_not_known():
    frame = build("things", [Column("x")], [{"x": "a\ud800b"}, {"x": None}])
    assert frame["x"].tolist() == ["a\N{REPLACEMENT CHARACTER}b", pd.NA]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("config.user.role", "web"),
        ("config.user", None),
        ("devices.eth0.100.mtu", "1400"),
        ("devices.eth0.mtu", "1500"),
        ("state.network.eth0.counters.bytes_received", 7),
        ("state.network.eth1.counters.bytes_received", None),
        ("name", "c1"),
        ("name.first", None),
    ],
)
def test_paths_reach_keys_with_dots(path, value):
    record = {
        "name": "c1",
        "config": {"user.role": "web"},
        "devices": {"eth0": {"mtu": "1500"}, "eth0.100": {"mtu": "1400"}},
        "state": {"network": {"eth0": {"counters": {"bytes_received": 7}}}},
    }
    assert by_path(path)(record) == value == at(record, path.split("."))


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("memry", "did you mean 'memory'"),
        ("confg.user.role", "did you mean 'config.user.role'"),
        ("state.memory.usag", "did you mean 'state.memory.usage'"),
        ("state.network.eth0.hwadr", "did you mean 'state.network.eth0.hwaddr'"),
        ("xyzzy", "there are name, status"),
        ("config.", r"did you mean 'config\.\*' or 'config'"),
        ("devices.root", r"did you mean 'devices\.root\.\*'"),
    ],
)
def test_an_unknown_column_names_the_closest(wrong, hint):
    with pytest.raises(ValueError, match=f"there is no column or field '{wrong}' in instances: {hint}"):
        plan(INSTANCES, ["name", wrong])
    with pytest.raises(ValueError, match=hint):
        plan(INSTANCES, ["name"], f"{wrong} eq 1")


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("config.*", "write one in its place, or 'config' for all of them"),
        ("devices.*.source", "write one in its place, or 'devices' for all of them"),
        ("state.network.*.counters.bytes_sent", "write one in its place, or 'state.network' for all of them"),
        ("state.network.eth0.counters.*", "write one in its place$"),
    ],
)
def test_a_star_of_the_documentation_is_no_name(wrong, hint):
    with pytest.raises(ValueError, match=re.escape(f"* in '{wrong}' stands for a name: ") + hint):
        plan(INSTANCES, ["name", wrong])
    with pytest.raises(ValueError, match=hint):
        plan(INSTANCES, ["name"], f"{wrong} eq 1")


KINDS = {
    "string": "a",
    "Int64": 5,
    "Float64": 0.5,
    "boolean": True,
    "datetime": "2026-11-29T10:00:00.123456789Z",
    "category": "new",
    "tuple": ["a", "b"],
}


@pytest.mark.parametrize("dtype", KINDS)
def test_what_is_of_another_type_is_na_and_told(dtype):
    column = Column("x", dtype, categories=("known",))
    wrong = {"a": 1} if dtype != "string" else 5
    full = build("things", [column], [{"x": KINDS[dtype]}, {}, {"x": None}, {"x": wrong}])
    empty = build("things", [column], [])
    unnoticed = build("things", [column], [{"x": KINDS[dtype]}])
    assert full["x"].dtype == empty["x"].dtype or dtype == "category"
    assert marked(full)["words"] == [f"x: 1 value of another type, such as {wrong!r}"]
    assert marked(unnoticed)["words"] == []
    if dtype == "tuple":
        assert list(full["x"]) == [("a", "b"), (), (), ()]
    else:
        assert list(full["x"].isna()) == [False, True, True, True]
    if dtype == "category":
        assert list(full["x"].cat.categories) == ["known", "new"]
        assert list(empty["x"].cat.categories) == ["known"]
    if dtype == "datetime":
        assert full["x"][0] == pd.Timestamp(KINDS[dtype])


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, True, 1.5, "5", float("nan")])
def test_numbers_that_are_none(number):
    frame = build("things", [Column("x", "Int64")], [{"x": number}])
    assert frame["x"].isna().all()
    assert len(marked(frame)["words"]) == 1


TIMES = [
    "2026-02-03T04:05:06.123456789Z",
    "3026-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "1500-01-01T00:00:00Z",
    "now",
]


@pytest.mark.parametrize("time", TIMES[1:])
def test_times_that_no_column_can_hold_cost_their_cells_alone(time):
    frame = build("things", [Column("x", "datetime")], [{"x": TIMES[0]}, {"x": time}, {"x": "0001-01-01T00:00:00Z"}])
    assert str(frame["x"].dtype) == "datetime64[ns, UTC]"
    assert frame["x"][0] == pd.Timestamp(TIMES[0])
    assert list(frame["x"].isna()) == [False, True, True]
    words = marked(frame)["words"]
    assert words == [f"x: 1 value is no time from 1678 to 2262, such as {time!r}"]


def test_conditions_see_times_as_far_as_servers_tell_them():
    records = [{"fingerprint": str(number), "expires_at": time} for number, time in enumerate(TIMES)]
    made = plan(VIEWS["images"], ["fingerprint"], "expires_at gt 2300-01-01")
    assert [record["fingerprint"] for record in made.kept(made.early, records)] == ["1", "2"]
    made = plan(VIEWS["images"], ["fingerprint"], 'expires_at eq ""')
    assert [record["fingerprint"] for record in made.kept(made.early, records)] == ["4"]


@pytest.mark.parametrize(
    ("field", "wrong", "condition"),
    [("size", True, "gt 5"), ("size", "7", "gt 5"), ("aliases", [{"name": 5}], "eq 5"), ("public", 1, "eq true")],
)
def test_conditions_take_what_is_of_another_type_for_missing(field, wrong, condition):
    records = [{"fingerprint": "f", field: wrong}]
    made = plan(VIEWS["images"], ["fingerprint"], f"{field} {condition}")
    assert made.kept(made.early, records) == []
    missing = plan(VIEWS["images"], ["fingerprint"], f'{field} eq ""')
    assert missing.kept(missing.early, records) == records


def test_a_number_too_large_for_a_float_is_na():
    frame = build("things", [Column("x", "Float64")], [{"x": 10**400}, {"x": 1}, {"x": 1e308}])
    assert list(frame["x"].isna()) == [True, False, False]
    assert len(marked(frame)["words"]) == 1


def test_every_view_declares_its_keys_and_where_its_values_stand():
    for view in VIEWS.values():
        assert set(view.keys) <= set(view.columns), view.name
        for column in view.columns.values():
            assert set(column.needs) <= {*view.sources, "recursion=2"}, column.name
            assert column.read or column.source.split(".")[0], column.name
    assert list(INSTANCE_COLUMNS)[:2] == ["name", "status"]
    with pytest.raises(TypeError, match="list of names"):
        chosen("instances", INSTANCE_COLUMNS, {}, "name")

"""What changed between two frames: every change and no other, from frames of any origin."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lxdnb import frames
from lxdnb.frames._build import build
from lxdnb.frames._cells import kind_of
from lxdnb.frames._columns import chosen
from lxdnb.frames._views import VIEWS

NAMES = ["name", "project", "status", "created_at", "ephemeral", "cpu_limit", "cpu", "profiles", "description"]
BOX = {
    "name": "c1",
    "project": "default",
    "status": "Running",
    "created_at": "2026-11-29T14:59:41.485417574Z",
    "ephemeral": False,
    "profiles": ["default"],
    "description": "",
    "expanded_config": {"limits.cpu": "4"},
    "state": {"cpu": {"usage": 1_500_000_000}},
}


def frame(*records: dict[str, Any], columns: list[str] = NAMES, view: str = "instances", **mark: Any) -> pd.DataFrame:
    declared = VIEWS[view]
    made = build(view, chosen(view, declared.columns, declared.fields, columns), records)
    made.attrs["lxdnb"] = json.dumps(json.loads(made.attrs["lxdnb"]) | mark)
    return made


def several(told: dict[str, list[dict[str, Any]]], **mark: Any) -> pd.DataFrame:
    """A frame of several servers."""
    made = frame(*(record for records in told.values() for record in records), servers=dict.fromkeys(told, ""), **mark)
    made.insert(0, "server", pd.array([name for name, records in told.items() for _ in records], dtype="string"))
    return made


def box(name: str = "c1", **fields: Any) -> dict[str, Any]:
    return {**BOX, "name": name, **fields}


def cells(found: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Name, column, before and after of each cell, None for NA."""
    told = found[["name", "change", "column", "before", "after"]].astype(object)
    return [tuple(row) for row in told.where(told.notna(), None).itertuples(index=False)]


def words(found: pd.DataFrame) -> str:
    return "\n".join(json.loads(found.attrs["lxdnb"])["words"])


def test_each_dtype_is_told_exactly():
    after = box(
        status="Stopped",
        created_at="2026-11-29T14:59:41.485417575Z",
        ephemeral=True,
        profiles=["default", "a,b"],
        description='"é"\n',
        expanded_config={"limits.cpu": "8"},
        state={"cpu": {"usage": 2_250_000_000}},
    )
    found = frames.diff(frame(box()), frame(after), NAMES[2:])
    assert cells(found) == [
        ("c1", "changed", "status", "Running", "Stopped"),
        (
            "c1",
            "changed",
            "created_at",
            "2026-11-29T14:59:41.485417574+00:00",
            "2026-11-29T14:59:41.485417575+00:00",
        ),
        ("c1", "changed", "ephemeral", "false", "true"),
        ("c1", "changed", "cpu_limit", "4", "8"),
        ("c1", "changed", "cpu", "1.5", None),  # a stopped one's
        ("c1", "changed", "profiles", '["default"]', '["default", "a,b"]'),
        ("c1", "changed", "description", "", '"é"\n'),
    ]
    dtypes = {"project": "string", "name": "string", "change": "category"} | dict.fromkeys(
        ("column", "before", "after"), "string"
    )
    assert {name: str(dtype) for name, dtype in found.dtypes.items()} == dtypes
    assert list(found["change"].cat.categories) == ["added", "removed", "changed"]
    nothing = frames.diff(frame(), frame())
    assert {name: str(dtype) for name, dtype in nothing.dtypes.items()} == dtypes
    assert json.loads(nothing.attrs["lxdnb"])["view"] == "diff"


def test_a_row_that_came_or_went_is_one_row():
    found = frames.diff(frame(box("b"), box("c")), frame(box("c"), box("a")))
    assert cells(found) == [("a", "added", None, None, None), ("b", "removed", None, None, None)]


def test_what_is_another_at_every_look_is_left_out_unless_named():
    before, after = frame(box()), frame(box(state={"cpu": {"usage": 0}}, description="d"))
    assert [cell[2] for cell in cells(frames.diff(before, after))] == ["description"]
    assert [cell[2] for cell in cells(frames.diff(before, after, ["cpu"]))] == ["cpu"]
    assert len(frames.diff(before, after, ignore=["description"])) == 0
    assert len(frames.diff(before, after, ["cpu", "description"], ignore=["cpu", "description"])) == 0
    counter, limit = "state.network.eth0.counters.bytes_sent", "memory_limit"
    looks = [
        frame(
            box(
                expanded_config={"limits.memory": f"{size}MiB"},
                state={"network": {"eth0": {"counters": {"bytes_sent": size}}}},
            ),
            columns=["name", counter, limit],
        )
        for size in (1, 2)
    ]
    assert cells(frames.diff(*looks)) == [("c1", "changed", limit, "1048576", "2097152")]


def test_pools_are_known_by_their_name():
    looks = [
        frame(
            {"name": "p", "driver": driver, "resources": {"space": {"used": used}}},
            columns=["name", "driver", "used"],
            view="pools",
        )
        for driver, used in (("dir", 1), ("zfs", 2))
    ]
    found = frames.diff(*looks)
    assert list(found.columns) == ["name", "change", "column", "before", "after"]
    assert cells(found) == [("p", "changed", "driver", "dir", "zfs")]


def test_missing_is_missing_however_it_is_kept():
    before = frame(box(description=None, created_at=None, expanded_config={}, profiles=[], ephemeral=None))
    after = before.copy()
    after["profiles"] = None  # what parquet makes of a column of empty lists
    after["description"] = pd.Series([None], dtype="str")
    after["cpu_limit"] = pd.Series([np.nan], dtype="float64")
    after["ephemeral"] = pd.Series([None], dtype=object)
    assert len(frames.diff(before, after, NAMES[2:])) == 0
    assert len(frames.diff(after, before, NAMES[2:])) == 0


@pytest.mark.parametrize("kept", ["parquet", "pickle", "str", "object"])
def test_a_frame_that_was_kept_is_as_new(kept):
    records = [box(), box("c2", profiles=[], created_at=None, status="Peculiar"), box("c3", profiles=["b", "a"])]
    before, after = frame(*records), frame(*records, box("c4"))
    if kept == "parquet":
        file = io.BytesIO()
        before.to_parquet(file)
        before = pd.read_parquet(file)
        assert isinstance(before.loc[0, "profiles"], np.ndarray)
    elif kept == "pickle":
        file = io.BytesIO()
        before.to_pickle(file)
        file.seek(0)
        before = pd.read_pickle(file)
    else:
        before = before.astype(dict.fromkeys(("name", "project", "status", "description"), kept))
    for one, other in ((before, after), (after, before)):
        found = frames.diff(one, other, NAMES[2:])
        assert [(cell[0], cell[2]) for cell in cells(found)] == [("c4", None)]


def test_a_time_of_another_unit_is_the_same_time():
    before = frame(box(created_at="2026-11-29T14:59:41.485Z"))
    after = before.assign(created_at=before["created_at"].dt.as_unit("ms"))
    assert len(frames.diff(before, after)) == 0
    assert len(frames.diff(before, after.assign(created_at=after["created_at"].dt.tz_convert("Asia/Tokyo")))) == 0


def test_keys_may_be_missing():
    def measured(*devices: str | None) -> pd.DataFrame:
        columns = ["project", "name", "metric", "device", "cpu", "mode"]
        labels = [{"name": "c1"} | ({"device": device} if device else {}) for device in devices]
        return frame(*({"metric": "m", "labels": each} for each in labels), columns=columns, view="metrics")

    found = frames.diff(measured(), measured(None, "sdb", "sda"))
    assert list(found["device"].fillna("none")) == ["sda", "sdb", "none"]
    assert len(frames.diff(measured("sda", None), measured(None, "sda"))) == 0


def test_a_column_of_ones_own_is_compared():
    before = frame(box()).assign(owner="ann")
    assert cells(frames.diff(before, before.assign(owner="bob"))) == [("c1", "changed", "owner", "ann", "bob")]


def test_what_one_frame_alone_has_is_told():
    few = frame(box(), columns=["name", "description"])
    found = frames.diff(few, frame(box(description="d")))
    assert cells(found) == [("c1", "changed", "description", "", "d")]
    assert "status: not compared, for only after has it" in words(found)
    assert "project: not compared, for only after has it" in words(found)
    assert words(frames.diff(few, few)) == ""
    with pytest.raises(ValueError, match="no column 'status' to compare: there is 'description' alone"):
        frames.diff(few, frame(box()), ["status"])


def test_a_server_that_was_not_asked_has_lost_nothing():
    before = several({"a": [box()], "b": [box()], "c": [box()]})
    after = several({"a": [box(description="d")], "b": []}, failed={"b": "it is not running"})
    found = frames.diff(before, after)
    assert list(found.columns[:3]) == ["server", "project", "name"]
    assert [(row.server, row.column) for row in found.itertuples()] == [("a", "description")]
    assert "b: not compared, for it could not be asked after: it is not running" in words(found)
    assert "c: not compared, for only before asked it" in words(found)
    assert json.loads(found.attrs["lxdnb"])["failed"] == {"after: b": "it is not running"}
    assert [row.server for row in frames.diff(after, before).itertuples()] == ["a"]


@pytest.mark.parametrize("servers", [False, True])
def test_a_state_that_could_not_be_told_is_no_change(servers: bool):
    columns = ["name", "status", "state.network.eth0.hwaddr"]
    reached = box(state={"network": {"eth0": {"hwaddr": "00:16:3e:00:00:01"}}})
    untold = {"s: instances/c1/state" if servers else "instances/c1/state": "no time left"}
    looks = [
        frame(reached, {**reached, "name": "c2"}, columns=columns),
        frame(box(status="Frozen", state=None), box("c2", state=None), columns=columns, failed=untold),
    ]
    if servers:
        for look in looks:
            look.insert(0, "server", pd.array(["s"] * 2, dtype="string"))
            look.attrs["lxdnb"] = json.dumps(json.loads(look.attrs["lxdnb"]) | {"servers": {"s": ""}})
    found = frames.diff(*looks)
    assert [cell[:3] for cell in cells(found)] == [
        ("c1", "changed", "status"),
        ("c2", "changed", "state.network.eth0.hwaddr"),
    ]


def test_what_a_whole_source_did_not_tell_is_no_change():
    columns = ["name", "status", "memory_limit"]
    half = box(expanded_config={"limits.memory": "50%"}, host_memory=100)
    before = frame(half, columns=columns)
    after = frame({**half, "status": "Stopped", "host_memory": None}, columns=columns, failed={"resources": "gone"})
    assert [cell[2] for cell in cells(frames.diff(before, after))] == ["status"]
    assert cells(frames.diff(before, frame(columns=columns, failed={"resources": "gone"})))[0][1] == "removed"


def test_parts_of_what_did_not_tell_them_are_not_gone():
    def volumes(*pools: str, **mark: Any) -> pd.DataFrame:
        records = [{"pool": pool, "type": "custom", "name": "v", "project": "default"} for pool in pools]
        return frame(*records, columns=["pool", "type", "name", "project"], view="volumes", **mark)

    untold = volumes(failed={"storage-pools/fast/volumes": "no time left"})
    found = frames.diff(volumes("fast", "slow"), untold)
    assert list(found[["pool", "change"]].itertuples(index=False, name=None)) == [("slow", "removed")]
    assert "1 row that one frame alone has is left out" in words(found)
    back = frames.diff(untold, volumes("fast", "slow"))
    assert list(back[["pool", "change"]].itertuples(index=False, name=None)) == [("slow", "added")]
    elsewhere = {"storage-pools/fast/volumes of project lab": "no time left"}
    assert len(frames.diff(volumes("fast"), volumes(failed=elsewhere))) == 0
    assert len(frames.diff(volumes("fast"), volumes(failed={"member n1": "away"}))) == 0


def test_rows_that_are_not_known_apart():
    twice = frame(box(), box(project="lab"))
    assert len(frames.diff(twice, twice)) == 0
    with pytest.raises(ValueError, match=r"before has two rows of name 'c1'.*in both frames ask for 'project' too"):
        frames.diff(twice.drop(columns="project"), twice)
    volume = {"pool": "default", "type": "custom", "name": "v"}
    volumes = frame(volume, volume, columns=["pool", "type", "name"], view="volumes")
    with pytest.raises(ValueError, match="in both frames ask for 'project', 'location' too"):
        frames.diff(volumes, volumes)
    assert len(frames.diff(volumes[:1], volumes[:0])) == 1
    with pytest.raises(ValueError, match="after has two rows of project 'lab', name 'c1'"):
        frames.diff(twice, frame(box(project="lab"), box(project="lab")))


def test_frames_that_do_not_go_together():
    own = frame(box())
    pool = frame({"name": "p"}, columns=["name"], view="pools")
    with pytest.raises(ValueError, match="before is a frame of instances, after of pools"):
        frames.diff(own, pool)
    with pytest.raises(ValueError, match="after is no frame of lxdnb's"):
        frames.diff(own, pd.DataFrame({"name": ["c1"]}))
    with pytest.raises(ValueError, match="before is a frame of diff"):
        frames.diff(frames.diff(own, own), own)
    with pytest.raises(TypeError, match="before is a frame, as"):
        frames.diff([own], own)
    with pytest.raises(ValueError, match="after has no column 'name', by which the rows of instances are known"):
        frames.diff(own, own.set_index("name"))
    with pytest.raises(ValueError, match="before has no column 'server'"):
        frames.diff(own, several({"a": []}))
    two = pd.concat([own, own], axis=1)
    two.attrs = own.attrs
    with pytest.raises(ValueError, match="two columns of one name"):
        frames.diff(two, own)
    with pytest.raises(TypeError, match=r"'cpu_limit' is Int64 before and string after: .*ignore=\['cpu_limit'\]"):
        frames.diff(own, own.assign(cpu_limit=own["cpu_limit"].astype("string")))
    with pytest.raises(TypeError, match=r"before has timedelta64.* in 'description'"):
        frames.diff(own.assign(description=pd.Timedelta(1)), own)
    with pytest.raises(TypeError, match="columns is a list of names"):
        frames.diff(own, own, "status")
    with pytest.raises(ValueError, match="no column 'descripton' to compare: did you mean 'description'"):
        frames.diff(own, own, ignore=["descripton"])
    with pytest.raises(ValueError, match=f"there are {', '.join(own.columns)}$"):
        frames.diff(own, own, ignore=["xyzzy"])


def test_frames_of_other_projects_do_not_go_together():
    bare = ["name", "status"]
    one, lab = frame(box(), columns=bare, projects={"": "default"}), frame(columns=bare, projects={"": "lab"})
    every = frame(box(), box("c2", project="lab"), all_projects=True)
    with pytest.raises(ValueError, match="before is of the project 'default', after of 'lab': frames of one project"):
        frames.diff(one, lab)
    with pytest.raises(ValueError, match="before is of all projects, after of one: ask for both in the same way"):
        frames.diff(every, one)
    with pytest.raises(ValueError, match="after is of all projects, before of one"):
        frames.diff(one, every)
    # With the column in both, each row says whose it is.
    assert cells(frames.diff(frame(box(), projects={"": "default"}), every)) == [("c2", "added", None, None, None)]


def test_the_client_is_found_again_by_what_changed():
    clients = {"": "b1946ac92492d2347c6235b4d2611184"}
    found = frames.diff(frame(box()), frame(box(), clients=clients, servers={"": "/unix.socket"}))
    assert json.loads(found.attrs["lxdnb"])["clients"] == clients
    assert json.loads(found.attrs["lxdnb"])["servers"] == {"": "/unix.socket"}


RECORDS = st.dictionaries(
    st.sampled_from([(project, name) for project in ("default", "lab") for name in ("a", "b", "c")]),
    st.fixed_dictionaries(
        {
            "status": st.sampled_from(["Running", "Stopped", "Odd", None]),
            "created_at": st.sampled_from(["2026-01-01T00:00:00.000000001Z", "2026-01-01T00:00:00Z", None]),
            "ephemeral": st.sampled_from([True, False, None]),
            "profiles": st.lists(st.text(max_size=2), max_size=2),
            "description": st.one_of(st.none(), st.text(max_size=3)),
        }
    ),
)
READ = {  # how the text of each column is read again
    "status": str,
    "created_at": lambda text: text.replace("+00:00", "Z"),
    "ephemeral": json.loads,
    "profiles": json.loads,
    "description": str,
}


@given(RECORDS, RECORDS)
def test_what_changed_turns_the_one_into_the_other(before, after):
    columns = ["name", "project", *READ]
    one, other = (
        frame(*({**fields, "project": key[0], "name": key[1]} for key, fields in records.items()), columns=columns)
        for records in (before, after)
    )
    assert len(frames.diff(one, one)) == len(frames.diff(other, other.sample(frac=1))) == 0
    patched = {key: dict(fields) for key, fields in before.items()}
    found = frames.diff(one, other)
    for row in found.itertuples():
        key = (row.project, row.name)
        if row.change == "removed":
            del patched[key]
        elif row.change == "added":
            assert key not in patched
            patched[key] = dict(after[key])
        else:
            held = patched[key][row.column]
            assert held == (None if pd.isna(row.before) else READ[row.column](row.before))
            patched[key][row.column] = None if pd.isna(row.after) else READ[row.column](row.after)
    assert patched == after
    # Nothing is told that is none.
    assert len(found) == sum(
        sum(before[key][name] != after[key][name] for name in READ) if key in before and key in after else 1
        for key in {*before, *after}
    )


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT])
def test_a_kind_is_that_of_what_is_not_missing(missing):
    assert kind_of(pd.Series([missing, "x"], dtype=object)) == "text"
    assert kind_of(pd.Series([("a",), missing], dtype=object)) == "list"
    assert kind_of(pd.Series([missing, missing], dtype=object)) == "nothing"
    assert kind_of(pd.Series([missing, 1.5], dtype=object)) is None

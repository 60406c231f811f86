"""What is sent as a filter, held to what each server makes of it: the very rows that belong, by its own command line.

The expected rows are picked in the test, from all that the server lists without a filter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import lxdnb
from lxdnb import frames
from lxdnb.frames._fetch import frame_of
from lxdnb.frames._filter import Comparison, conjuncts, parse
from lxdnb.frames._sent import RIGHT, sent
from lxdnb.frames._views import VIEWS
from tests.bridges import a_bridge

Record = dict[str, Any]
TEXTS = ["web", "web.*", "web server", "two words", "a.+", ".", ".*", "k", "s", "i", "c?1", "not", r"<b>f\.1</b>"]
CONFIG = [
    {"user.role": "web", "limits.memory": "1GiB", "user.Role": "a1", "user.a-b": "c1"},
    {"user.role": "WEB", "user.sign": "\u212a", "user.a/b:c@d": "a/b:c@d,e~f=g-h_i"},
    {"user.role": "web server", "user.sign": "ſ"},
    {"user.sign": "İ", "user.role": "l1\nl2"},
    {"user.sign": "ı", "user.role": "not"},
]
DESCRIPTIONS = ["two words", "", "İ", "l1\nl2", "<b>f.1</b>"]


@pytest.fixture(scope="module")
def filled(daemon):
    """Things of every kind that differ in all that they can be filtered by, and a client of their server."""
    client = lxdnb.Client(str(daemon.socket))
    for number, (config, description) in enumerate(zip(CONFIG, DESCRIPTIONS, strict=True)):
        body = {"config": config, "description": description}
        own = {key: value for key, value in config.items() if key.startswith("user.")}
        client.api.profiles.post(json={"name": f"p{number}", **body})
        client.api.projects.post(json={"name": f"lab{number}", "description": description, "config": own})
        daemon.cli("init", "busybox", f"c{number}", *(["--ephemeral"] if number == 2 else []))
        client.api.instances[f"c{number}"].patch(json=body)
    daemon.cli("start", "c0", "c2")
    client.api.storage_pools.post(json={"name": "web", "driver": "dir", "description": "two words"})
    daemon.cli("publish", "c1", "--alias", "made", "--public", "os=web", "Release=two words")
    client.api.images[client.images.get_by_alias("made").fingerprint].patch(json={"auto_update": True})
    yield client
    client.close()
    daemon.clear()
    daemon.cli("storage", "delete", "web")


@pytest.fixture
def bridged(filled, collection):
    """The names of the networks to look at, of which one is made here: others of the machine come and go."""
    if collection != "networks":
        yield set[str]()
        return
    bridge = a_bridge()
    body = {"config": {**bridge.plain, **CONFIG[0]}, "description": "two words"}
    body["config"] = {key: value for key, value in body["config"].items() if not key.startswith("limits.")}
    filled.api.networks.post(json={"name": bridge.name, **body})
    yield {"lo", bridge.name}
    filled.networks.get(bridge.name).delete(wait=True)


def listed(client: lxdnb.Client, collection: str, filter: str | None = None, recursion: int = 1) -> list[Record]:
    params = {"recursion": recursion} | ({} if filter is None else {"filter": filter})
    return client.api[collection].get(params=params).json()["metadata"] or []


def value(record: Record, field: str) -> str:
    """Return the value of a field as texts are compared, empty where there is none."""
    if "." in field:
        start, key = field.split(".", 1)
        return (record[start] or {}).get(key, "")
    found = record[field]
    return str(found).lower() if isinstance(found, bool) else found


def belongs(record: Record, comparison: Comparison) -> bool:
    text = value(record, comparison.field)
    # Of re, a dotted and a dotless i are an i as well; to no server they are.
    text = text.replace("İ", "_").replace("ı", "_")
    return bool(re.fullmatch(comparison.value, text, re.IGNORECASE)) == (comparison.operator == "eq")


def key(record: Record) -> str:
    return record.get("name") or record["fingerprint"]


def comparisons(flavour: str, collection: str, everything: list[Record]) -> Iterator[Comparison]:
    """Yield what the table says is right, for each field with the values that are there and some that are not."""
    for field, kind in RIGHT[flavour, collection].items():
        names = [field]
        if field.endswith(".*"):
            start = field.removesuffix(".*")
            there = {key for record in everything for key in record[start] or {}}
            names = [f"{start}.{key}" for key in sorted(there) if not key.startswith("volatile.")]
            names.append(f"{start}.user.nobody")
        for name in names:
            own = sorted({value(record, name) for record in everything})
            texts = [*own, own[-1].upper(), *(TEXTS[:3] if names[1:] else TEXTS)]
            texts = ["true", "False"] if kind == "boolean" else texts
            yield from (Comparison(name, operator, text) for text in texts for operator in ("eq", "ne"))


@pytest.mark.parametrize("collection", sorted({collection for _, collection in RIGHT}))
def test_the_server_gives_the_rows_that_belong(filled, daemon, bridged, flavour, collection):
    ours = [each for each in daemon.query(f"/1.0/{collection}?recursion=1") if not bridged or each["name"] in bridged]
    assert len(ours) > 1
    if (flavour, collection) not in RIGHT:
        assert sent(conjuncts(parse("name eq c1 and description eq x")), flavour, collection) is None
        return
    split: set[str] = set()
    for comparison in comparisons(flavour, collection, ours):
        filter = sent([comparison], flavour, collection)
        if filter is None:
            continue  # by a value that the two may not read alike
        rows = {key(record) for record in listed(filled, collection, filter)} & {key(record) for record in ours}
        assert rows == {key(record) for record in ours if belongs(record, comparison)}, filter
        split |= {comparison.field} if 0 < len(rows) < len(ours) else set()
    fields = {field.removesuffix(".*") for field in RIGHT[flavour, collection]}
    assert {name.split(".")[0] for name in split} >= fields - ALIKE[collection]


ALIKE = {
    "images": {"architecture", "type", "project", "cached", "filename"},
    "instances": {"architecture", "type", "project", "location", "stateful"},
    "networks": set(),
    "profiles": set(),
    "projects": set(),
    "storage-pools": {"driver", "status"},
}
"""What is the same for all on one machine without virtual machines; of other fields each must tell some from others."""


def role(record: Record) -> str:
    return record["config"].get("user.role", "")


CONDITIONS: dict[str, Callable[[Record], bool]] = {
    "status eq running and config.user.role eq web": lambda c: c["status"] == "Running" and role(c) in ("web", "WEB"),
    "name eq c0 or name eq c2 and not status eq Running": lambda c: c["name"] == "c0",
    "(name eq c0 or name eq c1) and status eq Stopped and (name eq c1 or name eq c2)": lambda c: c["name"] == "c1",
    "status eq Stopped and (name eq c0 or config.user.role ne web)": lambda c: c["name"] in ("c3", "c4"),
    "not (status eq Running and config.user.role eq web)": lambda c: c["name"] != "c0",
    "not (name eq c0 or name eq c1 or config.user.role eq 'web server')": lambda c: c["name"] in ("c3", "c4"),
    "config.user.role eq '(web|not)'": lambda c: role(c).lower() in ("web", "not"),
    "config.user.role eq ^web": lambda c: role(c).lower().startswith("web"),
    "ephemeral eq true": lambda c: c["ephemeral"],
    "not ephemeral eq false and status eq Running": lambda c: c["name"] == "c2",
    "description eq ''": lambda c: not c["description"],
    'description ne "two words" and name ne c4': lambda c: c["name"] in ("c1", "c2", "c3"),
    "created_at gt 2020-01-01 and name eq c3": lambda c: c["name"] == "c3",
    "created_at gt now-1d and created_at lt now+1h": lambda c: True,
    "created_at le now-1d or name eq c3": lambda c: c["name"] == "c3",
    "config.limits.memory ge 512MiB": lambda c: "limits.memory" in c["config"],
    "memory_limit gt 512MiB": lambda c: "limits.memory" in c["config"],
    "image eq .+ and name eq c1": lambda c: c["name"] == "c1",
    "status eq Running or created_at lt 2020-01-01": lambda c: c["status"] == "Running",
    "profiles eq default and name eq c2": lambda c: c["name"] == "c2",
    "config.user.sign eq k or config.user.sign eq s": lambda c: c["name"] in ("c1", "c2"),
    "config.user.sign eq i": lambda c: False,
    "config.user.sign ne i and type eq container and project eq default and location eq none": lambda c: True,
    "expanded_config.user.nobody eq x": lambda c: False,
    "expanded_config.user.nobody ne x": lambda c: True,
}


@pytest.mark.parametrize("columns", [["name"], ["name", "snapshots"]], ids=["a list", "all of it"])
def test_a_frame_has_the_rows_that_belong(filled, daemon, columns):
    told = json.loads(daemon.cli("list", "--format", "json"))
    for where, belonging in CONDITIONS.items():
        frame = frames.instances(filled, columns, where=where)
        assert list(frame["name"]) == [record["name"] for record in told if belonging(record)], where


def test_what_is_sent_is_told(filled, flavour):
    requests = frames.explain(filled, ["name"], where="ephemeral eq true and (name eq c1) and name gt 1")["request"]
    also = " and ephemeral eq true" if flavour == "incus" else ""
    assert sorted(requests[0].partition("filter=")[2].split(" and ")) == sorted(f"name eq c1{also}".split(" and "))


CHANGING = {"networks", "leases", "metrics", "operations", "warnings"}
"""What other processes of the machine make comes and goes in these, and operations and warnings by themselves; and not
all that is measured is there each time."""


@pytest.mark.parametrize("view", sorted(VIEWS.keys() - CHANGING))
def test_a_condition_on_any_column_picks_what_pandas_picks(filled, view):
    filled.instances.get("c1").snapshots.create("s1", wait=True)
    declared = VIEWS[view].columns
    try:
        everything = frame_of(VIEWS[view], filled, list(declared), None)
        keys = [*VIEWS[view].keys]
        tried = 0
        for name, column in declared.items():
            known = everything[name].dropna()
            if column.is_measured or known.empty:
                continue
            first = known.iloc[0]
            if column.dtype in ("string", "category"):
                text = str(first) if re.fullmatch("[A-Za-z0-9_.-]+", str(first)) else re.escape(str(first))
                where, picked = f"{name} eq '{text}'", everything[name].astype("string").str.fullmatch(text, case=False)
            elif column.dtype == "boolean":
                where, picked = f"{name} eq {str(first).lower()}", everything[name] == first
            elif column.dtype == "datetime":
                where, picked = f"{name} le {known.min().isoformat()}", everything[name] <= known.min()
            elif column.dtype == "tuple":
                continue
            else:
                where, picked = f"{name} ge {known.median()}", everything[name] >= known.median()
            for text, mask in ((where, picked.fillna(False)), (f"not {where}", ~picked.fillna(False))):
                frame = frame_of(VIEWS[view], filled, keys, text)
                expected = everything.loc[mask.astype(bool), keys].reset_index(drop=True)
                # In any order: Incus tells images in another one each time.
                got, wanted = (sorted(map(str, each.itertuples(index=False))) for each in (frame, expected))
                assert got == wanted, text
                tried += 1
        assert tried or everything.empty  # as members are on a server that stands alone
    finally:
        filled.instances.get("c1").snapshots.get("s1").delete(wait=True)

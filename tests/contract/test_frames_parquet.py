"""Frames of servers in parquet files: what comes back is what went, and is shown the same."""

from __future__ import annotations

import subprocess
import sys

import pandas as pd
import pytest

from lxdnb import frames
from lxdnb.frames._views import VIEWS


@pytest.fixture
def some(server):
    server.cli("launch", "busybox", "p-run", "-c", "limits.memory=50%", "-c", "user.note=a\tb")
    server.cli("init", "busybox", "p-idle")
    server.cli("snapshot", *(["create"] if "incus" in server.flavour else []), "p-idle", "first")


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_comes_back_unchanged(client, some, view, tmp_path):
    columns = list(VIEWS[view].columns)
    for clients, rows in ((client, None), ({"a": client, "b": client}, None), (client, 0)):
        frame = getattr(frames, view)(clients, columns)
        frame = frame if rows is None else frame.head(rows)
        frames.to_parquet(frame, tmp_path / "frame.parquet")
        back = frames.read_parquet(tmp_path / "frame.parquet")
        pd.testing.assert_frame_equal(back, frame)
        assert back.attrs == frame.attrs
        assert [list(map(type, row)) for row in back.values] == [list(map(type, row)) for row in frame.values]


def test_another_process_shows_it_the_same(client, some, tmp_path):
    path = tmp_path / "frame.parquet"
    frame = frames.instances(client, ["name", "status", "memory_limit", "config.user.note", "profiles"])
    frames.to_parquet(frame, path)
    script = f"from lxdnb import frames; print(frames.text(frames.read_parquet({str(path)!r}), 200))"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines() == frames.text(frame, 200).splitlines()
    assert "a␉b" in told.stdout

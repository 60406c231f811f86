"""`lxc` and `incus` at work, and each line of what they say as it was on a real server (tests/transcripts.py)."""

from __future__ import annotations

import pytest

from tests import daemons, transcripts
from tests.on_sandbox import SANDBOXES
from tests.transcripts import Step
from tests.watcher import ask


@pytest.mark.parametrize("name", transcripts.names("lxd"))
def test_what_is_typed_is_answered_as_by_a_real_server(server: daemons.Daemon, server_kind: str, name: str) -> None:
    if reason := transcripts.missing(server.flavour):
        pytest.skip(reason)
    steps = [each for each in transcripts.read(server.flavour, name) if isinstance(each, Step)]
    trusted = server.query("/1.0/certificates")
    try:
        played = transcripts.play(server, steps, patience=0 if server_kind in SANDBOXES else transcripts.PATIENCE)
        assert [step.text() for step in played] == [step.text() for step in steps]
    finally:
        for url in {*server.query("/1.0/certificates")} - {*trusted}:
            ask(server.socket, "DELETE", url)


def test_both_programs_have_the_same_transcripts() -> None:
    assert transcripts.names("lxd") == transcripts.names("incus") != []


def test_a_transcript_is_read_as_it_was_written() -> None:
    parts = transcripts.read("lxd", "profiles")
    text = "\n".join(each.text() if isinstance(each, Step) else each for each in parts)
    assert f"{text}\n" == (transcripts.FOLDER / "lxd" / "profiles.txt").read_text()
    assert Step("lxc profile create p1", ["Profile p1 created"]) in parts


def test_what_varies_by_nature_is_alike_and_nothing_else() -> None:
    alike = transcripts.Likener({"/tmp/x": "$HERE"}).lines
    hashes = "0a" * 32
    assert alike(f"{hashes} is {hashes[:12]}, not {'1b' * 32}, in /tmp/x\n") == [
        "HASH-1 is HASH-1, not HASH-2, in $HERE"
    ]
    assert alike("limits.memory: 64MiB, size 1.05MiB at 2026/11/29 10:55 UTC, never 0001-01-01T00:00:00Z\n") == [
        "limits.memory: 64MiB, size SIZE at TIME, never 0001-01-01T00:00:00Z"
    ]
    assert alike("\rImage: 4%\r          \rdone\n\n| c1   |     |\n") == ["done", "| c1 | |"]

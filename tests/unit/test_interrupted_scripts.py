"""Ctrl-C in a script whose server has fallen silent: the script ends, and waits for no answer."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

import lxdnb
from lxdnb.sandbox import Sandbox
from lxdnb.sandbox.faults import Fault
from tests.eventually import eventually

SCRIPT = """
import sys
import lxdnb
from lxdnb import frames

one, two = (lxdnb.Client(sys.argv[1]) for _ in range(2))
{}
"""
ASKS = {
    "the state of each": ("GET /1.0/instances/.*/state", "frames.instances(one, ['name', 'memory'])"),
    "each of two servers": ("GET /1.0/instances", "frames.instances({'one': one, 'two': two}, ['name', 'status'])"),
    "a delete of many": ("DELETE /1.0/instances/.*", "one.instances.delete(['c1', 'c2', 'c3'], force=True)"),
}


@pytest.mark.parametrize(("request_", "line"), ASKS.values(), ids=ASKS)
def test_an_interrupted_script_ends(request_, line):
    with Sandbox() as sandbox:
        client = lxdnb.Client(sandbox.endpoint)
        for name in ("c1", "c2", "c3"):
            client.launch("busybox", name)
        client.close()
        sandbox.faults.add(Fault(request_, "delay", 600, times=2))
        script = subprocess.Popen(
            [sys.executable, "-c", SCRIPT.format(line), sandbox.endpoint], stderr=subprocess.PIPE, text=True
        )
        try:
            eventually(lambda: not [*sandbox.faults], 60)
            script.send_signal(signal.SIGINT)
            _, said = script.communicate(timeout=60)
        finally:
            script.kill()
            script.wait()
    assert said.splitlines()[-1] == "KeyboardInterrupt"

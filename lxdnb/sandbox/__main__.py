"""`python -m lxdnb.sandbox`: a simulated server on a socket of its own, until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import json
import queue
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from lxdnb.sandbox import Sandbox
from lxdnb.sandbox.faults import FAULTS, Fault
from lxdnb.sandbox.flavours import FLAVOURS

_LOOK = 1.0  # seconds
_SIGNALS = {"SIGINT": "end", "SIGTERM": "end", "SIGUSR1": "stop", "SIGUSR2": "kill"}
"""What they have it do; after `stop` or `kill` either of these two has it answer again."""
_FAULT_HELP = f"""a request that goes wrong, as {{"request": "GET /1.0/instances.*", "fault": "delay", "amount": 2}};
faults are {", ".join(FAULTS)}; while it runs they are POSTed to /sandbox/faults, and DELETEd"""


def _fault(text: str) -> Fault:
    try:
        return Fault.from_record(json.loads(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _next(heard: queue.SimpleQueue[str]) -> str:
    """Return the next word that a signal has brought."""
    while True:
        with contextlib.suppress(queue.Empty):
            return heard.get(timeout=_LOOK)  # Windows lets no signal in while it waits


def main(arguments: Sequence[str] | None = None, prog: str = "python -m lxdnb.sandbox") -> int:
    """Run one as a command line asks for it, and return its exit code."""
    parser = argparse.ArgumentParser(prog=prog, description="A simulated server on a socket of its own, until Ctrl-C.")
    parser.add_argument("--socket", type=Path, help="where to listen: DIR/unix.socket, for LXD_DIR=DIR")
    parser.add_argument(
        "--http", metavar="ADDRESS", help="where to listen for this machine without TLS: 127.0.0.1:8442"
    )
    parser.add_argument("--https", metavar="ADDRESS", help="where to listen by TLS as well: 127.0.0.1:8443")
    parser.add_argument("--flavour", choices=FLAVOURS, default="lxd", help="which server to be (lxd)")
    parser.add_argument("--cluster", type=int, default=1, metavar="N", help="be a cluster of N members: n1, n2 …")
    parser.add_argument("--bridge", action="store_true", help="have a bridge, and addresses for the instances")
    parser.add_argument("--instances", type=int, default=0, metavar="N", help="how many are there already (0)")
    parser.add_argument("--seed", type=int, default=0, help="settles all that is left to chance (0)")
    parser.add_argument("--fault", type=_fault, action="append", default=[], metavar="JSON", help=_FAULT_HELP)
    chosen = parser.parse_args(arguments)
    if not chosen.socket and not chosen.http:
        parser.error("say where to listen: --socket DIR/unix.socket, or --http 127.0.0.1:8442 without unix sockets")
    try:
        if chosen.socket:
            chosen.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sandbox = Sandbox(
            chosen.flavour,
            socket=chosen.socket,
            http=chosen.http,
            https=chosen.https,
            instances=chosen.instances,
            seed=chosen.seed,
            members=chosen.cluster,
            bridge=chosen.bridge,
        )
    except ValueError as error:
        parser.error(str(error))
    except OSError as error:
        print(f"The sandbox cannot listen: {error}", file=sys.stderr)
        return 1
    for fault in chosen.fault:
        sandbox.faults.add(fault)
    heard: queue.SimpleQueue[str] = queue.SimpleQueue()
    for name, word in _SIGNALS.items():
        if number := getattr(signal, name, None):  # Windows has but two of them
            signal.signal(number, lambda *_, word=word: heard.put(word))
    with sandbox:
        flavour = sandbox.host.flavour
        places = [each for each in (sandbox.socket, sandbox.http_endpoint, sandbox.https_endpoint) if each]
        print(f"A simulated {flavour.title} {flavour.version} at {' and '.join(map(str, places))}", flush=True)
        for name, endpoint in sandbox.endpoints.items() if chosen.cluster > 1 else ():
            print(f"{name} of the cluster at {endpoint} and {sandbox.https_endpoints[name]}", flush=True)
        away = False
        while (word := _next(heard)) != "end":
            if away:
                sandbox.start()
            else:
                sandbox.stop(kill=word == "kill")
            away = not away
    return 0


if __name__ == "__main__":
    sys.exit(main())

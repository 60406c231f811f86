"""What a server is asked for when a command is to run: checked here, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

from lxdnb import checks

__all__ = ["exec_request"]


def exec_request(
    command: Iterable[str],
    environment: Mapping[str, str] | None = None,
    user: int | None = None,
    group: int | None = None,
    cwd: str | None = None,
    *,
    interactive: bool = False,
    width: int | None = None,
    height: int | None = None,
) -> dict[str, Any]:
    """Return the body of a request to run a command with websockets. Raises TypeError and ValueError.

    >>> from lxdnb.streams import exec_request
    >>> exec_request(["id", "-u"], user=1000)["command"]
    ['id', '-u']

    https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/ (InstanceExecPost)
    """
    request: dict[str, Any] = {
        "command": _words(command),
        "environment": _variables(environment),
        "wait-for-websocket": True,
        "interactive": checks.flag("interactive", interactive),
    }
    numbers = {"user": (user, 0), "group": (group, 0), "width": (width, 1), "height": (height, 1)}
    for name, (number, least) in numbers.items():
        if number is not None:
            request[name] = checks.whole_number(name, number, least)
    if cwd is not None:
        request["cwd"] = checks.text("cwd", cwd)
    if not interactive and (width is not None or height is not None):
        raise ValueError("width and height are a terminal's: give interactive=True as well")
    return request


def _words(command: Any) -> list[str]:
    # A str is an iterable of words too, of one letter each: a slip that no type tells. A set has no order.
    is_list = isinstance(command, Iterable) and not isinstance(command, str | bytes | bytearray | Mapping | Set)
    words: list[Any] = list(command) if is_list else []
    if not words or not all(isinstance(word, str) for word in words):
        raise TypeError(f'a command is a list of words, as in ["ls", "-l"], not {checks.shown(command)}')
    return [checks.text("a word of a command", word) for word in words]


def _variables(environment: Any) -> dict[str, str]:
    if environment is None:
        return {}
    if not isinstance(environment, Mapping):
        raise TypeError(f'an environment is a dict, as in {{"LANG": "C"}}, not {checks.shown(environment)}')
    variables: dict[str, str] = {}
    for key, value in environment.items():
        name = checks.text("the name of a variable", key)
        if not name or "=" in name:
            raise ValueError(f"{checks.shown(name)} is no name of a variable")
        number = isinstance(value, int | float)  # True is one: "True"
        variables[name] = str(value) if number else checks.text(f"the value of {checks.shown(name)}", value)
    return variables

"""What a server is asked for when a command is to run: checked here, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["exec_request"]


def exec_request(
    command: Sequence[str],
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
        "interactive": interactive,
    }
    numbers = {"user": (user, 0), "group": (group, 0), "width": (width, 1), "height": (height, 1)}
    for name, (number, least) in numbers.items():
        if number is not None:
            request[name] = whole_number(name, number, least)
    if cwd is not None:
        request["cwd"] = _text("cwd", cwd)
    if not interactive and (width is not None or height is not None):
        raise ValueError("width and height are a terminal's: give interactive=True as well")
    return request


def whole_number(name: str, number: Any, least: int) -> int:
    """Return the number if it is one, and no less than `least`."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"{name} is a whole number, not {number!r}")
    if number < least:
        raise ValueError(f"{name} is {least} or more, not {number}")
    return int(number)


def _words(command: Any) -> list[str]:
    # A str is a sequence of words too, of one letter each: a slip that no type tells.
    words: list[Any] = [] if command is None or isinstance(command, str) else list(command)
    if not words or not all(isinstance(word, str) for word in words):
        raise TypeError(f'a command is a list of words, as in ["ls", "-l"], not {command!r}')
    return [_text("a word of a command", word) for word in words]


def _variables(environment: Any) -> dict[str, str]:
    if environment is None:
        return {}
    if not isinstance(environment, Mapping):
        raise TypeError(f'an environment is a dict, as in {{"LANG": "C"}}, not {environment!r}')
    variables: dict[str, str] = {}
    for key, value in environment.items():
        name = _text("the name of a variable", key)
        if not name or "=" in name:
            raise ValueError(f"{name!r} is no name of a variable")
        number = isinstance(value, int | float)  # True is one: "True"
        variables[name] = str(value) if number else _text(f"the value of {name}", value)
    return variables


def _text(what: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{what} is a str, not {value!r}")
    # What UTF-8 cannot say arrives as another character, without a word of warning; what follows a NUL not at all.
    value.encode()
    if "\0" in value:
        raise ValueError(f"{what} cannot hold a NUL: {value!r}")
    return value

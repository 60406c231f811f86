"""ip and ping: the cards of an instance, as its state tells of them, and who answers on their networks."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.channels import Steps
from lxdnb.sandbox.commands.reading import options
from lxdnb.sandbox.commands.registry import Broken, command
from lxdnb.sandbox.network_cards import cards_of, cards_on
from lxdnb.sandbox.power import state_of

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Process

__all__: list[str] = []

_LIFE = "valid_lft forever preferred_lft forever"
_PAYLOAD = 56  # bytes of a ping


def _interfaces(process: Process, wanted: str | None) -> Iterator[tuple[int, str, dict[str, Any]]]:
    machine = process.machine
    found = state_of(machine.host, machine.instance)["network"] or {}
    if wanted is not None and wanted not in found:
        raise Broken(f"can't find device '{wanted}'")
    for number, (name, told) in enumerate(found.items(), 1):
        if wanted in (None, name):
            yield number, name, told


@command("/sbin/ip")
def ip(process: Process, words: list[str]) -> Steps[int]:
    flags = [word for word in words if word.startswith("-")]
    rest = [word for word in words if not word.startswith("-")]
    if unknown := [flag for flag in flags if flag not in ("-4", "-6", "-o", "-0")]:
        raise Broken(f"invalid argument '{unknown[0]}' to 'ip'")
    family = "inet" if "-4" in flags else "inet6" if "-6" in flags else None
    kind = next((each for each in ("address", "link", "route") if rest and each.startswith(rest[0])), None)
    if kind is None:
        raise Broken(f"invalid argument '{rest[0]}' to 'ip'" if rest else "an object is needed: addr, link or route")
    verb = rest[1] if len(rest) > 1 else "show"
    if kind == "address" and verb in ("add", "del"):
        _change(process, verb, rest[2:])
        return 0
    if kind == "link" and verb == "set":
        next(_interfaces(process, next((each for each in rest[2:] if each != "dev"), None)))
        return 0  # they are up as it is
    names = [word for word in rest[1:] if word not in ("show", "list", "ls", "s", "dev")]
    if kind == "route":
        yield from process.say("".join(_routes(process)))
        return 0
    for number, name, told in _interfaces(process, names[0] if names else None):
        lines = _lines(number, name, told, family, links=kind == "link")
        yield from process.say("".join(_in_one(lines, number, name) if "-o" in flags else lines))
    return 0


def _change(process: Process, verb: str, words: list[str]) -> None:
    """Give an interface an address, or take one that it was given away."""
    if "dev" not in words or words.index("dev") + 1 >= len(words) or words[0] == "dev":
        raise Broken('"dev" is required')
    if process.user.uid != 0:
        raise Broken("RTNETLINK answers: Operation not permitted", 2)
    name = words[words.index("dev") + 1]
    try:
        address = str(ip_interface(words[0]))
    except ValueError:
        raise Broken(f"invalid argument '{words[0]}' to 'ip'") from None
    _, _, told = next(_interfaces(process, name))
    given = process.machine.addresses.setdefault(name, [])
    if verb == "del":
        if address not in given:
            raise Broken("RTNETLINK answers: Cannot assign requested address", 2)
        given.remove(address)
    elif any(each["address"] == address.partition("/")[0] for each in told["addresses"]):
        raise Broken("RTNETLINK answers: File exists", 2)
    else:
        given.append(address)


def _lines(number: int, name: str, told: dict[str, Any], family: str | None, *, links: bool) -> list[str]:
    loopback = told["type"] == "loopback"
    flags = "LOOPBACK,UP,LOWER_UP" if loopback else "BROADCAST,MULTICAST,UP,LOWER_UP"
    state, hwaddr = ("UNKNOWN", "00:00:00:00:00:00") if loopback else ("UP", told["hwaddr"])
    broadcast = "00:00:00:00:00:00" if loopback else "ff:ff:ff:ff:ff:ff"
    lines = [
        f"{number}: {name}: <{flags}> mtu {told['mtu']} qdisc noqueue state {state} qlen 1000\n",
        f"    link/{'loopback' if loopback else 'ether'} {hwaddr} brd {broadcast}\n",
    ]
    for each in [] if links else told["addresses"]:
        if family in (None, each["family"]):
            where = f"{each['address']}/{each['netmask']}"
            around = f" brd {ip_interface(where).network.broadcast_address}" if each["scope"] == "global" else ""
            scope = "host" if each["scope"] == "local" else each["scope"]
            last = f" {name}" if each["family"] == "inet" else ""
            around = around if each["family"] == "inet" else ""
            lines += [f"    {each['family']} {where}{around} scope {scope}{last}\n", f"       {_LIFE}\n"]
    return lines


def _in_one(lines: list[str], number: int, name: str) -> list[str]:
    """Put each address, or the whole link where there are none, on a line of its own."""
    if len(lines) == 2:
        return [lines[0].rstrip("\n") + "\\" + lines[1]]
    pairs = zip(lines[2::2], lines[3::2], strict=True)
    return [f"{number}: {name}    {first.strip()}\\{second}" for first, second in pairs]


def _routes(process: Process) -> Iterator[str]:
    for card in cards_of(process.machine.host, process.machine.instance):
        if gateway := card.network.gateway("ipv4"):
            yield f"default via {gateway.ip} dev {card.interface}\n"
            own = card.addresses()[0]
            yield f"{gateway.network} dev {card.interface} scope link  src {own}\n"


@command("/bin/ping")
def ping(process: Process, words: list[str]) -> Steps[int]:
    found, names = options(words, "46qc:i:w:W:s:I:")
    if len(names) != 1:
        raise Broken("a host is needed")
    count = int(found["c"]) if found.get("c", "").isdecimal() else None
    address = _address(process, names[0])
    if address is None:
        raise Broken(f"bad address '{names[0]}'")
    yield from process.say(f"PING {names[0]} ({address}): {_PAYLOAD} data bytes\n")
    answers = _answers(process, address)
    sent = 0
    while count is None or sent < count:
        if answers and "q" not in found:
            text = f"{_PAYLOAD + 8} bytes from {address}: seq={sent} ttl=64 time=0.050 ms\n"
            yield from process.say(text)
        sent += 1
        if sent != count or not answers:
            yield 1.0
    received = sent if answers else 0
    yield from process.say(f"\n--- {names[0]} ping statistics ---\n")
    lost = 0 if answers else 100
    yield from process.say(f"{sent} packets transmitted, {received} packets received, {lost}% packet loss\n")
    if answers:
        yield from process.say("round-trip min/avg/max = 0.050/0.050/0.050 ms\n")
    return 0 if answers else 1


def _address(process: Process, name: str) -> str | None:
    if name in ("localhost", process.machine.instance.name):
        return "127.0.0.1"
    if all(letter in "0123456789abcdefABCDEF:." for letter in name) and ("." in name or ":" in name):
        return name
    host = process.machine.host
    for card in cards_of(host, process.machine.instance):
        for other in cards_on(host, card.network):
            if other.runs and name.partition(".")[0] == other.instance.name and other.addresses():
                return other.addresses()[0]
    return None


def _answers(process: Process, address: str) -> bool:
    """Tell whether somebody has an address on a network that the instance is on."""
    if address == "::1" or address.startswith("127."):
        return True
    host = process.machine.host
    for card in cards_of(host, process.machine.instance):
        gateways = [card.network.gateway(family) for family in ("ipv4", "ipv6")]
        if address in [str(each.ip) for each in gateways if each]:
            return True
        if any(other.runs and address in other.addresses() for other in cards_on(host, card.network)):
            return True
    return False

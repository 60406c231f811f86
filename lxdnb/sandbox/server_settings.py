"""What a server may be set to, and how its settings change: those of the machine and those of all its cluster apart.

https://documentation.ubuntu.com/lxd/stable-5.0/server/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.listening import DEBUG, HTTPS, METRICS, check_address, listen
from lxdnb.sandbox.members import CLUSTER_ADDRESS, OWN_KEYS
from lxdnb.sandbox.refusals import Refused

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__ = ["PASSWORD", "TOKEN_EXPIRY", "configure", "shown"]

_THRESHOLD = "cluster.offline_threshold"
_SHORTEST = 10  # seconds
PASSWORD = "core.trust_password"
TOKEN_EXPIRY = "core.remote_token_expiry"
_OTHERS = ("images.", "cluster.", "storage.", "backups.", "candid.", "maas.", "oidc.", "openfga.", "rbac.",
           "instances.", "loki.", "acme.", "network.", "user.", "logging.", "authorization.")  # fmt: skip
_CORE = {
    "bgp_address": "address",
    "bgp_asn": "integer",
    "bgp_routerid": "ipv4",
    "debug_address": "address",
    "dns_address": "address",
    "https_address": "address",
    "https_allowed_credentials": "boolean",
    "https_allowed_headers": "",
    "https_allowed_methods": "",
    "https_allowed_origin": "",
    "https_trusted_proxy": "",
    "metrics_address": "address",
    "metrics_authentication": "boolean",
    "proxy_http": "",
    "proxy_https": "",
    "proxy_ignore_hosts": "",
    "remote_token_expiry": "expiry",
    "shutdown_timeout": "integer",
    "trust_ca_certificates": "boolean",
}
_ONE_ONLY = {
    "lxd": {"trust_password": ""},
    "incus": {"storage_buckets_address": "address", "syslog_socket": "boolean"},
}
_OF_IMAGES = {"images.auto_update_interval": "integer", "images.remote_cache_expiry": "integer",
              "images.auto_update_cached": "boolean"}  # fmt: skip
_BOOLEANS = ("", "true", "false", "1", "0", "yes", "no", "on", "off")
_EXPIRY = re.compile(r"\d+[SMHdwmy]( \d+[SMHdwmy])*")
_IPV4 = re.compile(r"\d{1,3}(\.\d{1,3}){3}")


def shown(host: Host) -> dict[str, Any]:
    """Return the settings as they are told: that there is a password, and not which."""
    config: dict[str, Any] = dict(sorted(host.settings.items()))
    return config | {PASSWORD: True} if PASSWORD in config else config


def configure(host: Host, asked: Mapping[str, Any], *, keep: bool) -> None:
    """Change the settings; with `keep` those alone that are named. Raises Refused.

    A refusal is not without consequences. LXD has changed what is the machine's own before it looks at the rest; and
    Incus forgets of that all that a PATCH which it refuses did not name.
    """
    written = {key: _text(host, key, value) for key, value in asked.items()}
    own = {key: value for key, value in written.items() if key in OWN_KEYS}
    before = host.settings
    wanted = {key: value for key, value in (before | written if keep else written).items() if value}
    if host.cluster.enabled:
        _check_of_cluster(host, CLUSTER_ADDRESS, wanted.get(CLUSTER_ADDRESS, ""))
    if host.flavour.incus:
        try:
            _check(host, written)
        except Refused:
            if keep:
                host.settings = {key: each for key, each in before.items() if key not in OWN_KEYS} | own
            raise
    else:
        _check(host, own)
        host.settings = {key: each for key, each in before.items() if key not in OWN_KEYS}
        host.settings |= {key: each for key, each in wanted.items() if key in OWN_KEYS}
        _check(host, written)
        host.settings = wanted  # even an address at which it cannot listen
    for key in (HTTPS, METRICS, DEBUG):
        if wanted.get(key) != before.get(key):
            listen(host, key, wanted.get(key, ""))
    host.settings = wanted


def _text(host: Host, key: str, value: Any) -> str:
    if key == PASSWORD and value is True and not host.flavour.incus:
        return host.settings.get(PASSWORD, "")  # as it was told
    if host.flavour.incus and not isinstance(value, str):
        kind = "bool" if isinstance(value, bool) else "number" if isinstance(value, int | float) else "object"
        raise Refused(400, f"json: cannot unmarshal {kind} into Go struct field ServerPut.config of type string")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check(host: Host, config: Mapping[str, str]) -> None:
    for key, value in config.items():
        kind = _kind(host, key)
        if host.cluster.enabled:
            _check_of_cluster(host, key, value)
        if kind == "address" and value:
            check_address(host, key, value)
        elif why := _complaint(kind, value):
            raise Refused(400, f"cannot set '{key}' to '{value}': {why}")


def _check_of_cluster(host: Host, key: str, value: str) -> None:
    if key == CLUSTER_ADDRESS and value != host.settings.get(CLUSTER_ADDRESS, ""):
        raise Refused(500, f"Changing {CLUSTER_ADDRESS} is currently not supported")
    if key == _THRESHOLD and value.isdecimal() and int(value) <= _SHORTEST:
        raise Refused(400, f"cannot set '{key}' to '{value}': Value must be greater than '{_SHORTEST}'")


def _kind(host: Host, key: str) -> str | None:
    if key in _OF_IMAGES:
        return _OF_IMAGES[key]
    group, _, name = key.partition(".")
    if group == "core":
        return (_CORE | _ONE_ONLY[host.flavour.name]).get(name)
    return "" if key.startswith(_OTHERS) else None


def _complaint(kind: str | None, value: str) -> str:
    if kind is None:
        return "unknown key"
    if kind == "boolean" and value.lower() not in _BOOLEANS:
        return "invalid boolean"
    if kind == "integer" and value and not re.fullmatch(r"[+-]?\d+", value):
        return "invalid integer"
    if kind == "expiry" and value and not _EXPIRY.fullmatch(value):
        return "Invalid expiry expression"
    if kind == "ipv4" and value and not _IPV4.fullmatch(value):
        return f'Not an IPv4 address "{value}"'
    return ""

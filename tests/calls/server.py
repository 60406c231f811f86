"""What a server tells of itself."""

from __future__ import annotations

from lxdnb import managers
from lxdnb.models import Metric, Profile, Server, Warning
from tests.calls.basis import NAME, Call, Place, class_of, model, of_model

CLASSES: tuple[type, ...] = (managers.WarningManager, Server, Warning)
VALUES: tuple[type, ...] = (Metric,)
EXTENSIONS = {"metadata_configuration", "metrics", "warnings"}
PLACES: dict[str, list[Place]] = {"uuid": [NAME]}

UUID = "39c61a48-cc17-40ae-8248-4f7b4cadedf4"

warning = model(Warning, uuid=UUID, status="new", type="AppArmor support has been disabled")

CALLS: dict[str, Call] = {
    **{f"Client.{name}": Call(lambda client: client) for name in ("metadata_configuration", "metrics", "metrics_text")},
    "Profile.instances": Call(model(Profile, name="p1", used_by=[])),
    **{
        f"{owner}.{name}": Call(on, arguments)
        for owner, on in (("WarningManager", lambda client: client.warnings), ("Warning", class_of(Warning)))
        for name, arguments in (("get", {"uuid": UUID}), ("all", {}))
    },
    "Warning.acknowledge": Call(warning),
    **dict(of_model("Server", model(Server, api_version="1.0", config={}))),
    **dict(of_model("Warning", warning)),
}

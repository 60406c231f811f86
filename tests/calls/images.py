"""Images and their aliases."""

from __future__ import annotations

import io
from typing import Any

from lxdnb import managers
from lxdnb.models import Image, ImageAlias
from tests.calls.basis import FINGERPRINT as BY_FINGERPRINT
from tests.calls.basis import NAME, TEXT, Call, Place, cannot_be_said, class_of, model, no_name, no_segment, of_model
from tests.recorder import FINGERPRINT

CLASSES: tuple[type, ...] = (managers.ImageManager, managers.ImageAliasManager, Image, ImageAlias)
EXTENSIONS = {
    *("api_filtering", "image_create_aliases", "image_force_refresh", "image_profiles", "images_all_projects"),
    "images_push_relay",
}

image = model(Image, fingerprint=FINGERPRINT, public=False, properties={}, aliases=[], type="container", filename="a")
alias = model(ImageAlias, name="a1", target=FINGERPRINT, description="")

_ALIASES = {"aliases": ["a1"]}
_UPLOAD = {"image_data": b"x", "filename": "f", "properties": {"os": "x"}, "profiles": ["default"]} | _ALIASES
_STREAMS = {"server": "https://example.org", "alias": "a1"} | _ALIASES
_NAMED = {"name": "a1", "target": FINGERPRINT, "description": "mine"}

CALLS: dict[str, Call] = {
    **{
        f"{owner}.{name}": Call(on, arguments)
        for owner, on in (("ImageManager", lambda client: client.images), ("Image", class_of(Image)))
        for name, arguments in (
            ("get", {"fingerprint": FINGERPRINT}),
            ("get_by_alias", {"alias": "a1"}),
            ("exists", {"fingerprint": FINGERPRINT}),
            ("all", {"filter": "type eq container"}),
            ("create", _UPLOAD),
            ("create_from_simplestreams", _STREAMS),
            ("create_from_url", {"url": "https://example.org/a"} | _ALIASES),
        )
    },
    "ImageManager.find": Call(lambda client: client.images, {"name": "a1"}),
    "ImageManager.delete": Call(lambda client: client.images, {"images": [FINGERPRINT]}),
    "Image.update": Call(image, sends=False),
    "Image.export": Call(image),
    "Image.copy": Call(image, {"mode": "push"} | _ALIASES),
    "Image.add_alias": Call(image, {"name": "a1", "description": "mine"}),
    "Image.delete_alias": Call(image, {"name": "a1"}),
    "Image.refresh": Call(image),
    **dict(of_model("Image", image)),
    **{
        f"{owner}.{name}": Call(on, arguments)
        for owner, on in (
            ("ImageAliasManager", lambda client: client.images.aliases),
            ("ImageAlias", class_of(ImageAlias)),
        )
        for name, arguments in (("get", {"name": "a1"}), ("exists", {"name": "a1"}), ("all", {}), ("create", _NAMED))
    },
    "ImageAlias.rename": Call(alias, {"new_name": "a2"}),
    **dict(of_model("ImageAlias", alias)),
}

_OWN_ALIASES = Place(lambda text: [text], no_segment)
PLACES: dict[str, list[Place]] = {
    **{
        f"{owner}.{name}(aliases)": [_OWN_ALIASES]
        for owner in ("Image", "ImageManager")
        for name in ("create", "create_from_simplestreams", "create_from_url", "copy")
    },
    **{f"{owner}.create_from_simplestreams(alias)": [Place(str, no_name)] for owner in ("Image", "ImageManager")},
    **{f"{owner}.create(target)": [BY_FINGERPRINT] for owner in ("ImageAlias", "ImageAliasManager")},
    "filename": [Place(str, lambda text: cannot_be_said(text) or not text.isprintable() or text != text.strip())],
    "images": [Place(lambda text: [text], BY_FINGERPRINT.refused)],
    "filter": [TEXT],
    "server": [TEXT],
    "url": [TEXT],
    "Image.delete_alias(name)": [NAME],
}
_HEARS: list[Any] = [5, "text", [print]]
WRONG: dict[str, list[Any]] = {
    "Data | None": [5, 1.5, True, {"a": "b"}, [5], ["a", None], object(), "text", io.StringIO()],
    "Place | None": [5, True, b"/a", ["/a"], io.StringIO(), "", "/a\0b"],
    "Heard": _HEARS,
    "bool | None": ["no", 5, [True], float("nan")],
    "Iterable[Image | str]": [None, 5, "text", b"x", [5], ["%"], [None], {1: "x"}],
}
TAKEN: dict[tuple[str, str], list[Any]] = {
    (f"{owner}.exists", "fingerprint"): ["x\0y", "\udcff"]  # no fingerprint, and so there is none
    for owner in ("Image", "ImageManager")
}

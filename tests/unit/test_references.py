"""URLs of what uses a thing, as servers tell them in `used_by`, in operations and in warnings."""

from __future__ import annotations

import pytest

from lxdnb.frames._references import TYPES, reference, references, words


@pytest.mark.parametrize(
    ("url", "expected", "said"),
    [
        ("/1.0/instances/c1", ("instance", "c1", "default"), "instance c1"),
        ("/1.0/instances/c1?project=lab", ("instance", "c1", "lab"), "instance lab/c1"),
        ("/1.0/instances/c1/snapshots/s1?project=lab", ("snapshot", "c1/s1", "lab"), "snapshot lab/c1/s1"),
        ("/1.0/instances/c1/backups/b1", ("backup", "c1/b1", "default"), "backup c1/b1"),
        ("/1.0/containers/c1", ("instance", "c1", "default"), "instance c1"),
        ("/1.0/virtual-machines/v1", ("instance", "v1", "default"), "instance v1"),
        ("/1.0/profiles/web%20%2F%3F?project=a%26b", ("profile", "web /?", "a&b"), "profile a&b/web /?"),
        ("/1.0/images/3bc4e5af", ("image", "3bc4e5af", "default"), "image 3bc4e5af"),
        ("/1.0/networks/lxdbr0", ("network", "lxdbr0", "default"), "network lxdbr0"),
        ("/1.0/networks/ovn0/forwards/10.1.0.9", ("forward", "ovn0/10.1.0.9", "default"), "forward ovn0/10.1.0.9"),
        ("/1.0/networks/ovn0/peers/p1", ("peer", "ovn0/p1", "default"), "peer ovn0/p1"),
        ("/1.0/network-acls/web?project=lab", ("network-acl", "web", "lab"), "network-acl lab/web"),
        ("/1.0/network-zones/example.org", ("network-zone", "example.org", "default"), "network-zone example.org"),
        ("/1.0/storage-pools/default", ("pool", "default", "default"), "pool default"),
        ("/1.0/projects/lab", ("project", "lab", "default"), "project lab"),
        ("/1.0/certificates/ab12", ("certificate", "ab12", "default"), "certificate ab12"),
        ("/1.0/cluster/members/n2", ("member", "n2", "default"), "member n2"),
        ("/1.0/cluster/groups/gpu", ("group", "gpu", "default"), "group gpu"),
        ("/1.0/operations/1b3c", ("operation", "1b3c", "default"), "operation 1b3c"),
    ],
)
def test_things(url, expected, said):
    found = reference(url)
    assert found is not None
    assert (found.type, found.name, found.project) == expected
    assert (found.pool, found.kind, found.location) == (None, None, None)
    assert str(found) == said


@pytest.mark.parametrize(
    ("url", "expected", "said"),
    [
        (
            "/1.0/storage-pools/default/volumes/custom/v1",
            ("volume", "v1", "default", "default", "custom", None),
            "volume default/custom/v1",
        ),
        (
            "/1.0/storage-pools/p/volumes/custom/v1/snapshots/snap0?project=lab",
            ("volume-snapshot", "v1/snap0", "lab", "p", "custom", None),
            "volume-snapshot lab/p/custom/v1/snap0",
        ),
        (
            "/1.0/storage-pools/default/volumes/custom/v?target=n2",
            ("volume", "v", "default", "default", "custom", "n2"),
            "volume default/custom/v on n2",
        ),
        (
            "/1.0/storage-pools/p/volumes/custom/snapshots",  # which is its name
            ("volume", "snapshots", "default", "p", "custom", None),
            "volume p/custom/snapshots",
        ),
        (
            "/1.0/storage-pools/p/volumes/custom/v/backups/b?project=lab",
            ("volume-backup", "v/b", "lab", "p", "custom", None),
            "volume-backup lab/p/custom/v/b",
        ),
        (
            "/1.0/storage-pools/p/buckets/photos?project=lab",
            ("bucket", "photos", "lab", "p", None, None),
            "bucket lab/p/photos",
        ),
        (
            "/1.0/storage-pools/p/buckets/photos/keys/k",
            ("bucket-key", "photos/k", "default", "p", None, None),
            "bucket-key p/photos/k",
        ),
    ],
)
def test_what_lies_in_pools(url, expected, said):
    found = reference(url)
    assert found == expected
    assert str(found) == said


def test_what_is_none():
    for none in ("", "/", "/1.0", "/1.0/", "/1.0/instances", "c1", "https://x/2.0/instances/c1", "/2.0/instances/c1"):
        assert reference(none) is None, none


def test_each_once_and_wrong_types_told():
    assert references(["/1.0/containers/c1", "/1.0/instances/c1", 5, None]) == [
        ("instance", "c1", "default", *[None] * 3)
    ]
    assert words(["/1.0/containers/c1", "/1.0/instances/c1"]) == ["instance c1"]
    assert words(None) is None
    assert words("c1") == "c1"
    assert len(set(TYPES)) == len(TYPES)

"""Files into a container, and out of it."""

import os
import tempfile
from pathlib import Path

import pylxd

client = pylxd.Client()
container = client.containers.create({"name": "filed", "source": {"type": "image", "alias": "busybox"}}, wait=True)
container.start(wait=True)


def listed(path):
    return container.execute(["stat", "-c", "%a %u %g %s %n", path]).stdout.strip()


files = container.files
print("available:", files.delete_available())
files.put("/tmp/text", "a text\n")
print("text:", files.get("/tmp/text"), listed("/tmp/text"))
files.put("/tmp/bytes", b"\x00\xff")
print("bytes:", files.get("/tmp/bytes"))
with tempfile.TemporaryDirectory() as folder:
    source = Path(folder, "source")
    source.write_text("of a file")
    with open(source, "rb") as file:
        files.put("/tmp/file", file)
    print("file:", files.get("/tmp/file"))
    files.put("/tmp/owned", "x", mode=0o640, uid=1000, gid=1001)
    print("mode and owner:", listed("/tmp/owned"))
    files.put("/tmp/modetext", "x", mode="0600")
    print("mode as text:", listed("/tmp/modetext"))
    files.mk_dir("/tmp/made", mode=0o700, uid=5, gid=6)
    print("folder:", container.execute(["stat", "-c", "%a %u %g %F", "/tmp/made"]).stdout)
    tree = Path(folder, "tree")
    (tree / "sub").mkdir(parents=True)
    (tree / "one").write_text("1")
    (tree / "sub" / "two").write_text("2")
    files.recursive_put(str(tree), "/tmp/tree")
    print("tree:", sorted(container.execute(["find", "/tmp/tree"]).stdout.split()))
    print("its files:", files.get("/tmp/tree/one"), files.get("/tmp/tree/sub/two"))
    back = Path(folder, "back")
    files.recursive_get("/tmp/tree", str(back))
    print("back:", sorted((str(each.relative_to(back)), each.is_dir()) for each in back.rglob("*")))
    print("its content:", (back / "sub" / "two").read_text())
files.delete("/tmp/text")
try:
    files.get("/tmp/text")
except pylxd.exceptions.NotFound as error:
    print("deleted:", type(error).__name__)
try:
    files.put("/no/such/folder/file", "x")
except pylxd.exceptions.LXDAPIException as error:
    print("no folder:", isinstance(error, pylxd.exceptions.LXDAPIException))
print("returned:", files.put("/tmp/again", "x"), os.path.exists("/tmp/again"))
container.stop(wait=True)
container.delete(wait=True)

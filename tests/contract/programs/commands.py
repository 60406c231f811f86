"""Commands in a container."""

import pylxd

client = pylxd.Client()
container = client.containers.create({"name": "runner", "source": {"type": "image", "alias": "busybox"}}, wait=True)
container.start(wait=True)
told = []


def execute(*arguments, **options):
    while True:
        try:
            return container.execute(*arguments, **options)
        except BrokenPipeError:  # pylxd's own pipe breaks when a command ends early
            told.clear()


result = execute(["sh", "-c", "echo out; echo err >&2; exit 3"])
print("result:", result.exit_code, repr(result.stdout), repr(result.stderr))
print("as tuple:", tuple(result) == (3, "out\n", "err\n"), len(result))
exit_code, stdout, stderr = execute(["true"])
print("unpacked:", exit_code, repr(stdout), repr(stderr))
print("environment:", execute(["sh", "-c", "echo $WHO"], {"WHO": "me"}).stdout)
print("environment by name:", execute(["sh", "-c", "echo $WHO"], environment={"WHO": "you"}).stdout)
print("bytes:", execute(["printf", r"\000\377"], decode=False).stdout)
print("another encoding:", execute(["printf", r"\344"], encoding="latin-1").stdout)
print("input of text:", execute(["cat"], stdin_payload="hello").stdout)
print("input of bytes:", execute(["cat"], stdin_payload=b"hello").stdout)
print("input, encoded:", execute(["cat"], stdin_payload="\xe4", stdin_encoding="latin-1", decode=False).stdout)
told.clear()
result = execute(["sh", "-c", "echo one; echo two"], stdout_handler=told.append)
print("handler:", "".join(told), repr(result.stdout), result.exit_code)
told.clear()
execute(["sh", "-c", "echo oops >&2"], stderr_handler=told.append)
print("handler of errors:", "".join(told))
print(
    "who:",
    execute(["id", "-u"], user=1000, group=1001).stdout,
    execute(["id", "-g"], group=7).stdout,
)
print("where:", execute(["pwd"], cwd="/tmp").stdout)
try:
    container.execute(["no-such-command"])
except pylxd.exceptions.LXDAPIException as error:
    print("no such command:", error)
print("killed by itself:", execute(["sh", "-c", "kill -9 $$"]).exit_code)
try:
    container.execute("true")
except TypeError as error:
    print("a text:", type(error).__name__)
sockets = container.raw_interactive_execute(["sh"])
print("interactive:", sorted(sockets), sockets["ws"].startswith("/1.0/operations/"), "secret=" in sockets["ws"])
print("control:", sockets["control"].split("?")[0].endswith("/websocket"), "secret=" in sockets["control"])
container.stop(wait=True)
container.delete(wait=True)

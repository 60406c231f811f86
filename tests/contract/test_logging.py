"""What the logger says, and what neither it nor an error, a repr or a pickle ever does: a secret."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import pickle
import re
import threading
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

import lxdnb
from tests.contract.test_certificates import keypair

SECRET = re.compile(r"[0-9a-f]{64}")  # of streams and migrations; as long as a fingerprint


@pytest.fixture
def log(caplog) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)  # of every logger: what the libraries say counts as well
    return caplog


def lines(log: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in log.records if record.name == "lxdnb"]


def said(error: BaseException) -> str:
    """All that a log, a debugger or a pickle shows of an error."""
    shown = [str(error), repr(error), repr(vars(error)), "".join(traceback.format_exception(error))]
    response = getattr(error, "response", None)
    if response is not None:
        shown += [response.text, repr(vars(response))]
        if response.request is not None:
            shown.append(repr(vars(response.request)))
    return "".join(shown) + pickle.dumps(error, 0).decode("latin-1")


def test_each_request_is_a_line(client, log):
    told = len(client.api.profiles.get(params={"recursion": 1}).content)
    with pytest.raises(lxdnb.NotFound):
        client.api.instances["a b"].get()
    first, second = lines(log)
    assert re.fullmatch(rf"GET /1\.0/profiles\?recursion=1: 200, \d+\.\d ms, {told} bytes", first)
    assert re.fullmatch(r"GET /1\.0/instances/a%20b: 404, \d+\.\d ms, \d+ bytes", second)
    assert {record.levelno for record in log.records} == {logging.DEBUG}


def test_a_websocket_is_two_lines(client, log):
    with client.events(event_types="lifecycle"):
        assert lines(log) == ["websocket /1.0/events?type=lifecycle: open"]
    assert lines(log)[1:] == ["websocket /1.0/events?type=lifecycle: closed"]


def test_a_server_that_is_gone_is_a_line(start_server, server_kind, log):
    server = start_server(server_kind)
    client = lxdnb.Client(str(server.socket))
    log.clear()
    server.kill()
    try:
        with pytest.raises(lxdnb.ClientConnectionFailed):
            client.profiles.all()
        with pytest.raises(lxdnb.ClientConnectionFailed):
            client.events().connect()
    finally:
        server.restart()
    assert re.fullmatch(r"GET /1\.0/profiles\?recursion=1: no answer, \d+\.\d ms", lines(log)[0])


def test_secrets_of_streams(client, container, log):
    container.execute(["cat"], stdin_payload=b"x")
    shown = "\n".join(lines(log))
    assert len(re.findall(r"websocket \S+secret=%E2%80%A6|websocket \S+secret=…", shown)) == 8  # four, open and closed
    assert not SECRET.search(log.text)


def test_secrets_of_a_command_that_fails(client, container, log):
    with pytest.raises(lxdnb.OperationFailed) as raised:
        container.execute(["no-such-program"])
    assert not SECRET.search(said(raised.value) + log.text)


def test_a_stream_that_is_refused(client, log):
    nobody = client.api.operations["7f1d8a3e-0000-4000-8000-000000000000"].websocket
    secret = "5ec4" + "e7"  # else the line itself would show it, in the traceback
    with pytest.raises(lxdnb.NotFound) as raised:
        nobody.open_websocket({"secret": secret})
    assert secret not in said(raised.value) + log.text
    assert (
        "websocket /1.0/operations/7f1d8a3e-0000-4000-8000-000000000000/websocket?secret=…: refused with 404"
        in lines(log)
    )


def test_proof_that_is_refused(client, server, tmp_path, log):
    def refused(proof: dict[str, str]) -> str:
        with pytest.raises(lxdnb.LXDAPIException) as raised:
            stranger.api.certificates.post(json={"type": "client", **proof})
        return said(raised.value)

    stranger = lxdnb.Client(server.address, fingerprint=server.fingerprint, cert=keypair(tmp_path))
    token = client.certificates.create_token("guest")
    assert "pa55" not in refused({"password": "pa55"}) + log.text
    assert "t0ken" not in refused({"trust_token": "t0ken", "password": "t0ken"}) + log.text
    assert token not in refused({"trust_token": token[:-9], "password": token[:-9]}) + log.text


def test_what_was_sent_is_not_kept(client, log):
    body = {"name": "x y/", "source": {"type": "none"}, "config": {"user.key": "k3y-of-mine"}}
    with pytest.raises(lxdnb.LXDAPIException) as raised:
        client.api.instances.post(json=body)
    assert "k3y-of-mine" not in said(raised.value) + log.text
    again = pickle.loads(pickle.dumps(raised.value))
    assert (str(again), again.status_code) == (str(raised.value), 400)
    assert again.response.json()["error_code"] == 400
    assert again.response.request.method == "POST"


def test_records_of_operations(client, container):
    request = {"command": ["cat"], "wait-for-websocket": True, "interactive": False}
    answer = client.api.instances[container.name].exec.post(json=request).json()
    secret = answer["metadata"]["metadata"]["fds"]["0"]
    assert SECRET.fullmatch(secret)
    for operation in (client.operations.from_record(answer["metadata"]), client.operations.get(answer["operation"])):
        assert secret not in repr(operation) + repr(vars(operation)) + pickle.dumps(operation, 0).decode()
    with pytest.raises(lxdnb.OperationTimeout) as raised:
        operation.wait(timeout=0)
    assert secret not in said(raised.value)


def test_a_token_is_nowhere_but_where_it_was_asked_for(client, server, log):
    token = client.certificates.create_token("guest")
    tokens = [operation for operation in client.operations.all() if getattr(operation, "class") == "token"]
    inside = base64.b64decode(token).decode()
    (operation,) = (each for each in tokens if each.metadata["secret"] in inside)  # others' may be there as well
    secret = operation.metadata["secret"]
    for shown in (repr(operation), pickle.dumps(operation, 0).decode(), log.text):
        assert secret not in shown
        assert token not in shown
    operation.cancel()


# --- who redirects ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """An HTTP server that answers everything so; yields its host and port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer(self)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_nobody_is_sent_elsewhere_with_a_secret():
    visited: list[str] = []

    def elsewhere(request: BaseHTTPRequestHandler) -> None:
        visited.append(request.path)
        request.send_error(404)

    def redirect(request: BaseHTTPRequestHandler) -> None:
        body = json.dumps({"type": "sync", "metadata": {"auth": "trusted"}}).encode()
        if request.path == "/1.0":
            request.send_response(200)
        else:
            body = b""
            request.send_response(302)
            scheme = "ws" if request.headers["Upgrade"] else "http"
            request.send_header("Location", f"{scheme}://{other}{request.path}")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    with serving(elsewhere) as other, serving(redirect) as endpoint:
        client = lxdnb.Client(f"http://{endpoint}")
        with pytest.raises(lxdnb.LXDError):
            client.api.operations["a"].websocket.open_websocket({"secret": "x"})
        assert visited == []
        with pytest.raises(lxdnb.LXDAPIException, match="302"):
            client.api.certificates.post(json={"password": "x"})
        with pytest.raises(lxdnb.LXDAPIException, match="302"):
            client.api.instances["c1"].files.get(is_api=False)
        client.close()
    assert visited == []

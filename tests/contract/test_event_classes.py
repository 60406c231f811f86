"""Events by a websocket class of a program's own, made as pylxd makes it."""

from __future__ import annotations

import json
import threading

import pytest
from ws4py.client import WebSocketBaseClient
from ws4py.client.threadedclient import WebSocketClient

import lxdnb
from lxdnb import EventType
from tests.eventually import eventually
from tests.hearing import made, make


@pytest.fixture(params=["socket", "https"])
def way(request, server) -> lxdnb.Client:
    if request.param == "socket":
        return lxdnb.Client(str(server.socket))
    certificate = tuple(map(str, server.client_certificate))
    return lxdnb.Client(server.address, cert=certificate, verify=str(server.server_certificate))


def test_a_class_of_ones_own_is_made_as_pylxd_makes_it(way, server):
    """Its arguments and the resource are what pylxd 2.4 was seen to give."""
    given: list = []

    class Recorder:
        def __init__(self, *arguments, **options):
            given.append((arguments, options))

    client = way.events(Recorder, {EventType.Lifecycle})
    assert type(client) is Recorder
    assert client.resource == "/1.0/events?type=lifecycle"
    assert way.events(Recorder).resource == way.events(Recorder, []).resource == "/1.0/events"
    assert way.events(Recorder, [EventType.All, EventType.Logging]).resource == "/1.0/events"
    both = way.events(websocket_client=Recorder, event_types={EventType.Operation, EventType.Lifecycle}).resource
    assert both == "/1.0/events?type=lifecycle%2Coperation"
    (url,), options = given[0]
    assert list(options) == ["ssl_options"]
    if way.endpoint == str(server.socket):
        assert (url, options["ssl_options"]) == (f"ws+unix://{server.socket}", None)
    else:
        crt, key = map(str, server.client_certificate)
        assert url == server.address.replace("https", "wss")
        assert {"certfile": crt, "keyfile": key}.items() <= options["ssl_options"].items()


class Collector(WebSocketBaseClient):
    """As a program that was written for pylxd has it."""

    def handshake_ok(self):
        self.messages = []
        self.connected = True

    def received_message(self, message):
        self.messages.append(json.loads(message.data.decode("utf-8")))


def test_a_class_of_ws4py(way, server):
    client = way.events(websocket_client=Collector, event_types={EventType.Lifecycle})
    client.connect()
    assert client.connected
    running = threading.Thread(target=client.run)
    running.start()
    make(server, "heard")
    eventually(lambda: client.messages)
    assert made(client.messages[0]) == ("default", "heard")
    client.close()
    running.join(15)
    assert not running.is_alive()


def test_a_class_of_ws4py_with_a_thread_of_its_own(way, server):
    heard: list[str] = []

    class Program(WebSocketClient):
        def received_message(self, message):
            heard.append(str(message))

    client = way.events(Program, [EventType.Lifecycle])
    client.connect()
    make(server, "heard")
    eventually(lambda: heard)
    assert made(json.loads(heard[0])) == ("default", "heard")
    client.close()
    client._th.join(15)
    assert not client._th.is_alive()


def test_a_class_of_ws4py_checks_the_server_as_the_client_does(server, tmp_path):
    # pylxd's websockets take whatever certificate they are shown.
    certificate = tuple(map(str, server.client_certificate))
    way = lxdnb.Client(server.address, cert=certificate, verify=str(server.server_certificate))
    way._transport.verify = str(server.client_certificate[0])
    client = way.events(Collector)
    with pytest.raises(OSError, match="certificate verify failed"):
        client.connect()
    client.sock.close()


def test_a_class_that_only_receives_is_given_the_rest(way, server):
    heard: list[str] = []

    class Handler:
        def __init__(self, url, ssl_options=None):
            self.url = url

        def received_message(self, message):
            assert message.is_text
            assert message.data.decode() == str(message)
            heard.append(json.loads(message.data))

    client = way.events(Handler, [EventType.Lifecycle])
    client.connect()
    running = threading.Thread(target=client.run)
    running.start()
    make(server, "heard")
    eventually(lambda: heard)
    client.close()
    running.join(10)
    assert not running.is_alive()
    assert made(heard[0]) == ("default", "heard")

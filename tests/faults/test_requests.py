"""Single requests: an answer is whole or an error, and a client outlives its server."""

from __future__ import annotations

import pytest

import lxdnb
from tests.eventually import eventually
from tests.faults.conftest import BOX
from tests.faults.proxy import ANSWER, ASKED, HEAD, REQUEST, Moment, down

# From the first line on to the middle of the last header's name.
IN_THE_HEAD = [HEAD, *(Moment("down", "head", after) for after in (15, 17, 20, 40, 60))]


@pytest.mark.parametrize("moment", [REQUEST, ASKED, ANSWER, *IN_THE_HEAD, down(), down(20)])
def test_an_answer_that_is_cut_is_no_answer(client, proxy, moment):
    fault = proxy.hang_up("GET .*/instances/", moment)
    with pytest.raises(lxdnb.ClientConnectionFailed, match="hung up"):
        client.containers.get(BOX)
    fault.await_strike()
    assert client.containers.get(BOX).name == BOX


@pytest.mark.parametrize("moment", [ANSWER, HEAD, down(20)])
def test_a_change_is_not_sent_twice(client, proxy, server, moment):
    proxy.hang_up("POST .*/profiles", moment)
    try:
        with pytest.raises(lxdnb.ClientConnectionFailed):
            client.profiles.create("once")
        assert [line for line in proxy.lines if line.startswith("POST")] == ["POST /1.0/profiles"]
        assert "/1.0/profiles/once" in server.query("/1.0/profiles"), "that it was made nobody could tell the client"
    finally:
        server.cli("profile", "delete", "once")


@pytest.mark.parametrize("moment", [REQUEST, ANSWER])
def test_a_save_that_is_cut_can_be_made_again(client, proxy, server, moment):
    container = client.containers.get(BOX)
    container.config["user.saved"] = str(moment)
    fault = proxy.hang_up("PUT .*/instances/", moment)
    with pytest.raises(lxdnb.ClientConnectionFailed):
        container.save(wait=True)
    fault.await_strike()
    assert container.dirty
    # The server refuses a second update while the first, of which nobody knows here, goes on.
    eventually(server.rests, otherwise=server.under_way)
    container.save(wait=True)
    assert server.query(f"/1.0/instances/{BOX}")["config"]["user.saved"] == str(moment)


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_client_outlives_its_server(server, end: str):
    client = lxdnb.Client(str(server.socket))
    getattr(server, end)()
    with pytest.raises(lxdnb.ClientConnectionFailed, match=r"not running|no such socket"):
        client.containers.get(BOX)
    server.restart()
    assert client.containers.get(BOX).status == "Running"
    client.close()


def test_an_answer_that_does_not_come(proxy):
    client = lxdnb.Client(proxy.endpoint, timeout=(5, 0.5))
    for moment in (ASKED, HEAD, down(20)):
        proxy.stall("GET .*/instances/", moment)
        with pytest.raises(lxdnb.ClientConnectionFailed, match="no answer in time"):
            client.containers.get(BOX)
    client.close()

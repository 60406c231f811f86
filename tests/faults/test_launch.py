"""Launching, and the block around it, when the server is lost: an error in time, and what can be undone is undone."""

from __future__ import annotations

import pytest

import lxdnb
from tests.faults.background import SECONDS, begun
from tests.faults.conftest import revive
from tests.faults.proxy import ANSWER, ASKED, REQUEST

NAME = "launched"


@pytest.fixture(autouse=True)
def taken_away(counted, server):
    yield
    revive(server)
    server.cli("delete", "--force", NAME, check=False)


def names(server) -> list[str]:
    return [url.rpartition("/")[2] for url in server.query("/1.0/instances")]


def launch(client: lxdnb.Client) -> lxdnb.models.Container:
    return client.containers.launch("busybox", NAME)


@pytest.mark.parametrize("moment", [ASKED, ANSWER])
def test_a_launch_whose_waits_are_cut_is_one(client, proxy, moment):
    fault = proxy.hang_up("/wait", moment, times=2)
    assert begun(launch, client).result(SECONDS).status == "Running"
    assert fault.times == 0


@pytest.mark.parametrize("moment", [REQUEST, ANSWER])
@pytest.mark.parametrize("request_line", ["POST .*/instances$", "PUT .*/state$"])
def test_what_a_cut_request_has_made_is_undone(client, proxy, server, request_line, moment):
    if request_line.startswith("PUT") and client.has_api_extension("instance_create_start"):
        return  # there it is one request, the first
    fault = proxy.hang_up(request_line, moment)
    with pytest.raises(lxdnb.ClientConnectionFailed):
        begun(launch, client).result(SECONDS)
    fault.await_strike()
    assert NAME not in names(server)


def test_a_killed_daemon_ends_the_launch(client, proxy, server):
    fault = proxy.stall("/wait", ASKED)
    launching = begun(launch, client)
    fault.await_strike()
    server.kill()
    proxy.release()
    assert isinstance(launching.exception(SECONDS), lxdnb.ClientConnectionFailed)


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_daemon_that_ends_in_the_block_is_told_at_its_end(client, server, end: str):
    def block() -> None:
        with launch(client) as container:
            assert container.execute(["true"]).exit_code == 0
            getattr(server, end)()

    with pytest.raises(lxdnb.ClientConnectionFailed):
        begun(block).result(SECONDS)
    server.restart()
    assert client.containers.get(NAME).status == "Running", "it outlives its daemon, and is there to be found"


def test_what_goes_wrong_in_the_block_is_not_hidden_by_a_lost_server(client, server):
    def block() -> None:
        with launch(client):
            server.kill()
            raise LookupError("the person's own")

    error = begun(block).exception(SECONDS)
    assert isinstance(error, LookupError)
    assert NAME in error.__notes__[0]


def test_a_daemon_that_was_away_meanwhile_takes_it_away_all_the_same(client, server):
    with launch(client):
        server.kill()
        server.restart()
    assert NAME not in names(server)


def test_a_block_whose_end_is_cut_is_over_all_the_same(client, proxy, server):
    with launch(client):
        fault = proxy.reset("/wait", ASKED)
    fault.await_strike()
    assert NAME not in names(server)

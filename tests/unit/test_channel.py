"""A websocket's messages out of its frames, as bytes on a real pair of sockets; frames by RFC 6455, section 5.2."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
import websocket

from lxdnb.transport import Channel, Transport
from tests.interrupts import interrupted

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(opcode: int, payload: bytes = b"", final: bool = True) -> bytes:
    assert len(payload) < 126
    return bytes([opcode | (0x80 if final else 0), len(payload)]) + payload


def unmasked(data: bytes) -> tuple[int, bytes]:
    """Take a client's frame apart, whose payload is masked."""
    assert data[1] & 0x80
    mask, payload = data[2:6], data[6 : 6 + (data[1] & 0x7F)]
    return data[0] & 0x0F, bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))


@pytest.fixture
def ends() -> Iterator[tuple[Channel, socket.socket]]:
    """A channel, and the socket of the server at its other end."""
    ours, server = socket.socketpair()
    stream = websocket.WebSocket(skip_utf8_validation=True)
    stream.sock, stream.connected = ours, True
    channel = Channel(stream)
    server.settimeout(5)
    yield channel, server
    channel.close()
    ours.close()
    server.close()


def test_messages_and_the_end(ends):
    channel, server = ends
    server.sendall(frame(BINARY, b"\x00\xff") + frame(TEXT, "é".encode()) + frame(TEXT) + frame(CLOSE))
    assert [channel.receive() for _ in range(4)] == [b"\x00\xff", "é", "", None]


def test_a_text_in_pieces_is_whole_and_binary_comes_as_it_comes(ends):
    channel, server = ends
    whole = "a€b".encode()
    server.sendall(frame(TEXT, whole[:2], final=False) + frame(CONTINUATION, whole[2:]))
    server.sendall(frame(BINARY, b"1", final=False) + frame(CONTINUATION, b"2"))
    assert [channel.receive() for _ in range(3)] == ["a€b", b"1", b"2"]


def test_a_ping_is_answered(ends):
    channel, server = ends
    server.sendall(frame(PING, b"keepalive") + frame(BINARY, b"x"))
    assert channel.receive() == b"x"
    assert unmasked(server.recv(100)) == (PONG, b"keepalive")


def test_a_ping_of_a_server_that_is_gone_costs_no_data(ends):
    channel, server = ends
    server.sendall(frame(PING) + frame(BINARY, b"the last words") + frame(TEXT))
    server.shutdown(socket.SHUT_RDWR)
    assert [channel.receive(), channel.receive(), channel.receive()] == [b"the last words", "", None]


def test_a_connection_that_breaks_is_the_end(ends):
    channel, server = ends
    server.sendall(frame(BINARY, b"abc")[:3])
    server.close()
    assert channel.receive() is None
    assert not channel.said_goodbye


def test_closing_wakes_a_reader_and_sending_is_an_error_then(ends):
    channel, _ = ends
    threading.Timer(0.2, channel.close).start()
    assert channel.receive() is None
    channel.close()
    with pytest.raises(ConnectionError):
        channel.send(b"x")
    with pytest.raises(ConnectionError):
        channel.send_text("x")


def test_what_is_sent(ends):
    channel, server = ends
    channel.send(b"\x00")
    assert unmasked(server.recv(100)) == (BINARY, b"\x00")
    channel.send_text("")
    assert unmasked(server.recv(100)) == (TEXT, b"")


def test_closing_does_not_wait_for_one_who_sends_to_a_server_that_does_not_read(ends):
    channel, _ = ends
    failed = threading.Event()

    def send() -> None:
        try:
            channel.send(b"x" * 50_000_000)
        except ConnectionError:
            failed.set()

    sender = threading.Thread(target=send)
    sender.start()
    sender.join(0.5)
    closer = threading.Thread(target=channel.close)
    closer.start()
    closer.join(5)
    assert not closer.is_alive()
    assert failed.wait(5)


def test_a_goodbye_tells_an_end_from_a_cut(ends):
    channel, server = ends
    server.sendall(frame(CLOSE, b"\x03\xe8"))
    assert channel.receive() is None
    assert channel.said_goodbye


class Slow:
    """A websocket whose reader is somewhere in the TLS library, and knows its descriptor as a number."""

    def __init__(self) -> None:
        self.sock = None
        self.lock = threading.Lock()
        self.reading, self.go_on = threading.Event(), threading.Event()
        self.shut = 0

    def recv_frame(self):
        self.reading.set()
        assert self.go_on.wait(5)
        raise OSError("the other side is gone")

    def send(self, data: bytes, opcode: int) -> None:
        self.recv_frame()

    def send_close(self) -> None:
        pass

    def shutdown(self) -> None:
        self.shut += 1


@pytest.mark.parametrize("use", ["receive", "send"])
def test_a_descriptor_is_closed_by_the_last_that_uses_it(use: str):
    # Else its number may be another connection's already, when the one that still reads goes on.
    stream = Slow()
    channel = Channel(stream)

    def call() -> None:
        with contextlib.suppress(ConnectionError):
            channel.receive() if use == "receive" else channel.send(b"x")

    user = threading.Thread(target=call)
    user.start()
    assert stream.reading.wait(5)
    channel.close()
    assert stream.shut == 0
    stream.go_on.set()
    user.join(5)
    assert stream.shut == 1
    assert channel.receive() is None
    channel.close()
    assert stream.shut == 1


def test_nothing_is_received_once_it_is_closed():
    # A reader may be given what TLS had not deciphered when it was shut down.
    stream = Slow()
    stream.recv_frame = lambda: (channel.close(), websocket.ABNF(1, 0, 0, 0, BINARY, 0, b"\x17\x03\x03"))[1]
    channel = Channel(stream)
    assert channel.receive() is None


def test_a_message_that_is_interrupted_ends_the_websocket(ends):
    channel, server = ends
    whole = 5_000_000  # more than sockets buffer
    channel._stream.settimeout(2)
    with interrupted(0.3), pytest.raises(KeyboardInterrupt):
        channel.send(b"x" * whole)
    with pytest.raises(ConnectionError):
        channel.send(b"what would be taken for its rest")
    received = b""
    while piece := server.recv(1 << 20):
        received += piece
    assert len(received) < whole


def test_what_is_collected_as_garbage_may_close_it_at_any_moment(ends):
    channel, _ = ends

    class Moment(int):
        def __add__(self, more: int) -> int:
            channel._busy = 0
            channel.close()
            return more

    channel._busy = Moment()
    reader = threading.Thread(target=channel.receive, daemon=True)
    reader.start()
    reader.join(5)
    assert not reader.is_alive()


def test_a_handshake_that_is_interrupted_leaves_no_connection(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        transport = Transport(str(tmp_path / "socket"))
        with interrupted(0.3), pytest.raises(KeyboardInterrupt) as told:  # and its frames are kept
            transport.websocket("/1.0/events")
        server, _ = listener.accept()
        with server:
            server.settimeout(5)
            while server.recv(1000):
                pass
        assert told.value.__traceback__

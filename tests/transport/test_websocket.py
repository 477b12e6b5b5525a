"""Websockets over real connections: refusals, cuts and silence in the desk's words."""

import asyncio

import pytest

from tests.servers.base import LocalServer
from workbench.errors import NeedsLoginError, ServiceRefusedError, ServiceUnavailableError, SocketClosedError
from workbench.transport import backoff, open_socket


class TalkServer(LocalServer):
    """Says hello and repeats what it hears; refuses handshakes with `refuse`, if it is set."""

    refuse = None

    def handshake(self, connection, request):
        return connection.respond(self.refuse, "no") if self.refuse else None

    def talk(self, socket):
        socket.send("hello")
        for message in self.hear(socket):
            socket.send(message)


@pytest.fixture
def server():
    with TalkServer() as running:
        yield running


def opened(url, **options):
    return open_socket(url, service="talk", label="Talk", **options)


def test_messages_go_both_ways(server):
    async def speak():
        socket = await opened(server.ws_url, headers={"X-Key": "K"})
        assert await socket.receive() == "hello"
        await socket.send_text("a")
        await socket.send_bytes(b"\x00b")
        assert [await socket.receive(), await socket.receive()] == ["a", b"\x00b"]
        assert not socket.closed
        await socket.close()
        await socket.close()
        assert socket.closed

    asyncio.run(speak())
    assert server.seen[0].headers["x-key"] == "K"


def test_a_goodbye_is_told_with_its_code_and_a_cut_without(server):
    async def until_it_ends(end):
        socket = await opened(server.ws_url)
        await socket.receive()
        end()
        with pytest.raises(SocketClosedError) as told:
            await socket.receive()
        with pytest.raises(SocketClosedError):
            await socket.send_text("late")
        return told.value

    said = asyncio.run(until_it_ends(lambda: server.close_sockets(4001, "go away")))
    assert (said.code, said.reason) == (4001, "go away")
    cut = asyncio.run(until_it_ends(server.cut_sockets))
    assert cut.code is None
    assert "without a goodbye" in str(cut)


def test_a_server_that_falls_silent_is_found_by_its_missing_pong(server):
    async def listen():
        socket = await opened(server.ws_url, ping_interval=0.1, ping_timeout=0.2)
        await socket.receive()
        server.deafen()
        with pytest.raises(SocketClosedError):
            await asyncio.wait_for(socket.receive(), 5)

    asyncio.run(listen())


@pytest.mark.parametrize(
    "status, error",
    [
        (401, NeedsLoginError),
        (403, NeedsLoginError),
        (404, ServiceRefusedError),
        (503, ServiceUnavailableError),
    ],
)
def test_a_refused_handshake_is_a_state(server, status, error):
    server.refuse = status
    with pytest.raises(error, match="Talk"):
        asyncio.run(opened(server.ws_url))


def test_nobody_there_is_unreachable():
    with pytest.raises(ServiceUnavailableError, match="could not be reached"):
        asyncio.run(opened("ws://127.0.0.1:9"))


def test_pauses_between_tries_grow_and_stay_within_their_bound():
    for attempt in range(1, 40):
        bound = min(30.0, 0.25 * 2 ** (attempt - 1))
        pauses = [backoff(attempt) for _ in range(50)]
        assert all(bound / 10 <= pause <= bound for pause in pauses)
        assert len(set(pauses)) > 10

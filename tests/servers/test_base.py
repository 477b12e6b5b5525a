"""The servers of the tests are held to their own word: what they are told to do wrong, they do wrong."""

import time

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from tests.servers.base import LIES, Answer, BadDays, LocalServer


class WeatherServer(LocalServer):
    rows = tuple({"s": "OSLO", "temp": 1.0 + day, "t": f"2024-01-0{day}"} for day in range(1, 6))

    def answer(self, request):
        if request.headers.get("x-key") != "K":
            return self.error(401, "unknown key")
        rows, token = self.page(request, self.rows, request.query.get("page"), size=2)
        told = self.lied(rows, price="temp", time="t", earlier="1999-01-04", symbol="s")
        return Answer({"rows": told, "next": token})

    def talk(self, socket):
        for message in self.hear(socket):
            socket.send(message)


@pytest.fixture
def server():
    with WeatherServer() as running:
        yield running


@pytest.fixture
def client(server):
    with httpx.Client(base_url=server.http_url, headers={"X-Key": "K"}) as opened:
        yield opened


def pages(client, most=8):
    found, token = [], None
    for _ in range(most):
        answer = client.get("/rows", params={"page": token} if token else None).json()
        found.append([row["t"] for row in answer["rows"]])
        token = answer["next"]
        if token is None or "://" in token:
            break
    return found, token


def test_a_good_day(server, client):
    assert pages(client) == (
        [["2024-01-01", "2024-01-02"], ["2024-01-03", "2024-01-04"], ["2024-01-05"]],
        None,
    )
    assert [request.page for request in server.calls("/rows")] == [1, 2, 3]
    assert server.was_told("K")
    assert httpx.get(f"{server.http_url}/rows").json() == {"message": "unknown key"}


def test_pages_go_wrong(server, client):
    server.bad.next_page = "loop"
    found, token = pages(client, 7)
    assert token == "page-2"
    assert found[3:5] == [["2024-01-03", "2024-01-04"], ["2024-01-05"]]
    server.bad.next_page = "repeat"
    assert [len(rows) for rows in pages(client)[0]] == [2, 2, 2, 1]
    server.bad.next_page = "http://stranger.example/next"
    assert pages(client)[1] == "http://stranger.example/next"


def test_a_cut_answer_ends_in_the_middle(server, client):
    server.bad.cut = 1
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/rows")
    assert client.get("/rows").status_code == 200
    server.bad.cut_at_once = 1
    with pytest.raises(httpx.TransportError):
        client.get("/rows")


def test_limits_failures_and_pages_of_apology(server, client):
    server.bad.limit(0.2)
    answer = client.get("/rows")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    time.sleep(0.25)
    assert client.get("/rows").status_code == 200
    server.bad = BadDays(failing=1, html=1, not_json=1)
    assert [client.get("/rows").status_code for _ in range(2)] == [503, 502]
    with pytest.raises(ValueError, match=r"Expecting|delimiter|Unterminated"):
        client.get("/rows").json()
    assert client.get("/rows").json()
    server.bad = BadDays(refusal=(422, {"message": "no such thing"}), from_page=2)
    assert client.get("/rows").status_code == 200
    assert client.get("/rows?page=page-2").json() == {"message": "no such thing"}
    server.bad = BadDays(redirect_to="http://stranger.example/")
    assert client.get("/rows").status_code == 302


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_told_about_one_row_and_once(server, client, lie):
    server.bad.tell(lie)
    first = client.get("/rows").json()["rows"]
    assert sum(row not in server.rows for row in first) == 1
    assert client.get("/rows").json()["rows"] == list(server.rows[:2])


def test_websockets_echo_are_cut_and_go_deaf(server):
    with connect(f"{server.ws_url}/v2/iex?a=1", additional_headers={"X-Key": "K"}) as socket:
        socket.send("hello")
        assert socket.recv(2) == "hello"
        assert (server.seen[-1].path, server.seen[-1].query) == ("/v2/iex", {"a": "1"})
        server.deafen()
        assert not socket.ping().wait(0.2)
        server.cut_sockets()
        with pytest.raises(ConnectionClosedError):
            socket.recv(2)
    assert server.heard == ["hello"]

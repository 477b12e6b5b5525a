"""Calls over real sockets: what is retried, what is waited for, what is refused, and what never shows."""

import logging
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers.base import Answer, LocalServer
from workbench.errors import (
    NeedsLoginError,
    RateLimitedError,
    ServiceAnswerError,
    ServiceRefusedError,
    ServiceUnavailableError,
)
from workbench.transport import Transport
from workbench.transport.states import FAILURES_TO_OPEN, ServiceStates

HAMMER = Path(__file__).with_name("hammer_process.py")
KEY = "k3y-Th4t-must-n0t-show"


class EchoServer(LocalServer):
    """Answers with what it was asked; the path /status/N answers with that status."""

    def answer(self, request):
        if request.path.startswith("/status/"):
            return self.error(int(request.path.rsplit("/", 1)[1]), f"you said {request.headers.get('x-key')}")
        if request.path == "/page":
            return Answer("<html>maintenance</html>", content_type="text/html")
        return Answer({"path": request.path, "query": request.query, "method": request.method})


@pytest.fixture
def server():
    with EchoServer() as running:
        yield running


def client_of(server, folder=None, **options):
    options = {"headers": {"X-Key": KEY}, "secrets": [KEY], "timeout": 1.0, "patience": 5.0} | options
    return Transport(folder).client(server.http_url, service="echo", label="Echo", **options)


def test_a_call_carries_the_headers_and_says_who_asks(server):
    with client_of(server) as client:
        assert client.get_json("/bars", {"symbols": "A,B"})["query"] == {"symbols": "A,B"}
    seen = server.seen[0]
    assert seen.headers["x-key"] == KEY
    assert seen.headers["user-agent"].startswith("workbench-desk/")
    assert len(seen.headers["x-request-id"]) == 32


@pytest.mark.parametrize("trouble", ["failing", "cut", "cut_at_once"])
def test_a_call_that_only_reads_is_made_again(server, trouble):
    setattr(server.bad, trouble, 2)
    with client_of(server) as client:
        assert client.get_json("/bars")["path"] == "/bars"
    assert len(server.seen) == 3


@pytest.mark.parametrize("trouble", ["failing", "cut", "cut_at_once"])
def test_a_call_that_acts_is_made_once(server, trouble):
    setattr(server.bad, trouble, 1)
    with client_of(server) as client, pytest.raises(ServiceUnavailableError):
        client.post_json("/orders", {"quantity": 1})
    assert len(server.seen) == 1


def test_a_call_that_acts_may_be_made_again_where_it_is_said_to_be_safe(server):
    server.bad.failing = 1
    with client_of(server) as client:
        assert client.post_json("/token", {}, safe=True)["method"] == "POST"
    assert len(server.seen) == 2


def test_too_many_calls_are_waited_for_as_the_service_asks(server):
    server.bad.limit(1.2)
    began = time.monotonic()
    with client_of(server) as client:
        assert client.get_json("/bars")
    assert time.monotonic() - began >= 1
    assert len(server.seen) <= 4


def test_a_limit_that_lasts_longer_than_patience_is_told_with_its_end(server):
    server.bad.limit(60)
    with client_of(server, patience=1.0) as client:
        with pytest.raises(RateLimitedError, match="Echo wants fewer calls") as told:
            client.get_json("/bars")
        assert 50 < (told.value.retry_at - datetime.now(UTC)).total_seconds() < 70
        # The next call knows it, and does not knock again.
        with pytest.raises(RateLimitedError):
            client.get_json("/bars")
    assert len(server.seen) == 1


def test_a_slow_service_is_unreachable_and_a_dead_one_too(server):
    server.bad.slow = 2.0
    slow = client_of(server, timeout=0.2, attempts=1)
    with slow, pytest.raises(ServiceUnavailableError, match="no answer in time"):
        slow.get_json("/bars")
    dead = Transport().client("http://127.0.0.1:9", service="echo", label="Echo", attempts=1)
    with dead, pytest.raises(ServiceUnavailableError, match="could not be reached"):
        dead.get_json("/bars")


@pytest.mark.parametrize(
    "status, error, state",
    [
        (401, NeedsLoginError, "needs_login"),
        (403, ServiceRefusedError, "refused"),
        (404, ServiceRefusedError, "refused"),
        (422, ServiceRefusedError, "refused"),
        (302, ServiceAnswerError, "bad_answer"),
        (500, ServiceUnavailableError, "unreachable"),
    ],
)
def test_each_status_is_a_state_in_the_services_words_without_the_key(server, status, error, state, caplog):
    caplog.set_level(logging.DEBUG)
    with client_of(server, attempts=2) as client, pytest.raises(error) as told:
        client.get_json(f"/status/{status}")
    assert told.value.state == state
    assert told.value.service == "Echo"
    if status not in (302,):
        assert "you said [redacted]" in str(told.value)
    assert KEY not in str(told.value) + caplog.text


def test_a_redirect_is_not_followed(server):
    with EchoServer() as other:
        server.bad.redirect_to = other.http_url + "/bars"
        with client_of(server) as client, pytest.raises(ServiceAnswerError, match="redirect"):
            client.get_json("/bars")
        assert not other.seen


@pytest.mark.parametrize(
    "address",
    [
        "{other}/next?page=2",
        "//127.0.0.1:1/next",
        "http://user:word@{own}/next",
        "ftp://{own}/next",
        "https://{own}.evil.example/next",
    ],
)
def test_a_next_page_on_another_host_is_refused_and_nothing_is_sent_there(server, address):
    with EchoServer() as other, client_of(server) as client:
        own = server.http_url.removeprefix("http://")
        with pytest.raises(ServiceAnswerError, match="another host"):
            client.next_json(address.format(other=other.http_url, own=own))
        assert not other.seen
    assert not server.seen


def test_a_next_page_of_its_own_is_asked_with_its_query_and_an_alias_is_rebased(server):
    with client_of(server, aliases=["api.echo.example"]) as client:
        assert client.next_json(server.http_url + "/next?cursor=a%2Fb")["query"] == {"cursor": "a/b"}
        assert client.next_json("https://api.echo.example/next?cursor=2")["query"] == {"cursor": "2"}
        assert client.next_json("/next?cursor=3")["query"] == {"cursor": "3"}
        # Without its slash this would become another host's address.
        assert client.next_json("@127.0.0.1:1/next")["path"] == "/@127.0.0.1:1/next"
    assert len(server.seen) == 4


def test_a_web_page_and_broken_json_are_no_answer(server):
    with client_of(server) as client:
        with pytest.raises(ServiceAnswerError, match="a web page"):
            client.get_json("/page")
        server.bad.not_json = 1
        with pytest.raises(ServiceAnswerError, match="no JSON"):
            client.get_json("/bars")


def test_a_token_that_ran_out_is_renewed_once(server):
    renewed = []
    client = client_of(server, renew=lambda: renewed.append(1) or True)
    with client, pytest.raises(NeedsLoginError):
        client.get_json("/status/401")
    assert renewed == [1]
    assert len(server.seen) == 2


def test_enough_failures_open_the_circuit_and_its_end_closes_it(server, monkeypatch):
    with client_of(server, attempts=1) as client:
        server.bad.failing = FAILURES_TO_OPEN
        for _ in range(FAILURES_TO_OPEN):
            with pytest.raises(ServiceUnavailableError):
                client.get_json("/bars")
        with pytest.raises(ServiceUnavailableError, match="did not answer 5 times in a row") as told:
            client.get_json("/bars")
        assert len(server.seen) == FAILURES_TO_OPEN
        assert told.value.retry_at > datetime.now(UTC)
        later = datetime.now(UTC) + timedelta(seconds=16)

        class Later(datetime):
            @classmethod
            def now(cls, tz=None):
                return later

        monkeypatch.setattr("workbench.transport.http.datetime", Later)
        assert client.get_json("/bars")["path"] == "/bars"


def test_states_are_shared_through_the_desks_folder(tmp_path, server):
    server.bad.limit(30)
    with client_of(server, tmp_path, patience=0.5) as client, pytest.raises(RateLimitedError):
        client.get_json("/bars")
    found = ServiceStates(tmp_path).get("echo")
    assert found.state == "rate_limited"
    assert found.retry_at > datetime.now(UTC)
    ServiceStates(tmp_path).forget("echo")
    assert ServiceStates(tmp_path).get("echo").state == "unknown"


def test_processes_hammering_together_stay_within_one_limit(tmp_path, server):
    command = [sys.executable, HAMMER, server.http_url, tmp_path, "2.5"]
    workers = [subprocess.Popen(command) for _ in range(3)]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    calls = [request.at for request in server.seen]
    assert len(calls) >= 10
    for first in calls:
        # Ten in any second as they were counted; on the wire a call may come a little late.
        assert sum(first <= at < first + 0.9 for at in calls) <= 10

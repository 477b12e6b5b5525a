"""What every provider must keep that speaks over a network, against a local server that speaks its protocol.

A test class inherits it beside `ProviderContract` and gives a fixture `connected`, a `Connected`::

    class TestAlpaca(ProviderContract, SocketContract):
        lies = (*LIES,)          # those that the service's rows can tell

        @pytest.fixture
        def connected(self):
            with AlpacaServer(world) as server:
                yield Connected(server=server, connect=lambda keys, transport: AlpacaProvider(...), ...)

The question (`ask`) must be one whose good answer comes in three pages or more; a service without pages says
`paged = False` and the tests about pages ask instead that one call is enough. `HurriedTransport` gives up
sooner than a desk's does, so that bad days take a moment and not a minute.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd
import pytest

from tests.servers.base import ALWAYS, LIES, STRANGER, BadDays, LocalServer
from workbench.errors import (
    IncompleteAnswerError,
    NeedsLoginError,
    NotConnectedError,
    RateLimitedError,
    ServiceAnswerError,
    ServiceError,
    ServiceRefusedError,
    ServiceUnavailableError,
)
from workbench.transport import Transport

TIMEOUT = 1.0


class HurriedTransport(Transport):
    """A transport that waits a second for an answer, asks three times, and keeps all in memory."""

    made: ClassVar[list[Any]] = []

    def __init__(self, **changes: Any) -> None:
        super().__init__(None)
        self._changes = {"timeout": TIMEOUT, "attempts": 3, "patience": 4.0} | changes

    def client(self, base_url: str, **options: Any) -> Any:
        client = super().client(base_url, **(options | self._changes))
        self.made.append(client)
        return client

    @classmethod
    def close_all(cls) -> None:
        """Close the clients of all of them."""
        while cls.made:
            cls.made.pop().close()


@dataclass(frozen=True)
class Connected:
    """One provider and the server that it speaks to.

    Attributes
    ----------
    server : LocalServer
        Running, on a good day.
    connect : callable
        Takes keys (None: not connected) and a transport and returns the provider.
    keys : mapping
        Right keys; their values are secrets unless `public` names them.
    ask : callable
        Takes the provider and puts one question whose answer has several pages; returns its frame.
    refusal : tuple
        Status, body of an error as the service writes it, and words that the user must be told of it.
    expire : callable, optional
        Takes the server and lets what it had handed out expire, where that is more than `bad.expired`.
    renews : bool
        The provider signs in again by itself when its token has expired.
    pages_path : str
        Part of the path of the pages that `ask` reads.
    """

    server: LocalServer
    connect: Callable[[Mapping[str, str] | None, Transport], Any]
    keys: Mapping[str, str]
    ask: Callable[[Any], pd.DataFrame]
    refusal: tuple[int, Any, str]
    public: tuple[str, ...] = ()
    expire: Callable[[LocalServer], None] | None = None
    renews: bool = False
    pages_path: str = ""

    def provider(self, **changes: Any) -> Any:
        """Return a new provider with the right keys."""
        return self.connect(self.keys, HurriedTransport(**changes))

    @property
    def secrets(self) -> list[str]:
        """What must never show."""
        return [value for name, value in self.keys.items() if name not in self.public]

    def pages(self) -> list[Any]:
        """Return the requests for pages so far."""
        return self.server.calls(self.pages_path)


class SocketContract:
    """Inherit this beside `ProviderContract` and give a fixture `connected`."""

    lies: ClassVar[tuple[str, ...]] = LIES
    paged: ClassVar[bool] = True

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "lie" in metafunc.fixturenames:
            metafunc.parametrize("lie", metafunc.cls.lies)
        parent: Any = super()
        if hasattr(parent, "pytest_generate_tests"):
            parent.pytest_generate_tests(metafunc)

    @pytest.fixture(autouse=True)
    def _connections_are_closed(self):
        yield
        HurriedTransport.close_all()

    @pytest.fixture
    def connected(self) -> Connected:
        raise NotImplementedError("give a provider, its server and a question")

    @pytest.fixture
    def good(self, connected: Connected) -> pd.DataFrame:
        """The answer of a good day; what the server saw of it is forgotten."""
        found = connected.ask(connected.provider())
        assert len(found) > 2
        connected.server.seen.clear()
        return found

    # -- pages -------------------------------------------------------------------------------------------

    def test_every_page_is_read_once(self, connected, good):
        provider = connected.provider()
        same(connected.ask(provider), good)
        assert provider.quarantined().empty
        asked = [
            (request.path, tuple(sorted(request.query.items())), request.body)
            for request in connected.pages()
        ]
        assert len(asked) == len(set(asked))
        assert (len(asked) >= 3) == self.paged

    def test_a_page_that_comes_twice_counts_once(self, connected, good):
        connected.server.bad.next_page = "repeat"
        same(connected.ask(connected.provider()), good)

    def test_pages_that_go_round_in_a_circle_are_left_with_what_they_held(self, connected, good):
        connected.server.bad.next_page = "loop"
        if not self.paged:
            same(connected.ask(connected.provider()), good)
            return
        with pytest.raises(IncompleteAnswerError) as caught:
            connected.ask(connected.provider())
        assert caught.value.state == "bad_answer"
        same(caught.value.rows, good)
        assert len(connected.pages()) < 12

    def test_a_next_page_on_another_host_is_refused_and_never_sent_the_key(self, connected, good):
        with LocalServer() as stranger:
            connected.server.bad.next_page = f"{stranger.http_url}/next"
            if self.paged:
                with pytest.raises(IncompleteAnswerError) as caught:
                    connected.ask(connected.provider())
                assert caught.value.state == "bad_answer"
                assert 0 < len(caught.value.rows) < len(good)
            else:
                same(connected.ask(connected.provider()), good)
            assert stranger.seen == []

    def test_a_redirect_to_another_host_is_not_followed(self, connected, good):
        with LocalServer() as stranger:
            connected.server.bad.redirect_to = f"{stranger.http_url}/there"
            with pytest.raises(ServiceError):
                connected.ask(connected.provider())
            assert stranger.seen == []

    # -- limits ------------------------------------------------------------------------------------------

    def test_a_limit_that_ends_soon_is_waited_for(self, connected, good):
        connected.server.bad.limit(0.8)
        same(connected.ask(connected.provider()), good)
        limited = [request for request in connected.server.seen if request.status == 429]
        assert 1 <= len(limited) <= 3

    def test_a_long_limit_is_a_state_with_its_end(self, connected, good):
        connected.server.bad.limit(600)
        before = pd.Timestamp.now("UTC")
        with pytest.raises(RateLimitedError) as caught:
            connected.ask(connected.provider())
        assert caught.value.state == "rate_limited"
        assert caught.value.retry_at is not None
        assert pd.Timestamp(caught.value.retry_at) > before
        assert len(connected.server.seen) <= 4

    def test_a_limit_in_the_middle_keeps_what_had_come(self, connected, good):
        if not self.paged:
            return
        connected.server.bad = BadDays(from_page=2)
        connected.server.bad.limit(600)
        with pytest.raises(IncompleteAnswerError) as caught:
            connected.ask(connected.provider())
        assert caught.value.state == "rate_limited"
        assert 0 < len(caught.value.rows) < len(good)

    # -- bad lines ---------------------------------------------------------------------------------------

    def test_a_burst_of_failures_is_ridden_out(self, connected, good):
        connected.server.bad = BadDays(failing=2)
        same(connected.ask(connected.provider()), good)

    def test_a_service_out_of_order_is_unreachable_not_empty(self, connected, good):
        connected.server.bad = BadDays(failing=ALWAYS)
        with pytest.raises(ServiceUnavailableError) as caught:
            connected.ask(connected.provider())
        assert caught.value.state == "unreachable"

    def test_a_cut_answer_is_asked_for_again(self, connected, good):
        connected.server.bad = BadDays(cut=1)
        same(connected.ask(connected.provider()), good)
        connected.server.bad = BadDays(cut_at_once=1)
        same(connected.ask(connected.provider()), good)

    def test_a_service_that_dies_in_mid_page_leaves_the_pages_that_had_come(self, connected, good):
        if not self.paged:
            connected.server.bad = BadDays(cut=ALWAYS)
            with pytest.raises(ServiceUnavailableError):
                connected.ask(connected.provider())
            return
        connected.server.bad = BadDays(cut=ALWAYS, from_page=2)
        with pytest.raises(IncompleteAnswerError) as caught:
            connected.ask(connected.provider())
        assert caught.value.state == "unreachable"
        rows = caught.value.rows
        assert 0 < len(rows) < len(good)
        assert len(rows.merge(good, how="inner")) == len(rows)
        # The next run heals it.
        connected.server.bad = BadDays()
        same(connected.ask(connected.provider()), good)

    def test_a_slow_answer_is_waited_for_and_a_silent_service_is_not(self, connected, good):
        connected.server.bad = BadDays(slow=TIMEOUT / 10)
        same(connected.ask(connected.provider()), good)
        connected.server.bad = BadDays(slow=TIMEOUT * 2)
        start = time.monotonic()
        with pytest.raises(ServiceUnavailableError):
            connected.ask(connected.provider(attempts=1))
        assert time.monotonic() - start < 8

    def test_a_page_of_apology_and_half_a_document_are_no_answer(self, connected, good):
        connected.server.bad = BadDays(html=1)
        same(connected.ask(connected.provider()), good)
        for bad in (BadDays(html=ALWAYS, html_status=200), BadDays(not_json=ALWAYS)):
            connected.server.bad = bad
            with pytest.raises((ServiceAnswerError, ServiceUnavailableError)):
                connected.ask(connected.provider())

    @pytest.mark.parametrize("body", [[], {}, None, 7, "maintenance", {"results": "none today"}], ids=repr)
    def test_an_answer_of_another_shape_is_told_and_never_crashes(self, connected, good, body):
        connected.server.bad = BadDays(refusal=(200, body))
        try:
            found = connected.ask(connected.provider())
        except (ServiceError, LookupError) as error:
            assert str(error)
        else:
            assert found.empty

    # -- refusals ----------------------------------------------------------------------------------------

    def test_a_refusal_is_told_in_the_services_words(self, connected, good):
        status, body, words = connected.refusal
        connected.server.bad = BadDays(refusal=(status, body))
        with pytest.raises(ServiceRefusedError, match=words) as caught:
            connected.ask(connected.provider())
        assert caught.value.state == "refused"
        assert caught.value.service
        assert len(connected.server.seen) <= 2

    def test_keys_that_are_taken_no_more_are_a_state_and_no_storm(self, connected, good):
        provider = connected.provider()
        connected.ask(provider)
        connected.server.seen.clear()
        connected.server.bad.expired = True
        if connected.expire is not None:
            connected.expire(connected.server)
        if connected.renews:
            same(connected.ask(provider), good)
            return
        with pytest.raises(NeedsLoginError) as caught:
            connected.ask(provider)
        assert caught.value.state == "needs_login"
        assert len(connected.server.seen) <= 2

    def test_wrong_keys_are_a_state_and_no_storm(self, connected):
        wrong = {name: f"wrong-{name}-0123456789" for name in connected.keys}
        with pytest.raises((NeedsLoginError, ServiceRefusedError)):
            connected.ask(connected.connect(wrong, HurriedTransport()))
        assert len(connected.server.seen) <= 2

    def test_without_keys_it_is_not_connected_and_nothing_is_asked(self, connected):
        if not connected.keys:
            connected.ask(connected.connect(None, HurriedTransport()))
            return
        for keys in (None, {}, dict.fromkeys(connected.keys, "")):
            provider = connected.connect(keys, HurriedTransport())
            with pytest.raises(NotConnectedError, match="workbench connect") as caught:
                connected.ask(provider)
            assert caught.value.state == "not_connected"
        assert connected.server.seen == []

    # -- lies --------------------------------------------------------------------------------------------

    def test_a_row_that_lies_is_set_aside_with_its_reason_and_the_others_stay(self, connected, good, lie):
        provider = connected.provider()
        connected.server.bad.tell(lie)
        found = connected.ask(provider)
        bad = provider.quarantined()
        assert connected.server.bad.lie is None, "the server did not tell the lie"
        assert len(bad) == 1
        assert bad["reason"].str.len().gt(5).all()
        assert bad["text"].str.len().gt(0).all()
        assert bad["file"].str.contains("page").all() or not self.paged
        assert len(found.merge(good, how="inner")) == len(found)
        assert len(found) == len(good) - (lie != "unasked_symbol")
        if lie == "unasked_symbol":
            assert (bad["symbol"] == STRANGER).all()
            assert bad["reason"].str.contains("asked").all()
        # The next run heals it.
        same(connected.ask(connected.provider()), good)

    # -- secrets -----------------------------------------------------------------------------------------

    def test_no_secret_is_in_any_error_log_or_quarantined_row(self, connected, good, caplog):
        caplog.set_level(logging.DEBUG)
        said: list[str] = []
        echo = " ".join(connected.secrets)
        for bad in (
            BadDays(refusal=(400, {"message": f"your key {echo} is odd", "error": echo, "status": "error"})),
            BadDays(refusal=(200, {"message": echo})),
            BadDays(failing=ALWAYS),
            BadDays(html=ALWAYS),
            BadDays(cut=ALWAYS),
        ):
            connected.server.bad = bad
            provider = connected.provider(attempts=2)
            try:
                connected.ask(provider)
            except Exception as error:  # noqa: BLE001, whatever is raised may carry it
                chain: BaseException | None = error
                while chain is not None:
                    said.append(f"{chain} {chain!r} {chain.args}")
                    chain = chain.__cause__
            said.append(provider.quarantined().to_csv())
            said.append(repr(provider))
        # Logs of our own; those of the libraries hold addresses only at levels that a desk does not keep.
        said += [f"{record.getMessage()} {record.__dict__}" for record in caplog.records if _ours(record)]
        for secret in connected.secrets:
            assert not any(secret in words for words in said)

    def test_the_secret_is_sent_to_its_own_service(self, connected, good):
        """Else the tests that it went nowhere else would prove nothing."""
        connected.ask(connected.provider())
        assert all(connected.server.was_told(secret) for secret in connected.secrets)


def same(found: pd.DataFrame, good: pd.DataFrame) -> None:
    """Hold that two answers are the same rows."""
    pd.testing.assert_frame_equal(found.reset_index(drop=True), good.reset_index(drop=True))


def _ours(record: logging.LogRecord) -> bool:
    return record.name.startswith("workbench") or record.levelno >= logging.WARNING

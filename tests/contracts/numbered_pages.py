"""What differs in the contract where pages are asked for by number, and where no key is needed."""

from typing import Any

from tests.contracts.socket_contract import HurriedTransport, same
from tests.servers.base import LocalServer


class NumberedPages:
    """Inherit before `SocketContract`: answers name no next page, so a foreign one has nowhere to stand."""

    def test_a_next_page_on_another_host_is_refused_and_never_sent_the_key(
        self, connected: Any, good: Any
    ) -> None:
        """Whatever address an answer carries, the next number is asked of the service itself."""
        with LocalServer() as stranger:
            connected.server.bad.next_page = f"{stranger.http_url}/next"
            same(connected.ask(connected.provider()), good)
            assert stranger.seen == []


class Keyless:
    """Inherit before `SocketContract`: a service without keys has none that could be wrong."""

    def test_wrong_keys_are_a_state_and_no_storm(self, connected: Any) -> None:
        """Keys that nobody asked for are not sent."""
        found = connected.ask(connected.connect({"api_key": "not-asked-for-0123456789"}, HurriedTransport()))
        assert len(found) > 2
        assert not connected.server.was_told("not-asked-for-0123456789")

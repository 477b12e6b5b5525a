"""Finnhub keeps the contracts of providers and of services over a network."""

import pytest

from tests.contracts.provider_contract import Known, Promised, ProviderContract
from tests.contracts.socket_contract import Connected, HurriedTransport, SocketContract
from tests.servers.base import ALWAYS, BadDays
from tests.servers.earnings_calendars import FINNHUB_KEY, FinnhubServer
from workbench.errors import DateInputError, IncompleteAnswerError
from workbench.providers.finnhub import FinnhubProvider
from workbench.settings import FinnhubSettings

KEYS = {"api_key": FINNHUB_KEY}


def report(symbol, date, hour, quarter, **more):
    """Return a date as the service writes it."""
    return {
        "symbol": symbol, "date": date, "hour": hour, "quarter": quarter, "year": 2026, "epsEstimate": 1.8,
        "epsActual": None, "revenueEstimate": 102e9, "revenueActual": None, **more,
    }  # fmt: skip


@pytest.fixture
def server():
    with FinnhubServer() as server:
        server.reports = [
            report("AAPL", "2026-01-29", "amc", 1, epsActual=2.4, revenueActual=124e9),
            report("AAPL", "2026-04-30", "amc", 2),
            report("AAPL", "2026-07-30", "", 3),
            report("AAPL", "2026-10-29", "bmo", 4),
            report("JPM", "2026-10-13", "bmo", 3),
        ]
        yield server


def provider_of(server, keys=KEYS, transport=None):
    settings = FinnhubSettings(rest_url=f"{server.http_url}/api/v1")
    return FinnhubProvider(settings, keys, transport or HurriedTransport())


class TestFinnhub(ProviderContract, SocketContract):
    kinds = ("earnings",)
    # A price that is zero or negative is a loss here, and no lie.
    lies = ("wrong_type", "missing_time", "time_back", "unasked_symbol")
    paged = False

    @pytest.fixture
    def promised(self, server):
        return Promised(
            provider_of(server),
            "AAPL",
            "APPL",
            known={
                "earnings": Known(
                    {
                        "symbol": "AAPL",
                        "date": "2026-01-29",
                        "session": "after_close",
                        "fiscal_period": "2026Q1",
                        "eps_estimate": 1.8,
                        "eps_actual": 2.4,
                        "revenue_actual": 124e9,
                        "confirmed": False,
                    },
                    "2026-01-01",
                    "2026-12-31",
                )
            },
        )

    @pytest.fixture
    def connected(self, server):
        return Connected(
            server=server,
            connect=lambda keys, transport: provider_of(server, keys, transport),
            keys=KEYS,
            ask=lambda provider: provider.earnings(["AAPL"], "2026-01-01", "2026-12-31"),
            refusal=(403, {"error": "You don't have access to this resource."}, "have access"),
            pages_path="/calendar/earnings",
        )


def test_the_whole_market_is_asked_for_week_by_week(server):
    found = provider_of(server).earnings(None, "2026-10-01", "2026-10-31")
    assert found["symbol"].tolist() == ["AAPL", "JPM"]
    periods = [(request.query["from"], request.query["to"]) for request in server.calls("/calendar")]
    assert periods[0] == ("2026-10-01", "2026-10-07")
    assert periods[-1] == ("2026-10-29", "2026-10-31")
    assert len(periods) == 5


def test_weeks_that_had_come_stay_when_a_later_one_fails(server):
    asked = []

    def later(request):
        asked.append(request)
        return len(asked) > 3

    server.bad = BadDays(failing=ALWAYS, only=later)
    with pytest.raises(IncompleteAnswerError) as caught:
        provider_of(server).earnings(None, "2026-10-01", "2026-10-31")
    assert caught.value.rows["symbol"].tolist() == ["JPM"]


def test_an_open_period_is_refused(server):
    with pytest.raises(DateInputError, match="`start` and `end`"):
        provider_of(server).earnings(None, "2026-10-01")


def test_many_symbols_are_read_out_of_the_whole_calendar(server):
    many = [f"T{n}" for n in range(20)] + ["JPM"]
    found = provider_of(server).earnings(many, "2026-10-12", "2026-10-18")
    assert found["symbol"].tolist() == ["JPM"]
    assert provider_of(server).earnings(many, "2026-10-26", "2026-10-31").empty
    assert len(server.calls("/calendar")) == 2

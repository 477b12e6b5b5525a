"""Financial Modeling Prep keeps the contracts of providers and of services over a network."""

import pytest

from tests.contracts.provider_contract import Known, Promised, ProviderContract
from tests.contracts.socket_contract import Connected, HurriedTransport, SocketContract
from tests.servers.base import ALWAYS, BadDays
from tests.servers.earnings_calendars import FMP_KEY, FmpServer
from workbench.errors import IncompleteAnswerError, ServiceAnswerError
from workbench.providers.fmp import FmpProvider
from workbench.settings import FmpSettings

KEYS = {"api_key": FMP_KEY}


def report(symbol, date, **more):
    """Return a date as the service writes it."""
    return {
        "symbol": symbol, "date": date, "epsActual": None, "epsEstimated": 1.8, "revenueActual": None,
        "revenueEstimated": 102e9, "lastUpdated": "2026-09-01", **more,
    }  # fmt: skip


@pytest.fixture
def server():
    with FmpServer() as server:
        server.reports = [
            report("AAPL", "2026-10-29"),
            report("BRK-B", "2026-10-31"),
            report("MSFT", "2026-10-27", epsActual=3.1),
            report("JPM", "2026-10-13"),
        ]
        yield server


def provider_of(server, keys=KEYS, transport=None):
    return FmpProvider(FmpSettings(rest_url=server.http_url), keys, transport or HurriedTransport())


class TestFmp(ProviderContract, SocketContract):
    kinds = ("earnings",)
    # Every answer is of the whole market, so that no symbol is one that nobody asked for.
    lies = ("wrong_type", "missing_time", "time_back")
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
                        "date": "2026-10-29",
                        "session": "unknown",
                        "fiscal_period": "2026-10-29",
                        "eps_estimate": 1.8,
                        "eps_actual": None,
                        "confirmed": False,
                    },
                    "2026-10-26",
                    "2026-10-31",
                )
            },
        )

    @pytest.fixture
    def connected(self, server):
        return Connected(
            server=server,
            connect=lambda keys, transport: provider_of(server, keys, transport),
            keys=KEYS,
            ask=lambda provider: provider.earnings(None, "2026-10-26", "2026-10-31"),
            refusal=(402, {"Error Message": "Exclusive Endpoint: upgrade your plan."}, "Exclusive Endpoint"),
            pages_path="/stable/earnings-calendar",
        )


def test_weeks_that_had_come_stay_when_a_later_one_dies_in_the_middle(server):
    late = BadDays(cut=ALWAYS, only=lambda request: request.query["from"] > "2026-10-20")
    server.bad = late
    with pytest.raises(IncompleteAnswerError) as caught:
        provider_of(server).earnings(None, "2026-10-01", "2026-10-31")
    assert caught.value.rows["symbol"].tolist() == ["JPM"]
    server.bad = BadDays()
    assert len(provider_of(server).earnings(None, "2026-10-01", "2026-10-31")) == 4


def test_classes_of_shares_have_a_dot(server):
    found = provider_of(server).earnings(["BRK.B"], "2026-10-01", "2026-10-31")
    assert found["symbol"].tolist() == ["BRK.B"]


def test_an_answer_cut_at_the_services_own_limit_is_told(server):
    server.reports = [report(f"T{n}", "2026-10-29") for n in range(4_000)]
    with pytest.raises(ServiceAnswerError, match="4,000 rows"):
        provider_of(server).earnings(None, "2026-10-28", "2026-10-30")

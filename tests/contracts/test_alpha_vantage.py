"""Alpha Vantage keeps the contracts of providers and of services over a network; complaints are no zeros."""

import pandas as pd
import pytest

from tests.contracts.provider_contract import Known, Promised, ProviderContract
from tests.contracts.socket_contract import Connected, HurriedTransport, SocketContract
from tests.servers.earnings_calendars import ALPHA_VANTAGE_KEY, AlphaVantageServer
from workbench.errors import NeedsLoginError, RateLimitedError, ServiceAnswerError, ServiceRefusedError
from workbench.providers.alpha_vantage import AlphaVantageProvider, records_of
from workbench.settings import AlphaVantageSettings

KEYS = {"api_key": ALPHA_VANTAGE_KEY}


def report(symbol, date, ending, estimate, hour=""):
    """Return a line of the calendar."""
    return {
        "symbol": symbol, "name": f"{symbol}, Incorporated", "reportDate": date, "fiscalDateEnding": ending,
        "estimate": estimate, "currency": "USD", "timeOfTheDay": hour,
    }  # fmt: skip


@pytest.fixture
def server():
    with AlphaVantageServer() as server:
        server.reports = [
            report("AAPL", "2027-01-28", "2026-12-31", "2.66", "post-market"),
            report("AAPL", "2027-04-29", "2027-03-31", "1.81"),
            report("AAPL", "2027-07-29", "2027-06-30", ""),
            report("BRK-B", "2027-02-20", "2026-12-31", "5.1", "pre-market"),
            report("IBM", "2027-01-20", "2026-12-31", "4.2", "post-market"),
        ]
        yield server


def provider_of(server, keys=KEYS, transport=None):
    settings = AlphaVantageSettings(rest_url=server.http_url)
    return AlphaVantageProvider(settings, keys, transport or HurriedTransport())


class TestAlphaVantage(ProviderContract, SocketContract):
    kinds = ("earnings",)
    # A calendar holds what is ahead whatever was asked, so that a date that is gone is left out.
    lies = ("wrong_type", "missing_time", "unasked_symbol")
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
                        "date": "2027-01-28",
                        "session": "after_close",
                        "fiscal_period": "2026-12-31",
                        "eps_estimate": 2.66,
                        "confirmed": False,
                    },
                    "2026-12-01",
                    "2027-12-31",
                )
            },
        )

    @pytest.fixture
    def connected(self, server):
        return Connected(
            server=server,
            connect=lambda keys, transport: provider_of(server, keys, transport),
            keys=KEYS,
            ask=lambda provider: provider.earnings(["AAPL"], "2026-12-01", "2027-12-31"),
            refusal=(200, {"Information": "This is a premium endpoint."}, "premium endpoint"),
            pages_path="/query",
        )


@pytest.mark.parametrize(
    ("body", "error", "state"),
    [
        (
            '{"Note": "Our standard API call frequency is 5 calls per minute."}',
            RateLimitedError,
            "rate_limited",
        ),
        ('{"Information": "The rate limit is 25 requests per day."}', RateLimitedError, "rate_limited"),
        ('{"Error Message": "the parameter apikey is invalid or missing"}', NeedsLoginError, "needs_login"),
        ('{"Information": "This is a premium endpoint."}', ServiceRefusedError, "refused"),
        ("{}", ServiceAnswerError, "bad_answer"),
        ("<html>", ServiceAnswerError, "bad_answer"),
        ("", ServiceAnswerError, "bad_answer"),
    ],
)
def test_a_complaint_with_status_200_is_a_state(body, error, state):
    with pytest.raises(error) as caught:
        records_of(body)
    assert caught.value.state == state


def test_an_empty_calendar_is_empty_and_columns_may_stand_anywhere():
    assert records_of("symbol,name,reportDate,fiscalDateEnding,estimate,currency\r\n") == []
    header = "symbol,currency,estimate,reportDate,extra,fiscalDateEnding,name"
    found = records_of(f'{header}\r\nA,USD,1,2027-01-02,x,2026-12-31,"A, B"\r\n')
    assert found[0]["fiscal_period"] == "2026-12-31"
    assert found[0]["session"] == "unknown"


def test_an_empty_estimate_is_missing_and_not_zero(server):
    found = provider_of(server).earnings(["AAPL"], "2027-07-01", "2027-07-31")
    assert pd.isna(found["eps_estimate"].iloc[0])


def test_three_symbols_cost_one_call(server):
    found = provider_of(server).earnings(["AAPL", "BRK.B", "MSFT"], "2026-12-01", "2027-12-31")
    assert found["symbol"].tolist() == ["AAPL"] * 3 + ["BRK.B"]
    assert len(server.calls("/query")) == 1
    assert "symbol" not in server.calls("/query")[0].query


def test_classes_of_shares_are_asked_for_with_a_hyphen(server):
    found = provider_of(server).earnings(["BRK.B"], "2026-12-01", "2027-12-31")
    assert found["session"].tolist() == ["before_open"]
    assert server.calls("/query")[0].query["symbol"] == "BRK-B"

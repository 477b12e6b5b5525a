"""When index options settle, by the exchanges' specifications and calendars."""

import numpy as np
import pandas as pd
import pytest

from workbench.market import session_close, session_open, years_to_expiry
from workbench.market.calendars import settlement_instants
from workbench.market.settlement import is_monthly_expiry, root_of_index, settlement_of, settlements_of


@pytest.mark.parametrize(
    "root, expiry, settlement",
    [
        ("SPX", "2021-09-17", "AM"),
        ("SPXW", "2021-09-17", "PM"),
        ("SPX", "2021-09-24", "PM"),  # a vendor that knows one root for all
        ("NDX", "2021-09-17", "AM"),
        ("NDXP", "2021-09-17", "PM"),
        ("RUT", "2021-09-17", "AM"),
        ("RUTW", "2021-09-24", "PM"),
        ("VIX", "2021-09-15", "AM"),
        ("VIXW", "2021-09-22", "AM"),
        ("XSP", "2021-09-17", "PM"),
        ("OEX", "2021-09-17", "PM"),
        ("XEO", "2021-09-17", "PM"),
        ("SPY", "2021-09-17", "PM"),
        ("SPX", "2013-06-22", "AM"),  # the Saturday, as symbols had it then
    ],
)
def test_roots_settle_as_the_exchanges_say(root, expiry, settlement):
    assert settlement_of(root, expiry) == settlement


@pytest.mark.parametrize(
    "day, monthly",
    [
        ("2021-09-17", True),
        ("2021-09-16", False),
        ("2021-10-01", False),
        ("2021-10-15", True),
        ("2014-04-19", True),
        ("2014-04-17", True),  # Good Friday 2014 was the third Friday
        ("2026-06-18", True),  # and Juneteenth 2026
        ("2026-06-26", False),
    ],
)
def test_the_monthly_expiry_is_the_third_friday_or_its_stand_in(day, monthly):
    assert is_monthly_expiry(day) is monthly


def test_a_ticker_alone_means_the_root_of_its_day():
    assert [root_of_index("SPX", day) for day in ("2021-09-17", "2021-09-20")] == ["SPX", "SPXW"]
    assert root_of_index("AAPL", "2021-09-20") == "AAPL"


def test_many_at_once_are_the_same_one_by_one():
    roots, days = ["SPX", "SPXW", "SPY"] * 3, ["2021-09-17"] * 9
    found = settlements_of(roots, pd.to_datetime(days))
    assert found.tolist() == [settlement_of(*each) for each in zip(roots, days, strict=True)]


def test_a_morning_contract_has_a_session_less_than_its_evening_twin():
    """From Thursday's close: to Friday's open are 17.5 hours, to its close 24."""
    quoted = pd.Timestamp("2021-09-16 16:00", tz="America/New_York")
    years = years_to_expiry(quoted, ["2021-09-17"] * 2, settlement=["AM", "PM"])
    np.testing.assert_allclose(years * 365 * 24, [17.5, 24], rtol=1e-12)


def test_a_saturday_settles_with_the_friday_before():
    at = settlement_instants(["2013-06-22", "2013-06-22", None], settlement=np.array(["AM", "PM", "PM"]))
    friday = pd.Timestamp("2013-06-21")
    assert at[0] == session_open("XNYS", friday)
    assert at[1] == session_close("XNYS", friday)
    assert at[2] is pd.NaT

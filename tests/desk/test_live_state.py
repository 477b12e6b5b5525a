"""Live, old, stale, closed: what a quote may be called, and why."""

import numpy as np
import pandas as pd
import pytest

from workbench.desk.live_state import SessionHours, feed_trouble, kind_of, quote_states

NOW = 1_764_685_800.0
LIMITS = {"share": 60.0, "index": 60.0, "option": 900.0}
WELL = {
    "feed": "Plain feed", "state": "live", "detail": "", "beat": NOW - 0.3, "last_message": NOW - 2.0,
    "last_heartbeat": NOW - 1.0, "heartbeat_timeout": 5.0,
}  # fmt: skip


def states(*ages, kind="share", trouble=None, is_open=True):
    times = [0 if np.isnan(age) else int((NOW - age) * 1e9) for age in ages]
    return quote_states(
        times, [kind] * len(ages), [trouble] * len(ages), is_open, NOW, stale_after=LIMITS, old_after=5.0
    )


def test_a_quote_grows_old_and_then_stale_by_the_limit_of_its_kind():
    found = states(0.2, 6.0, 59.0, 61.0)
    assert found.state.tolist() == ["live", "old", "old", "stale"]
    assert found.age == pytest.approx([0.2, 6.0, 59.0, 61.0], abs=1e-5)
    assert found.reason[3] == "older than 60 s, the limit of a share"


def test_a_quiet_contract_on_a_live_feed_is_old_and_not_stale_until_its_limit():
    found = states(600.0, 899.0, 901.0, kind="option")
    assert found.state.tolist() == ["old", "old", "stale"]
    assert found.reason[2] == "older than 900 s, the limit of an option"


def test_a_feed_in_trouble_makes_its_quotes_stale_whatever_their_age():
    found = states(0.1, 6.0, trouble="Plain feed lost its connection: cut")
    assert found.state.tolist() == ["stale", "stale"]
    assert set(found.reason) == {"Plain feed lost its connection: cut"}


def test_outside_the_session_a_quote_is_closed_but_trouble_makes_it_stale_at_any_hour():
    assert states(0.1, 9999.0, is_open=False).state.tolist() == ["closed", "closed"]
    found = states(0.1, trouble="Plain feed was stopped", is_open=False)
    assert found.state[0] == "stale"
    assert found.reason[0] == "Plain feed was stopped; the market is closed"


def test_a_quote_without_a_time_is_stale_and_one_from_the_near_future_is_new():
    found = states(float("nan"), -0.4)
    assert found.state.tolist() == ["stale", "live"]
    assert np.isnan(found.age[0])
    assert found.age[1] == 0.0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, None),
        ({"state": "closed", "detail": "cut"}, "Plain feed lost its connection: cut"),
        ({"state": "needs_login"}, "Plain feed needs a login"),
        ({"beat": NOW - 1.2}, "the stream's process has not been heard for 1.2 s"),
        (
            {"last_message": NOW - 9, "last_heartbeat": NOW - 6},
            "Plain feed sent no heartbeat for 6.0 s; its limit is 5 s",
        ),
        ({"last_message": NOW - 9, "last_heartbeat": NOW - 4}, None),
        ({"state": "stopped", "beat": NOW - 100}, "Plain feed was stopped"),
    ],
)
def test_a_feed_says_why_its_quotes_cannot_be_live(changed, said):
    assert feed_trouble({**WELL, **changed}, NOW) == said


def test_a_feed_that_nobody_knows_is_in_trouble():
    assert feed_trouble(None, NOW) == "no stream gives it any more"


@pytest.mark.parametrize(
    ("symbol", "kind"),
    [
        ("AAPL", "share"),
        ("BRK.B", "share"),
        ("SPX", "index"),
        ("VIX", "index"),
        ("SPXW  260116C05000000", "option"),
    ],
)
def test_a_symbol_tells_its_kind(symbol, kind):
    assert kind_of(symbol) == kind


def at(text):
    return pd.Timestamp(text, tz="America/New_York").timestamp()


@pytest.mark.parametrize(
    ("instant", "is_open"),
    [
        ("2026-11-20 09:29:59", False),
        ("2026-11-20 09:30:00", True),
        ("2026-11-20 15:59:59", True),
        ("2026-11-20 16:00:00", False),
        ("2026-11-21 12:00:00", False),  # a Saturday
        ("2026-11-26 12:00:00", False),  # Thanksgiving
        ("2026-11-27 12:59:59", True),  # a half day
        ("2026-11-27 13:00:00", False),
        ("2026-03-09 09:30:00", True),  # the first session of summer time
    ],
)
def test_the_session_is_the_exchanges_in_any_order_of_asking(instant, is_open):
    hours = SessionHours()
    assert hours.is_open("XNYS", at(instant)) is is_open
    for other in ("2026-11-20 12:00:00", "2026-11-22 12:00:00", instant):
        hours.is_open("XNYS", at(other))
    assert hours.is_open("XNYS", at(instant)) is is_open

"""A question about the past gets the answer that a desk without a future gives."""

import os
import subprocess
import sys

import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal

from workbench import Desk
from workbench.settings import write_setting

PAST = "2013-02-13"


@pytest.fixture(scope="module")
def short_desk(demo_desk, tmp_path_factory):
    """A desk that holds only what the demo's had by the close of 13 February 2013."""
    home = tmp_path_factory.mktemp("short") / "desk"
    home.mkdir()
    write_setting(home, "market.rate", demo_desk.settings.market.rate)
    write_setting(home, "clock.as_of", pd.Timestamp(PAST).date())
    instant = demo_desk.as_of(PAST).instant
    with Desk.open(home) as desk:
        for table, end in (("daily_bars", PAST), ("option_quotes", instant), ("corporate_actions", PAST)):
            for source, rows in demo_desk._lake.read(table, end=end).groupby("source"):
                desk._lake.write(table, rows.drop(columns=["source", "recorded_at"]), source=source)
        fills = demo_desk._ledger.fills.frame(until=instant)
        desk._ledger.fills.add(fills, source="the demo's", recorded_at=desk.now())
        yield desk


def test_the_headline_of_the_past_needs_nothing_later(demo_desk, short_desk):
    """Every figure is equal, to the last bit."""
    assert demo_desk.headline(PAST).figures() == short_desk.headline().figures()


def test_positions_and_risk_of_the_past_need_nothing_later(demo_desk, short_desk):
    assert_frame_equal(pd.DataFrame(demo_desk.book(PAST)), pd.DataFrame(short_desk.book()))
    assert_array_equal(demo_desk.value_at_risk(as_of=PAST).pnl, short_desk.value_at_risk().pnl)


def test_the_demo_shows_nothing_after_its_clock(demo_desk, demo_copy):
    """What is dated later lies in the store and changes no figure, no bar and no adjustment."""
    bars = demo_desk.bars("AAPL")
    with Desk.open(demo_copy) as desk:
        later = pd.DataFrame(
            {"symbol": ["AAPL"], "time": [pd.Timestamp("2013-03-04", tz="UTC")]}
            | {name: [9999.0] for name in ("open", "high", "low", "close", "volume")}
        )
        desk.load_bars(later, source="tomorrow")
        actions = {"symbol": ["AAPL"], "ex_date": [pd.Timestamp("2013-03-04")], "kind": ["dividend"]}
        desk._lake.write("corporate_actions", pd.DataFrame(actions | {"value": [50.0]}), source="tomorrow")
        fill = {"fill_id": ["late"], "time": [pd.Timestamp("2013-03-04 15:00", tz="UTC")], "symbol": ["AAPL"]}
        desk.load(
            pd.DataFrame(fill | {"quantity": ["1"], "price": ["9999"]}), kind="fills", source="tomorrow"
        )
        assert desk.headline().figures() == demo_desk.headline().figures()
        assert_frame_equal(desk.bars("AAPL"), bars)


def test_a_bar_of_today_is_not_shown_before_the_close(desk, monkeypatch):
    """A file made at eleven holds a bar of today that is not finished."""
    days = pd.to_datetime(["2024-06-04", "2024-06-05"], utc=True)
    bars = pd.DataFrame({"symbol": "ABC", "time": days, "volume": 1.0, "close": [10.0, 12.0]})
    desk.load_bars(bars.assign(open=bars["close"], high=bars["close"], low=bars["close"]), source="own")
    monkeypatch.setattr(type(desk), "now", lambda _: pd.Timestamp("2024-06-05 15:00", tz="UTC"))
    assert desk.bars("ABC")["close"].tolist() == [10.0]
    assert desk.price("ABC") == 10.0
    monkeypatch.setattr(type(desk), "now", lambda _: pd.Timestamp("2024-06-05 20:00", tz="UTC"))
    assert desk.bars("ABC")["close"].tolist() == [10.0, 12.0]


def test_bars_known_at_an_instant_do_not_hold_a_later_correction(desk):
    """Nor can a desk tell what it knew before it knew anything."""
    day = pd.Timestamp("2024-06-04", tz="UTC")
    bar = {"symbol": "ABC", "time": day, "volume": 1.0}
    for price, learned in ((10.0, "2024-06-05"), (11.0, "2024-06-07")):
        rows = pd.DataFrame([bar | dict.fromkeys(("open", "high", "low", "close"), price)])
        desk._lake.write("daily_bars", rows, source="own", recorded_at=pd.Timestamp(learned, tz="UTC"))
    assert desk.bars("ABC", known_at="2024-06-06")["close"].tolist() == [10.0]
    assert desk.bars("ABC")["close"].tolist() == [11.0]
    with pytest.raises(LookupError, match="knew no bars of ABC"):
        desk.bars("ABC", known_at="2024-06-03")


@pytest.mark.parametrize(
    "start", ["2012-01-01", pd.Timestamp("2012-01-01"), pd.Timestamp("2012-01-01", tz="UTC")]
)
def test_bars_from_a_day_off_begin_after_it(demo_desk, start):
    """New Year's Day 2012 was a Sunday, and the Monday a holiday."""
    assert demo_desk.bars("AAPL", start).index[0] == pd.Timestamp("2012-01-03", tz="UTC")


def test_a_midnight_without_a_zone_is_a_date(demo_desk):
    """That is how pandas writes one."""
    assert demo_desk.as_of(pd.Timestamp("2013-02-15")) == demo_desk.as_of("2013-02-15")


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_zone_of_the_machine_changes_nothing(demo_desk, demo_home, zone):
    """From fourteen hours before Greenwich to eleven behind it."""
    code = "import sys; from workbench import Desk; print(Desk.open(sys.argv[1]).headline().figures())"
    told = subprocess.run(
        [sys.executable, "-c", code, str(demo_home)],
        env=os.environ | {"TZ": zone}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.strip() == str(demo_desk.headline().figures())

"""A recorded day played again: the same path, a table of its own, and never taken for live."""

import time
from datetime import date

import pandas as pd
import pytest

from workbench.desk.live import live_quotes
from workbench.errors import ArgumentError, MissingDataError
from workbench.store.live import LIVE_FILE, LiveTable

DAY = date(2026, 11, 20)
OPEN = pd.Timestamp("2026-11-20 14:30", tz="UTC")
SECONDS = 40


@pytest.fixture
def recorded(desk):
    """Two symbols, a quote and a trade a second each, some of them crossed; and one bar a minute."""
    times = [OPEN + pd.Timedelta(seconds=second) for second in range(SECONDS)]
    quotes = pd.DataFrame(
        [
            (symbol, at, number, 100.0 + number, 100.5 + number, 1.0, 2.0)
            for symbol in ("AAPL", "MSFT")
            for number, at in enumerate(times)
        ],
        columns=["symbol", "time", "sequence", "bid", "ask", "bid_size", "ask_size"],
    )
    quotes.loc[(quotes["symbol"] == "MSFT") & (quotes["sequence"] == SECONDS - 1), "bid"] = 999.0
    trades = pd.DataFrame(
        [("AAPL", at, f"t{number}", 100.2 + number, 10.0, "") for number, at in enumerate(times)],
        columns=["symbol", "time", "trade_id", "price", "size", "conditions"],
    )
    bars = pd.DataFrame(
        {
            "symbol": "AAPL", "interval": "1m", "time": [OPEN, OPEN + pd.Timedelta(minutes=1)],
            "open": 1.0, "high": 3.0, "low": 0.5, "close": [2.0, 2.5], "volume": 5.0, "vwap": 1.5,
        }
    )  # fmt: skip
    for table, rows in (("quotes", quotes), ("trades", trades), ("intraday_bars", bars)):
        desk._lake.write(table, rows, source="Plain feed")
    return desk


def test_as_fast_as_it_goes_all_is_played_in_order_and_the_last_values_stand(recorded):
    with recorded.replay(DAY, speed=0) as played:
        assert played.ended
        assert played.events == 3 * SECONDS
        found = played.quotes(["AAPL", "MSFT"])
        assert found["bid"].tolist() == [100.0 + SECONDS - 1, 999.0]
        assert found["last"].iloc[0] == pytest.approx(100.2 + SECONDS - 1)
        assert found["volume"].iloc[0] == 10.0 * SECONDS
        assert found["reason"].iloc[1].endswith("bid above ask")
        assert played.now == OPEN + pd.Timedelta(seconds=SECONDS - 1)
        assert played.feeds()["events"].tolist() == [3 * SECONDS]


def test_it_says_that_it_is_a_replay_and_leaves_the_live_table_alone(recorded):
    with recorded.replay(DAY, speed=0) as played:
        found = played.quotes()
        assert found.title == "Replayed quotes"
        assert found.note.startswith("Replay of 2026-11-20, 14:30:39 UTC")
        assert set(found["source"]) == {"Replay of 2026-11-20"}
        assert played.feeds()["state"].tolist() == ["replay_ended"]
        assert "Replay of 2026-11-20" in played._repr_html_()
    assert len(recorded.quotes()) == 0
    assert not (recorded.home / LIVE_FILE).exists()
    assert list((recorded.home / ".stream").iterdir()) == []


def test_while_it_plays_quotes_are_live_by_its_own_clock_and_the_speed_is_kept(recorded):
    began = time.monotonic()
    with recorded.replay(DAY, speed=20.0, symbols="AAPL") as played:
        while played.now < OPEN + pd.Timedelta(seconds=5):
            assert time.monotonic() - began < 10
            time.sleep(0.01)
        found = played.quotes()
        assert found["symbol"].tolist() == ["AAPL"]
        assert found["state"].tolist() == ["live"]
        assert found["age_seconds"].iloc[0] < 1.5
        assert played.wait(30)
    assert time.monotonic() - began >= (SECONDS - 1) / 20.0


def test_subscribers_get_the_ticks_in_the_order_in_which_they_happened(recorded):
    from workbench.desk.replay import Replay

    seen = []
    played = Replay(recorded._lake, recorded.home, recorded.settings, DAY, speed=0, start=False)
    played.subscribe(lambda events: seen.append((events.kind, events.times[0], len(events))))
    played.start()
    assert sum(count for _, _, count in seen) == 3 * SECONDS
    for kind in ("quotes", "trades"):
        times = [at for each, at, _ in seen if each == kind]
        assert times == sorted(times)
    played.close()


def test_a_bar_is_played_when_its_minute_is_over(recorded):
    with recorded.replay(DAY, speed=0, kinds=["bars"]) as played:
        assert played.now == OPEN + pd.Timedelta(minutes=2)
        assert played.quotes("AAPL")["last"].tolist() == [2.5]


def test_it_can_be_stopped_in_the_middle(recorded):
    with recorded.replay(DAY, speed=0.5) as played:
        time.sleep(0.2)
        played.stop()
        assert played.ended
        assert played.feeds()["state"].tolist() == ["stopped"]
        assert played.now < OPEN + pd.Timedelta(seconds=SECONDS - 1)


def test_a_day_without_ticks_a_wrong_speed_and_a_wrong_kind_are_refused(recorded):
    with pytest.raises(MissingDataError, match="no quotes or trades of 2026-11-19"):
        recorded.replay("2026-11-19")
    with pytest.raises(MissingDataError, match="of IBM of 2026-11-20"):
        recorded.replay(DAY, symbols=["IBM"])
    with pytest.raises(ArgumentError, match="`speed` is -1"):
        recorded.replay(DAY, speed=-1)
    with pytest.raises(ArgumentError, match="`kinds` is"):
        recorded.replay(DAY, kinds=["news"])
    with pytest.raises(ArgumentError, match="`day` is missing"):
        recorded.replay(None)


def test_a_desk_without_streams_has_no_quotes_and_says_so_of_each_that_is_asked(desk):
    assert len(desk.quotes()) == 0
    assert len(desk.feeds()) == 0
    assert list(desk.feeds().columns)[:3] == ["service", "feed", "state"]
    found = desk.quotes(["AAPL", "SPX"])
    assert found["symbol"].tolist() == ["AAPL", "SPX"]
    assert found["bid"].isna().all()
    assert found["reason"].str.contains("no stream has given a quote of it").all()
    assert "No rows" not in found._repr_html_()
    assert live_quotes(LiveTable(desk.home / "nowhere"), desk.settings, time.time()).empty

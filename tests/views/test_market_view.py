"""The market page without a browser: it shows what the desk holds, and what its live table says."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from workbench.market import sessions
from workbench.plots.candles import LIVE_WORDS
from workbench.signals import rsi, sma
from workbench.views import MarketView
from workbench.views.market_chart import MOST_CANDLES, sources_of
from workbench.views.market_coverage import month_cells, refused_days
from workbench.views.market_quotes import (
    age_words,
    feed_chips,
    live_message,
    quotes_html,
    spark_html,
    watch_rows,
)
from workbench.views.market_side import earnings_words, news_html
from workbench.views.styles import STATIC

NEW_YORK = "America/New_York"


@pytest.fixture
def view(demo_desk):
    made = MarketView(desk=demo_desk)
    made.__panel__()
    return made


def say(view, words):
    """Do what theme.js does when a button is clicked."""
    say.count += 1
    view.said = f"{words} {say.count}"


say.count = 0


def figures(html):
    found = re.findall(r'data-figure="(\w+)" data-value="([^"]*)"', html)
    return {name: float(value) for name, value in found if value}


def candles_of(view):
    return view.chart.picture.select_one({"name": "candles"}).data_source.data


# -- the chart ---------------------------------------------------------------------------------------


def test_the_chart_shows_the_desks_own_bars_and_averages(view, demo_desk):
    bars = demo_desk.bars("AAPL", start="2012-09-01", adjust="splits")
    data = candles_of(view)
    assert data["close"].tolist() == bars["close"].tolist()
    assert data["when"][0] == f"{bars.index[0]:%a %d %b %Y}"
    every = demo_desk.bars("AAPL", adjust="splits")["close"]
    expected = pd.Series(sma(every, 20), index=every.index).loc[bars.index]
    assert data["curve0"].tolist() == pytest.approx(expected.tolist()), "averages have their run-up"


def test_prices_are_adjusted_as_the_reader_chooses(view, demo_desk):
    say(view, "span 5Y")
    for choice, adjust in (("raw", None), ("all", "all"), ("splits", "splits")):
        say(view, f"adjust {choice}")
        expected = demo_desk.bars("AAPL", adjust=adjust)["close"].iloc[-1]
        first = demo_desk.bars("AAPL", start="2008-03-03", adjust=adjust)["open"].iloc[0]
        assert candles_of(view)["close"][-1] == expected
        assert candles_of(view)["open"][0] == pytest.approx(first)


def test_bars_that_do_not_fit_are_drawn_coarser_and_the_page_says_so(view):
    say(view, "span 5Y")
    assert view.chart.interval == "1w"
    assert len(candles_of(view)["close"]) <= MOST_CANDLES
    assert "1,259 daily bars do not fit" in view.chart._title.object
    say(view, "span 6M")
    assert view.chart.interval == "1d"


def test_an_oscillator_stands_beneath_and_another_takes_its_place(view, demo_desk):
    say(view, "indicator rsi")
    assert len(view.chart.picture.children) == 3
    closes = demo_desk.bars("AAPL", adjust="splits")["close"]
    data = candles_of(view)
    # The run-up is shorter than all history, and Wilder's average forgets: to a tenth they agree.
    assert data["curve2"][-1] == pytest.approx(rsi(closes, 14)[-1], abs=0.1)
    say(view, "indicator atr")
    assert view.chart.shown == ["sma20", "sma50", "atr"]
    say(view, "indicator atr")
    assert len(view.chart.picture.children) == 2


def test_finer_bars_make_the_coarser_ones_that_they_go_into():
    assert sources_of(["1m", "1d"]) == {
        "1m": "1m", "5m": "1m", "15m": "1m", "30m": "1m", "1h": "1m", "1d": "1d", "1w": "1d", "1mo": "1d",
    }  # fmt: skip
    assert sources_of(["5m", "15m"])["30m"] == "15m"
    assert "1m" not in sources_of(["5m"])
    assert sources_of(["5m"])["1d"] == "5m"
    assert sources_of([]) == {}


# -- figures, chain, coverage ------------------------------------------------------------------------


def test_the_figures_are_those_of_the_desk(view, demo_desk):
    bars = demo_desk.bars("AAPL", adjust="splits")
    shown = figures(view._figures.object)
    assert shown["last"] == bars["close"].iloc[-1]
    assert shown["high"] == bars["high"].iloc[-1]
    assert shown["below_high"] == pytest.approx(1 - bars["close"].iloc[-1] / bars["high"].iloc[-252:].max())
    returns = np.log(demo_desk.bars("AAPL")["close"]).diff().iloc[-20:]
    assert shown["realized"] == pytest.approx(float(returns.std(ddof=1)) * np.sqrt(252), rel=1e-9)
    first = demo_desk.expiries("AAPL").query("days >= 20")["atm_volatility"].iloc[0]
    assert shown["implied"] == pytest.approx(first)
    assert "modelled" in view._figures.object and "modelled quotes" in view._chain.object


def test_a_symbol_brings_chart_chain_and_coverage_of_its_own(view, demo_desk):
    say(view, "symbol IBM")
    assert candles_of(view)["close"][-1] == demo_desk.bars("IBM", adjust="splits")["close"].iloc[-1]
    assert "IBM" in view._head.object and 'href="options.ipynb?symbol=IBM"' in view._chain.object
    assert view.coverage.chosen[0] == "IBM"
    say(view, "symbol MSFT")
    assert "No chain of MSFT" in view._chain.object


def test_words_that_the_page_never_says_change_nothing(view):
    before = view.chart.interval
    for words in ("interval 7m", "span 9Z", "adjust up", "indicator x", "symbol XXX", "cell x AAPL", "odd"):
        say(view, words)
    assert (view.symbol, view.chart.interval) == ("AAPL", before)


def test_the_map_counts_sessions_as_the_calendar_has_them(view, demo_desk):
    cells = view.coverage.cells.set_index(["series", "period"])
    bars = demo_desk.bars("FB", adjust=None)
    first = bars.index[0].tz_localize(None)
    assert cells.loc[("FB", pd.Timestamp("2012-06-01")), "held"] == len(
        sessions("XNYS", "2012-06-01", "2012-06-30")
    )
    may = cells.loc[("FB", pd.Timestamp("2012-05-01"))]
    assert may["expected"] == len(sessions("XNYS", first, "2012-05-31"))
    assert cells["missing"].sum() == 0


def test_a_cell_opens_its_sessions(view):
    say(view, "cell 2012-10-01 AAPL")
    assert "AAPL, Oct 2012" in view.coverage._detail.object
    assert "21 of 21 sessions held" in view.coverage._detail.object  # Sandy closed the exchange for two days
    assert view.coverage._detail.object.count('class="held"') == 21


def test_missing_days_are_told_with_what_fills_them():
    days = sessions("XNYS", "2021-01-04", "2021-02-26")
    had = days.delete([3, 4, 30])
    cells = month_cells({"A": had}, calendar="XNYS", until=pd.Timestamp("2021-03-02"))
    assert cells["missing"].tolist() == [2, 1, 2]
    assert cells["held"].tolist() == [17, 18, 0]
    assert month_cells({"A": days[:0]}, calendar="XNYS", until=days[-1]).empty


def test_refused_rows_find_their_month_by_their_text():
    rows = pd.DataFrame({"symbol": ["A", "A"], "text": ["symbol=A, time=2021-01-05 00:00:00+00:00", "odd"]})
    found = refused_days(rows)
    assert found["A"].tolist() == [pd.Timestamp("2021-01-05")]
    cells = month_cells(
        {"A": sessions("XNYS", "2021-01-04", "2021-01-29")},
        calendar="XNYS",
        until=pd.Timestamp("2021-01-29"),
        quarantined=found,
    )
    assert cells["quarantined"].tolist() == [1]


def bars_on(days, price=100.0):
    return pd.DataFrame(
        {
            "symbol": "SPY", "time": pd.DatetimeIndex(days).tz_localize("UTC").as_unit("us"), "open": price,
            "high": price + 1, "low": price - 1, "close": price, "volume": 1000.0,
        }
    )  # fmt: skip


def test_a_desk_with_holes_shows_them_says_why_and_what_fills_them(desk):
    days = sessions("XNYS", "2021-01-04", "2021-03-31")
    desk.load_bars(bars_on(days.delete([25, 26, 27])), source="a file")
    view = MarketView(desk=desk)
    view.__panel__()
    cells = view.coverage.cells.set_index("period")
    assert cells.loc["2021-02-01", "missing"] == 3 and cells.loc["2021-01-01", "missing"] == 0
    assert cells.loc["2021-05-01", "held"] == 0, "what came after the last bar is missing too"
    say(view, "cell 2021-02-01 SPY")
    html = view.coverage._detail.object
    assert html.count('class="lacks"') == 3
    assert f"{days[25]:%d %b %Y} to {days[27]:%d %b %Y}: not asked for yet" in html
    assert f"workbench ingest NAME SPY --start {days[25]:%Y-%m-%d}" in html
    assert "sessions behind" in view._head.object


def test_bars_within_the_day_are_offered_and_resampled(desk):
    days = sessions("XNYS", "2021-03-08", "2021-03-19")
    minutes = pd.DatetimeIndex(
        [
            pd.Timestamp(f"{day:%Y-%m-%d} 09:30") + pd.Timedelta(minutes=m)
            for day in days
            for m in range(0, 390, 5)
        ]
    )
    frame = bars_on(minutes).assign(
        time=minutes.tz_localize("America/New_York").tz_convert("UTC").as_unit("us"),
        close=100 + np.arange(len(minutes)) / 1000, high=110.0,
    )  # fmt: skip
    desk.load_bars(frame, source="a file", interval="5m")
    view = MarketView(desk=desk)
    view.__panel__()
    assert view.chart.interval == "1d", "days are made of what is finer"
    say(view, "interval 1h")
    say(view, "span 20D")
    data = candles_of(view)
    assert data["when"][0].endswith("09:30 New York") and len(data["when"]) == 7 * len(days)
    assert sorted({words.split(" ")[4] for words in data["when"]})[0] == "09:30", (
        "on both sides of the change"
    )
    assert data["volume"][0] == 12_000.0 and data["volume"][6] == 6_000.0
    assert "SPY 5m" in set(view.coverage.cells["series"])


# -- quotes ------------------------------------------------------------------------------------------


@pytest.fixture
def closes():
    days = pd.DatetimeIndex(["2026-01-14", "2026-01-15", "2026-01-16"], tz="UTC")
    return {"SPY": pd.Series([400.0, 410.0, 420.0], index=days)}


@pytest.fixture
def quotes():
    now = pd.Timestamp("2026-01-16 15:00", tz="UTC")
    return pd.DataFrame(
        {
            "symbol": ["SPY", "QQQ"],
            "bid": [419.9, 99.0],
            "ask": [420.1, 101.0],
            "last": [418.2, np.nan],
            "time": [now - pd.Timedelta(seconds=2.3), now - pd.Timedelta(minutes=17)],
            "state": ["live", "stale"],
            "reason": ["", "the feed sent no heartbeat <15 s>"],
            "source": ["x", "x"],
        }
    )


def test_the_change_counts_from_the_close_before_the_quotes_day(quotes, closes):
    spy, qqq, aapl = watch_rows(quotes, closes, ["SPY", "QQQ", "AAPL"], zone=NEW_YORK)
    assert spy["change"] == pytest.approx(418.2 / 410 - 1), "the close of the same day is not the one before"
    assert qqq["last"] == 100.0 and np.isnan(qqq["change"]), "without a trade the middle is the price"
    assert aapl["state"] == "held" and np.isnan(aapl["last"])


def test_the_page_is_told_texts_times_and_when_to_expect_more(quotes, closes):
    at = pd.Timestamp("2026-01-16 15:00", tz="UTC").timestamp()
    told = json.loads(
        live_message(
            watch_rows(quotes, closes, ["SPY", "QQQ", "A"], zone=NEW_YORK), ["<i>"], at=at, every=1.0
        )
    )
    assert set(told["rows"]) == {"SPY", "QQQ"}, "what has no live quote is not told again and again"
    spy = told["rows"]["SPY"]
    assert (spy["bid"], spy["last"], spy["change"], spy["tone"]) == ("419.90", "418.20", "+2.00", "gain")
    assert at - spy["time"] == pytest.approx(2.3)
    assert told["rows"]["QQQ"]["state"] == "stale" and told["every"] == 1.0


def test_old_prices_are_quiet_and_say_why(quotes, closes):
    at = pd.Timestamp("2026-01-16 15:00", tz="UTC").timestamp()
    html = quotes_html(watch_rows(quotes, closes, ["SPY", "QQQ"], zone=NEW_YORK), closes, chosen="SPY", at=at)
    assert 'data-symbol="QQQ" class="quiet"' in html
    assert "&lt;15 s&gt;" in html and "<15" not in html
    assert ">17 min</td>" in html
    assert ">2.2 s</td>" in html or ">2.3 s</td>" in html
    assert html.count("<svg viewBox") == 2, "a dot for live, a clock for stale"


def test_without_a_feed_the_table_shows_what_is_held_and_no_empty_columns(closes):
    html = quotes_html(
        watch_rows(pd.DataFrame(), closes, ["SPY"], zone=NEW_YORK), closes, chosen="SPY", at=0.0
    )
    assert "Bid" not in html and "16 Jan 26" in html and ">+2.44<" in html


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0.0 s"), (0.46, "0.4 s"), (9.99, "9.9 s"), (10, "10 s"), (119, "119 s"), (120, "2 min"),
     (7199, "119 min"), (7200, "2 h"), (172_799, "47 h"), (172_800, "2 d")],
)  # fmt: skip
def test_ages_are_written_as_the_browser_writes_them(seconds, words):
    assert age_words(seconds) == words


def test_the_browser_counts_ages_by_the_same_limits():
    script = (STATIC / "live.js").read_text()
    for limit in ("s < 10)", "s < 120)", "s < 7200)", "s < 172800 ?"):
        assert limit in script
    assert LIVE_WORDS in script


def test_states_of_services_are_chips_and_never_errors():
    feeds = pd.DataFrame(
        [("alpaca", "Alpaca stocks, IEX", "live", ""), ("zerodha", "Zerodha", "needs_login", "new day")],
        columns=["service", "feed", "state", "detail"],
    )
    services = pd.DataFrame(
        [
            ("alpaca", "Alpaca", "connected"),
            ("polygon", "Polygon", "rate_limited"),
            ("ibkr", "I", "not_connected"),
        ],
        columns=["service", "label", "state"],
    )
    chips = " ".join(feed_chips(feeds, services))
    assert "Alpaca stocks, IEX: live" in chips and "Zerodha: needs login" in chips
    assert "Polygon: rate limited" in chips
    assert "workbench connect" not in chips, "where something is connected nothing else is offered"
    alone = " ".join(feed_chips(pd.DataFrame(), services[services["service"] == "ibkr"]))
    assert "workbench connect alpaca" in alone


def test_a_spark_needs_two_closes():
    assert spark_html(None) == spark_html(pd.Series([1.0])) == ""
    assert "polyline" in spark_html(pd.Series([1.0, 1.0]))


# -- news, and pages with little on them -------------------------------------------------------------


def test_news_shows_when_it_was_first_seen_and_opens_only_web_addresses():
    now = pd.Timestamp("2026-01-16 15:00", tz="UTC")
    news = pd.DataFrame(
        {
            "headline": ["<b>Up</b>", "Down"],
            "sources": ["Benzinga", "RSS"],
            "url": ["https://news.example/1", "javascript:alert(1)"],
            "time": [now, now],
            "first_seen": [now - pd.Timedelta(hours=1), now - pd.Timedelta(days=3)],
            "score": [0.6, np.nan],
            "scorer": ["word list", ""],
        }
    )
    html = news_html(news, "SPY", zone="America/New_York", now=now, why="")
    assert "&lt;b&gt;Up" in html and "<b>Up" not in html
    assert "javascript" not in html and 'rel="noopener noreferrer"' in html
    assert "09:00 · Benzinga" in html and "13 Jan 10:00 · RSS" in html
    assert "positive +0.60, by word list" in html


def test_an_earnings_date_says_its_hour_how_sure_it_is_and_who_says_so():
    report = {
        "date": pd.Timestamp("2026-01-28"),
        "session": "after_close",
        "confirmed": False,
        "sources": "Finnhub",
    }
    assert earnings_words(pd.DataFrame([report])) == ("28 Jan 26", "after the close, expected; Finnhub")
    assert earnings_words(pd.DataFrame())[0] == "–"


def test_text_from_outside_is_shown_as_text(view):
    view.held = view.held.assign(source="<img src=x>")
    view._show_head()
    assert "<img" not in view._head.object and "&lt;img" in view._head.object


def test_the_demo_says_that_its_clock_is_fixed_and_asks_for_no_live_quote(view):
    assert "Fixed clock" in view._head.object
    view.tell()
    assert view.live == ""


def test_an_empty_desk_says_what_to_type(desk):
    made = MarketView(desk=desk)
    made.__panel__()
    assert "workbench connect alpaca" in made._state.object and "workbench demo" in made._state.object

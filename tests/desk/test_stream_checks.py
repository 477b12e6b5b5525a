"""Events on their way in: what is refused, with which words, and what is kept."""

import pytest

from workbench.desk.stream_checks import check_events
from workbench.desk.stream_path import EventPath, Subscription
from workbench.providers.feeds import Batch

NOW = 1_764_685_800.0
NS = int(NOW * 1e9)
QUOTE = ("AAPL", NS, 1, 210.11, 210.14, 3.0, 12.0)
TRADE = ("AAPL", NS, "t1", 210.12, 40.0, "@")
BAR = ("AAPL", NS, 210.0, 210.5, 209.75, 210.25, 1000.0, 210.2)


def check(kind, *rows, newest=None, wanted=("AAPL", "MSFT")):
    return check_events(
        kind, list(rows), source="Plain", received_at=NOW + 0.1, wanted=wanted, newest=newest or {}
    )


def changed(row, place, value):
    return (*row[:place], value, *row[place + 1 :])


REFUSED = [
    ("quotes", changed(QUOTE, 0, "ZZZQ"), "nobody asked for ZZZQ"),
    ("quotes", changed(QUOTE, 3, 0.0), "`bid` is 0; it must be positive"),
    ("quotes", changed(QUOTE, 4, -1.5), "`ask` is -1.5; it must be positive"),
    ("quotes", changed(QUOTE, 4, 2e9), "`ask` is 2e+09; no price is so large"),
    ("quotes", changed(QUOTE, 5, -1.0), "`bid_size` is -1; it must be zero or more"),
    ("quotes", (*QUOTE[:3], None, None, *QUOTE[5:]), "neither `bid` nor `ask` is there"),
    ("quotes", changed(QUOTE, 1, NS + 60 * 10**9), "its time lies 60 s in the future"),
    ("quotes", changed(QUOTE, 1, NS - 2 * 3600 * 10**9), "its time goes 7,200 s back behind the last"),
    ("quotes", changed(QUOTE, 1, 915_408_000 * 10**9), "days back"),
    ("quotes", changed(QUOTE, 1, None), "`time_ns` is None, of the wrong type"),
    ("quotes", changed(QUOTE, 1, 1.5), "`time_ns` is 1.5, of the wrong type"),
    ("quotes", changed(QUOTE, 3, {"was": 3}), "`bid` is {'was': 3}, of the wrong type"),
    ("quotes", changed(QUOTE, 3, "210.11"), "`bid` is '210.11', of the wrong type"),
    ("quotes", changed(QUOTE, 3, True), "`bid` is True, of the wrong type"),
    ("quotes", changed(QUOTE, 0, 7), "`symbol` is 7, of the wrong type"),
    ("quotes", QUOTE[:5], "it has not the 7 fields of quotes"),
    ("quotes", changed(QUOTE, 1, 10**30), "too large"),
    ("quotes", changed(QUOTE, 3, float("inf")), "no price is so large"),
    ("trades", changed(TRADE, 3, 0), "`price` is 0; it must be positive"),
    ("trades", changed(TRADE, 3, None), "`price` is missing"),
    ("trades", changed(TRADE, 2, ""), "`trade_id` is missing"),
    ("trades", changed(TRADE, 2, 5), "`trade_id` is 5, of the wrong type"),
    ("bars", changed(BAR, 3, 200.0), "`high` is not the highest"),
    ("bars", changed(BAR, 5, None), "`close` is missing"),
]


@pytest.mark.parametrize(("kind", "row", "said"), REFUSED, ids=[f"{k}-{s[:30]}" for k, _, s in REFUSED])
def test_a_bad_row_is_set_aside_with_its_reason_and_the_good_ones_stay(kind, row, said):
    good = {"quotes": QUOTE, "trades": TRADE, "bars": BAR}[kind]
    found = check(kind, good, row, good, newest={"AAPL": NS})
    assert len(found.good) == 2
    ((symbol, reason, text),) = found.bad
    assert said in reason
    assert symbol == (row[0] if isinstance(row[0], str) else "")
    assert text == repr(row)


def test_a_crossed_quote_is_kept_and_flagged_and_an_empty_side_is_missing():
    found = check("quotes", changed(QUOTE, 3, 211.0), changed(QUOTE, 3, None))
    assert found.bad == []
    assert found.good.crossed.tolist() == [True, False]
    assert found.good.to_arrow()["bid"].to_pylist()[0] == 211.0
    assert str(found.good.columns["bid"][1]) == "nan"


def test_whole_numbers_are_prices_too_and_several_reasons_are_all_told():
    assert len(check("quotes", changed(QUOTE, 3, 210)).good) == 1
    ((_, reason, _),) = check("quotes", ("ZZZQ", NS, 1, 0.0, 1.0, 1.0, 1.0)).bad
    assert reason == "nobody asked for ZZZQ; `bid` is 0; it must be positive"


def test_events_are_in_the_lakes_columns_to_the_microsecond():
    table = check("trades", changed(TRADE, 1, NS + 123_456_789)).good.to_arrow()
    assert table.column_names == ["symbol", "time", "trade_id", "price", "size", "conditions"]
    assert str(table["time"][0].as_py()) == "2025-12-02 14:30:00.123456"
    assert check("bars", BAR).good.to_arrow()["interval"].to_pylist() == ["1m"]


def passed(*batches, wanted=("AAPL",)):
    path = EventPath("plain", "Plain feed", "Plain", set(wanted))
    path.pass_through(batches)
    return path


def newest(path, *names):
    from workbench.store.live import QUOTE_COLUMNS

    (row,) = path.latest.take_changed()
    return tuple(row[QUOTE_COLUMNS.index(name)] for name in names)


def test_a_late_event_is_kept_for_the_lake_and_does_not_become_the_newest():
    late = ("AAPL", NS - 10**9, 2, 1.0, 2.0, 1.0, 1.0)
    path = passed(Batch("quotes", [QUOTE], NOW), Batch("quotes", [late], NOW))
    assert newest(path, "bid", "time") == (210.11, NS)
    assert (path.counts.events, path.counts.late) == (2, 1)


def test_quotes_trades_and_bars_meet_in_one_row_whose_time_is_the_quotes():
    trade = changed(TRADE, 1, NS + 10**9)
    path = passed(
        Batch("trades", [trade, changed(trade, 2, "t2")], NOW + 1), Batch("quotes", [QUOTE], NOW + 1)
    )
    assert newest(path, "bid", "last", "last_size", "volume", "time") == (210.11, 210.12, 40.0, 80.0, NS)


def test_the_volume_of_a_new_day_begins_at_nothing():
    path = passed(Batch("trades", [TRADE], NOW))
    tomorrow = ("AAPL", NS + 86_400 * 10**9, "t9", 211.0, 5.0, "")
    path.pass_through([Batch("trades", [tomorrow], NOW + 86_400)])
    assert newest(path, "volume", "last") == (5.0, 211.0)


def test_a_subscriber_that_fails_stops_nothing_and_can_leave():
    path = EventPath("plain", "Plain feed", "Plain", {"AAPL"})
    seen = []

    def fail(_):
        raise RuntimeError("no")

    path.subscribe(fail)
    leave = path.subscribe(lambda events: seen.append(len(events)))
    path.pass_through([Batch("quotes", [QUOTE, QUOTE], NOW)])
    leave()
    path.pass_through([Batch("quotes", [QUOTE], NOW)])
    assert seen == [2]
    assert path.counts.events == 3


def test_a_slow_reader_of_a_subscription_knows_what_it_missed():
    import asyncio

    path = EventPath("plain", "Plain feed", "Plain", {"AAPL"})

    async def work():
        subscription = Subscription(path, longest=2)
        for _ in range(5):
            path.pass_through([Batch("quotes", [QUOTE], NOW)])
        assert subscription.missed == 3
        async for events in subscription:
            assert len(events) == 1
            break
        subscription.close()

    asyncio.run(work())

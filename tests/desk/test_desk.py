"""What the desk promises by name, on real files."""

import json

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from workbench import Desk
from workbench.errors import (
    ArgumentError,
    DataFormatError,
    DateInputError,
    MissingDataError,
    PermissionDeniedError,
    UnknownProviderError,
    UnknownSymbolError,
)


def bars_frame(closes, start="2020-01-02", symbol="ABC"):
    """Long bars on business days around the closes given."""
    closes = np.asarray(closes, dtype=float)
    return pd.DataFrame(
        {
            "symbol": symbol,
            "time": pd.bdate_range(start, periods=len(closes), tz="UTC"),
            "open": closes,
            "high": closes + 1,
            "low": closes - 1,
            "close": closes,
            "volume": 1000.0,
        }
    )


def test_loading_the_same_bars_twice_leaves_the_same_rows(desk):
    """Idempotent: the second load writes nothing."""
    frame = bars_frame([10, 11, 12])
    first = desk.load_bars(frame, source="test")
    second = desk.load_bars(frame, source="test")
    assert first.loc["ABC", ["new", "changed", "unchanged", "quarantined"]].tolist() == [3, 0, 0, 0]
    assert second.loc["ABC", ["new", "changed", "unchanged", "quarantined"]].tolist() == [0, 0, 3, 0]
    assert len(desk.bars("ABC", adjust=None)) == 3


def test_a_correction_keeps_what_was_believed_before(desk):
    """`known_at` gives the old bar back, also after compaction and expiry."""
    desk.load_bars(bars_frame([10, 11, 12]), source="test")
    before = desk.now()
    summary = desk.load_bars(bars_frame([10, 11.5, 12]), source="corrected")
    assert summary.loc["ABC", "changed"] == 1
    desk.compact(keep_days=1)
    assert desk.bars("ABC", adjust=None)["close"].tolist() == [10, 11.5, 12]
    assert desk.bars("ABC", adjust=None, known_at=before)["close"].tolist() == [10, 11, 12]


def test_bars_come_in_the_shape_of_the_design(desk):
    """One symbol: an ascending UTC time index; several: (symbol, time)."""
    desk.load_bars(pd.concat([bars_frame([10, 20]), bars_frame([30, 40], symbol="XYZ")]), source="test")
    one = desk.bars("ABC")
    assert list(one.columns) == ["open", "high", "low", "close", "volume"]
    assert one.index.name == "time"
    assert str(one.index.tz) == "UTC"
    assert one.index.is_monotonic_increasing
    both = desk.bars(["ABC", "XYZ"])
    assert both.index.names == ["symbol", "time"]
    assert len(both) == 4


def test_bad_rows_go_to_quarantine_and_good_ones_load(desk):
    """A row with a high below its low is refused with its reason; nothing else is lost."""
    frame = bars_frame([10, 11, 12])
    frame.loc[1, "high"] = 1.0
    summary = desk.load_bars(frame, source="test")
    assert summary["new"].sum() == 2
    assert summary["quarantined"].sum() == 1
    rows = desk.quarantine()
    assert len(rows) == 1
    assert "high" in rows["reason"].iloc[0]


def test_an_unknown_symbol_names_the_nearest(demo_desk):
    """One sentence: what, what there is, what to do."""
    with pytest.raises(UnknownSymbolError, match=r"'APPL'.*AAPL.*workbench ingest"):
        demo_desk.bars("APPL")


def test_a_period_without_bars_says_what_there_is(demo_desk):
    """The symbol is known, the years are not."""
    with pytest.raises(MissingDataError, match="2000-03-01"):
        demo_desk.bars("AAPL", end="1999-12-31")


def test_an_unknown_provider_names_what_there_is(desk):
    """Providers are named, not guessed."""
    with pytest.raises(UnknownProviderError, match="sample"):
        desk.ingest("smaple", ["AAPL"])


def test_a_wrong_kind_of_file_is_refused(desk, tmp_path):
    """And an empty file, and one without its columns: nothing is loaded."""
    empty = tmp_path / "empty.csv"
    empty.touch()
    with pytest.raises(DataFormatError, match="empty"):
        desk.load(empty, kind="bars", source="x")
    odd = tmp_path / "odd.csv"
    odd.write_text("symbol,time,open\nA,2020-01-02,1\n")
    with pytest.raises(DataFormatError, match="close"):
        desk.load(odd, kind="bars", source="x")
    with pytest.raises(ArgumentError, match="'bars'"):
        desk.load(odd, kind="bar", source="x")
    assert desk.symbols().empty


def test_a_viewer_may_read_and_not_write(demo_home):
    """The role is checked at the desk, whatever the face."""
    with Desk.open(demo_home, role="viewer") as viewer:
        assert len(viewer.book())
        for write in (
            lambda: viewer.load_bars(bars_frame([1]), source="x"),
            lambda: viewer.run("morning_risk"),
            lambda: viewer.ingest("sample", "AAPL"),
            viewer.check_rules,
        ):
            with pytest.raises(PermissionDeniedError, match="viewer"):
                write()


def test_the_value_of_the_book_is_quantity_times_price(demo_desk):
    """Marks of shares are the sample's own closes of 1 March 2013."""
    book = demo_desk.book().set_index("symbol")
    assert book.loc["AAPL", "price"] == pytest.approx(430.47)
    assert book.loc["IBM", "price"] == pytest.approx(202.91)
    assert_allclose(book["value"], book["quantity"] * book["price"] * book["multiplier"])
    assert demo_desk.headline().book_value == pytest.approx(book["value"].sum())


def test_profit_is_what_came_in_plus_what_is_held(demo_desk):
    """P&L equals value plus all cash of fills and dividends, counted here by hand from the ledger."""
    fills = demo_desk._ledger.fills.frame()
    multiplier = np.where(fills["symbol"].str.len() == 21, 100.0, 1.0)
    spent = (fills["quantity"].astype(float) * fills["price"].astype(float) * multiplier).sum()
    fees = fills["fees"].astype(float).sum()
    # MSFT paid 0.23 with ex-date 19 Feb 2013 on 2000 shares, AAPL 2.65 on 7 Feb on 500; IBM's of 6 Feb came
    # before its shares were bought.
    dividends = 2000 * 0.23 + 500 * 2.65
    expected = demo_desk.headline().book_value - spent - fees + dividends
    assert demo_desk.headline().pnl == pytest.approx(expected, abs=1e-6)


def test_the_days_profit_is_the_difference_of_two_days(demo_desk):
    """No fill on 1 March, so the day's P&L is today's total less yesterday's."""
    today, yesterday = demo_desk.headline(), demo_desk.headline("2013-02-28")
    assert today.day_pnl == pytest.approx(today.pnl - yesterday.pnl, abs=1e-6)


def test_groups_add_up_to_the_book(demo_desk):
    """In every grouping the sum of parts equals the whole."""
    totals = []
    for by in ("underlying", "expiry", "kind", "account", "strategy"):
        table = demo_desk.book_greeks(by=by)
        parts, whole = table.drop(index="Book"), table.loc["Book"]
        for name in ("value", "dollar_delta", "vega_point", "theta_day"):
            assert parts[name].sum() == pytest.approx(whole[name], rel=1e-9), (by, name)
        totals.append(whole["dollar_delta"])
    assert_allclose(totals, demo_desk.headline().dollar_delta)


def test_small_moves_agree_with_the_greeks(demo_desk):
    """A move of one basis point costs delta, to first order; a hundredth of a point costs vega."""
    headline = demo_desk.headline()
    up, down = demo_desk.stress(spot=1e-4).pnl, demo_desk.stress(spot=-1e-4).pnl
    assert (up - down) / 2e-4 == pytest.approx(headline.dollar_delta, rel=1e-5)
    up, down = demo_desk.stress(volatility=1e-4).pnl, demo_desk.stress(volatility=-1e-4).pnl
    assert (up - down) / 2e-4 / 100 == pytest.approx(headline.vega_point, rel=1e-4)


def test_no_move_costs_nothing(demo_desk):
    """The middle of the grid is zero, and the grid agrees with single scenarios."""
    grid = demo_desk.scenario_grid()
    assert grid.loc[0.0, 0.0] == pytest.approx(0, abs=1e-6)
    assert grid.loc[-0.1, 0.12] == pytest.approx(demo_desk.stress(spot=-0.1, volatility=0.12).pnl)
    headline = demo_desk.headline()
    assert headline.worst_pnl == grid.to_numpy().min()


def test_value_at_risk_is_the_quantile_of_its_own_losses(demo_desk):
    """Sorted by hand: of 500 days the loss that 1 % reach or exceed, and the mean of the tail."""
    risk = demo_desk.value_at_risk(0.99)
    losses = sorted((-risk.pnl).tolist(), reverse=True)
    assert risk.observations == 500
    var, es = risk
    assert var in (losses[4], losses[5])
    assert es == pytest.approx(np.mean(losses[:5]))
    assert es >= var > 0


def test_value_at_risk_needs_a_history(desk):
    """Too little history is an error, not a number."""
    desk.load_bars(bars_frame([10] * 20, start="2024-01-02"), source="test")
    fills = pd.DataFrame(
        {"time": ["2024-01-05T16:00:00Z"], "symbol": ["ABC"], "quantity": [10], "price": [10.0]}
    )
    desk.load(fills, kind="fills", source="test")
    with pytest.raises(MissingDataError, match="50"):
        desk.value_at_risk(as_of="2024-01-20")


def test_wrong_arguments_are_refused_in_a_sentence(demo_desk):
    """Each says what is allowed."""
    with pytest.raises(ArgumentError, match="historical"):
        demo_desk.value_at_risk(method="guess")
    with pytest.raises(ArgumentError, match=r"0\.99"):
        demo_desk.value_at_risk(99)
    with pytest.raises(ArgumentError, match="underlying"):
        demo_desk.book_greeks(by="colour")
    with pytest.raises(ArgumentError, match="splits"):
        demo_desk.bars("AAPL", adjust="dividends")
    with pytest.raises(DateInputError):
        demo_desk.book("2013-02-30")


def test_an_empty_desk_answers_with_nothing_rather_than_an_error(desk):
    """No positions: zeros, and frames without rows."""
    assert desk.book().empty
    headline = desk.headline()
    assert headline.book_value == 0
    assert headline.source == "no positions"
    assert desk.alerts().empty
    assert desk.runs().empty
    assert desk.status().open_alerts == 0


def test_a_position_without_a_price_is_missing_and_said(desk):
    """An option that nobody quotes has no value, not zero; the headline says so."""
    desk.load_bars(bars_frame(np.linspace(90, 110, 80), start="2024-01-02", symbol="ABC"), source="test")
    fills = pd.DataFrame(
        {
            "time": ["2024-03-05T20:00:00Z"] * 2,
            "symbol": ["ABC", "ABC   240621C00100000"],
            "quantity": [10, 1],
            "price": [100.0, 5.0],
        }
    )
    desk.load(fills, kind="fills", source="test")
    book = desk.book("2024-04-01").set_index("symbol")
    assert np.isnan(book.loc["ABC   240621C00100000", "value"])
    assert book.loc["ABC   240621C00100000", "price_status"] == "no_quote"
    headline = desk.headline("2024-04-01")
    assert headline.unpriced == 1
    assert any("no price" in finding for finding in headline.findings)


def test_results_draw_themselves_as_tables_with_source(demo_desk):
    """Title, as-of and source, twelve rows at most, text escaped."""
    html = demo_desk.book()._repr_html_()
    assert "1 Mar 2013" in html
    assert "modelled" in html
    assert demo_desk.headline()._repr_html_()
    every_bar = type(demo_desk.book())(demo_desk.bars("AAPL"))
    assert "and 3,258 more</p>" in every_bar._repr_html_()


def test_text_from_outside_is_escaped_where_it_is_shown(desk):
    """A hostile strategy name stays text."""
    desk.load_bars(bars_frame(np.linspace(90, 110, 80), start="2024-01-02"), source="<b>src</b>")
    fills = pd.DataFrame(
        {
            "time": ["2024-03-05T20:00:00Z"],
            "symbol": ["ABC"],
            "quantity": [10],
            "price": [100.0],
            "strategy": ["<script>alert(1)</script>"],
        }
    )
    desk.load(fills, kind="fills", source="test")
    html = desk.book("2024-04-01")._repr_html_()
    assert "<script>" not in html
    assert "<b>src</b>" not in html


def test_every_write_leaves_one_line_in_the_audit_and_one_in_the_log(desk):
    """Both carry the same correlation id."""
    desk.load_bars(bars_frame([10]), source="test")
    audit = desk._ledger.audit.frame()
    assert audit["action"].tolist() == ["load"]
    lines = [json.loads(line) for line in (desk.home / "logs" / "workbench.jsonl").read_text().splitlines()]
    logged = [line for line in lines if line.get("event") == "load"]
    assert logged[0]["correlation_id"] == audit["correlation_id"].iloc[0]


def test_intraday_bars_are_kept_apart_from_daily_ones(desk, tmp_path):
    """The interval is read from the times; one that disagrees is refused."""
    file = tmp_path / "minutes.csv"
    file.write_text(
        "symbol,time,open,high,low,close,volume\n"
        + "".join(f"ABC,2024-01-02T15:{minute:02d}:00Z,10,11,9,10,5\n" for minute in range(30, 40))
    )
    desk.load(file, kind="bars", source="test")
    assert len(desk.bars("ABC", interval="1m", adjust=None)) == 10
    assert desk.symbols().empty
    with pytest.raises(DataFormatError, match="1m"):
        desk.load(file, kind="bars", source="test", interval="1d")


def test_dividends_of_a_file_of_bars_are_kept(desk, tmp_path):
    """A column of cash dividends adjusts the prices on read."""
    file = tmp_path / "daily.csv"
    file.write_text(
        "symbol,date,open,high,low,close,volume,divCash,splitFactor\n"
        "ABC,2024-01-02,100,100,100,100,5,0,1\n"
        "ABC,2024-01-03,99,99,99,99,5,1,1\n"
    )
    desk.load(file, kind="bars", source="test")
    assert desk.bars("ABC", adjust=None)["close"].tolist() == [100, 99]
    assert desk.bars("ABC")["close"].tolist() == [pytest.approx(99), 99]


def test_bad_rows_of_the_files_folder_reach_the_quarantine(desk):
    """`ingest files` counts and keeps what could not be read."""
    folder = desk.home / "files"
    folder.mkdir()
    (folder / "abc.csv").write_text(
        "symbol,date,open,high,low,close,volume\nABC,2024-01-02,10,11,9,10,5\nABC,2024-01-03,x,11,9,10,5\n"
    )
    summary = desk.ingest("files", ["ABC"])
    assert summary.loc["ABC", ["new", "quarantined"]].tolist() == [1, 1]
    assert desk.quarantine()["line"].tolist() == [3]


def test_a_book_read_before_follows_every_new_fill_and_bar(desk):
    """What the desk keeps of its last reading never hides a change."""
    load_hundred_days(desk)
    buy = {"fill_id": "1", "time": "2024-03-05T20:00:00Z", "symbol": "ABC", "quantity": 10, "price": 100.0}
    desk.load(pd.DataFrame([buy]), kind="fills", source="test")
    assert desk.book("2024-04-01")["quantity"].tolist() == [10]
    desk.load(pd.DataFrame([buy | {"quantity": 12}]), kind="fills", source="corrected")
    assert desk.book("2024-04-01")["quantity"].tolist() == [12]
    before = desk.headline("2024-04-01").book_value
    changed = bars_frame([200.0], start="2024-04-01")
    desk.load_bars(changed, source="corrected")
    assert desk.headline("2024-04-01").book_value == 12 * 200.0 != before


def load_hundred_days(desk):
    """Bars of ABC from 2 January 2024."""
    desk.load_bars(bars_frame(np.linspace(90, 110, 100), start="2024-01-02"), source="test")


def test_an_interval_that_is_none_is_refused(desk):
    """Rather than kept under a name that nobody asks for."""
    from workbench.errors import ArgumentError

    for wrong in ("7x", "", "daily", "0m"):
        with pytest.raises(ArgumentError, match="interval"):
            desk.symbols(wrong)


@pytest.mark.parametrize(
    "shock",
    [{"spot": float("nan")}, {"spot": 1e300}, {"spot": -5}, {"volatility": -9}, {"volatility": float("inf")},
     {"days": -1}, {"days": float("nan")}, {"days": 1e9}],
)  # fmt: skip
def test_a_move_that_no_market_makes_is_refused(shock, demo_desk):
    """Rather than answered with a figure."""
    from workbench.errors import ArgumentError

    with pytest.raises(ArgumentError, match=next(iter(shock))):
        demo_desk.stress(**shock)


def test_a_book_that_nobody_can_price_has_no_loss_to_show(desk):
    """Missing is missing, on each face, and never nothing."""
    fill = {"fill_id": "1", "time": "2013-02-05T15:00:00Z", "symbol": "ZZZ", "quantity": 5, "price": 60}
    desk.load(pd.DataFrame([fill]), kind="fills", source="mine")
    stressed = desk.stress(spot=-0.1, as_of="2013-03-01")
    assert np.isnan(stressed.pnl)
    assert "ZZZ" in stressed.findings[0]
    assert desk.scenario_grid("2013-03-01").isna().all(axis=None)


def test_a_grid_of_what_the_book_does_not_have_is_refused(demo_desk):
    """Rather than shown as a loss of nothing."""
    from workbench.errors import ArgumentError

    with pytest.raises(ArgumentError, match="the book has AAPL, GOOG, IBM, MSFT"):
        demo_desk.scenario_grid(underlying="NOPE")

import time
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pytest import approx

from workbench.errors import ArgumentError
from workbench.portfolio import Lots, positions_from_fills, value_positions

PUT = "AAPL  130420P00430000"


def fills(*rows, **columns):
    """Fills of (day, quantity, price, ...) at 15:00 UTC, all AAPL in the account main unless told."""
    frame = pd.DataFrame([row[:3] for row in rows], columns=["day", "quantity", "price"])
    frame["time"] = pd.to_datetime(frame.pop("day"), utc=True) + pd.Timedelta(hours=15)
    frame["symbol"] = "AAPL"
    return frame.assign(**columns)


def actions(*rows):
    return pd.DataFrame(rows, columns=["symbol", "ex_date", "kind", "value"]).assign(
        ex_date=lambda frame: pd.to_datetime(frame["ex_date"])
    )


def only(frame):
    assert len(frame) == 1
    return frame.iloc[0]


def test_first_in_first_out_by_hand():
    """Buy 100 at 10 and 100 at 12, sell 150 at 15: 100 x 5 + 50 x 3 = 650; 50 at 12 are left."""
    book = fills(("2013-01-02", 100, 10), ("2013-01-03", 100, 12), ("2013-01-04", -150, 15))
    position = only(positions_from_fills(book))
    assert position["realized_pnl"] == 650
    assert (position["quantity"], position["average_cost"], position["cost"]) == (50, 12, 600)
    assert position["cash"] == -1000 - 1200 + 2250


def test_average_cost_by_hand():
    """The same trades at an average of 11: 150 x 4 = 600; 50 at 11 are left."""
    book = fills(("2013-01-02", 100, 10), ("2013-01-03", 100, 12), ("2013-01-04", -150, 15))
    position = only(positions_from_fills(book, method="average"))
    assert position["realized_pnl"] == 600
    assert (position["quantity"], position["average_cost"], position["cost"]) == (50, 11, 550)


@pytest.mark.parametrize("method", ["fifo", "average"])
def test_a_short_sale_makes_money_when_it_is_bought_back_lower(method):
    position = only(positions_from_fills(fills(("2013-01-02", -100, 50), ("2013-01-03", 40, 45)),
                                         method=method))  # fmt: skip
    assert position["realized_pnl"] == 200
    assert (position["quantity"], position["average_cost"], position["cost"]) == (-60, 50, -3000)


@pytest.mark.parametrize("method", ["fifo", "average"])
def test_selling_through_zero_closes_the_long_and_opens_a_short(method):
    position = only(positions_from_fills(fills(("2013-01-02", 100, 10), ("2013-01-03", -250, 12)),
                                         method=method))  # fmt: skip
    assert position["realized_pnl"] == 200
    assert (position["quantity"], position["average_cost"], position["cost"]) == (-150, 12, -1800)


@pytest.mark.parametrize("method", ["fifo", "average"])
def test_two_for_one_doubles_the_shares_and_halves_their_cost(method):
    """100 at 80 become 200 at 40; selling 150 at 45 makes 750, and 50 at 40 are left."""
    book = fills(("2005-02-25", 100, 80), ("2005-02-28", -150, 45))
    split = actions(("AAPL", "2005-02-28", "split", 2.0))
    position = only(positions_from_fills(book, method=method, actions=split))
    assert position["realized_pnl"] == 750
    assert (position["quantity"], position["average_cost"], position["cost"]) == (50, 40, 2000)


def test_a_split_with_a_reverse_ratio_keeps_the_cost():
    position = only(
        positions_from_fills(
            fills(("2013-01-02", 100, 2)), actions=actions(("AAPL", "2013-01-03", "split", 0.1))
        )
    )
    assert (position["quantity"], position["average_cost"], position["cost"]) == (10, 20, approx(200))


def test_a_long_earns_a_dividend_and_a_short_pays_it():
    dividend = actions(("AAPL", "2013-02-07", "dividend", 2.65))
    assert only(positions_from_fills(fills(("2013-02-06", 100, 457)), actions=dividend))["dividends"] == 265
    assert only(positions_from_fills(fills(("2013-02-06", -100, 457)), actions=dividend))["dividends"] == -265


def test_a_buyer_on_the_ex_date_gets_no_dividend_and_a_seller_on_it_does():
    dividend = actions(("AAPL", "2013-02-07", "dividend", 2.0))
    late = fills(("2013-02-07", 100, 455))
    assert only(positions_from_fills(late, actions=dividend))["dividends"] == 0
    leaver = fills(("2013-02-06", 100, 457), ("2013-02-07", -100, 455))
    assert only(positions_from_fills(leaver, actions=dividend))["dividends"] == 200


def test_a_dividend_after_a_split_is_per_share_then_held():
    both = actions(("AAPL", "2013-02-07", "dividend", 1.0), ("AAPL", "2013-02-07", "split", 2.0))
    assert only(positions_from_fills(fills(("2013-02-06", 100, 457)), actions=both))["dividends"] == 200


def test_an_evening_trade_belongs_to_the_exchange_date_and_a_bare_date_to_itself():
    """19:30 in New York on the 6th is 00:30 UTC on the 7th: before the ex-date. Midnight UTC has no time."""
    dividend = actions(("AAPL", "2013-02-07", "dividend", 1.0))
    evening = fills(("2013-02-06", 100, 457), time=pd.to_datetime(["2013-02-07 00:30"], utc=True))
    assert only(positions_from_fills(evening, actions=dividend))["dividends"] == 100
    dated = fills(("2013-02-07", 100, 457), time=pd.to_datetime(["2013-02-07"], utc=True))
    assert only(positions_from_fills(dated, actions=dividend))["dividends"] == 0


def test_fees_are_kept_apart_from_what_was_realised():
    book = fills(("2013-01-02", 100, 10), ("2013-01-03", -100, 11), fees=[1.0, 1.5])
    position = only(positions_from_fills(book))
    assert (position["realized_pnl"], position["fees"], position["cash"]) == (100, 2.5, 97.5)
    assert position["quantity"] == 0
    assert np.isnan(position["average_cost"])


def test_an_option_counts_a_hundred_shares_unless_told_otherwise():
    book = fills(("2013-01-02", -2, 5.25), ("2013-01-03", 2, 3.25), symbol=PUT, fees=1.3)
    assert only(positions_from_fills(book))["realized_pnl"] == 400
    assert only(positions_from_fills(book.assign(multiplier=10)))["realized_pnl"] == 40
    assert only(positions_from_fills(book.assign(multiplier=np.nan)))["realized_pnl"] == 400


def test_amounts_of_the_ledger_come_as_decimals():
    book = fills(
        ("2013-01-02", Decimal("0.1"), Decimal("10")),
        ("2013-01-03", Decimal("0.2"), Decimal("10")),
        ("2013-01-04", Decimal("-0.3"), Decimal("11")),
        fees=Decimal("0.01"),
    )
    position = only(positions_from_fills(book))
    assert position["quantity"] == 0  # 0.1 + 0.2 - 0.3 is not zero in binary
    assert position["realized_pnl"] == approx(0.3)


def test_later_fills_and_actions_do_not_count():
    book = fills(("2013-01-02", 100, 10), ("2013-01-10", 100, 12))
    split = actions(("AAPL", "2013-01-08", "split", 2.0))
    early = only(positions_from_fills(book, actions=split, until=pd.Timestamp("2013-01-05", tz="UTC")))
    assert early["quantity"] == 100
    middle = only(positions_from_fills(book, actions=split, until=pd.Timestamp("2013-01-08 21:00", tz="UTC")))
    assert middle["quantity"] == 200
    assert only(positions_from_fills(book, actions=split))["quantity"] == 300


def test_an_option_held_past_its_last_afternoon_is_flagged():
    book = fills(("2013-03-01", 1, 5), symbol=PUT)
    for instant, expired in (
        ("2013-04-19 20:00", False), ("2013-04-20 19:59", False), ("2013-04-20 20:00", True),
        ("2013-06-01", True),
    ):  # fmt: skip
        position = only(positions_from_fills(book, until=pd.Timestamp(instant, tz="UTC")))
        assert position["expired"] == expired, instant
    sold = fills(("2013-03-01", 1, 5), ("2013-03-04", -1, 6), symbol=PUT)
    assert not only(positions_from_fills(sold, until=pd.Timestamp("2013-06-01", tz="UTC")))["expired"]


def test_an_option_held_across_a_split_of_its_underlying_is_flagged():
    split = actions(("AAPL", "2013-03-15", "split", 7.0))
    assert only(positions_from_fills(fills(("2013-03-01", 1, 5), symbol=PUT), actions=split))["unadjusted"]
    after = fills(("2013-03-18", 1, 5), symbol=PUT)
    assert not only(positions_from_fills(after, actions=split))["unadjusted"]


def test_accounts_and_currencies_are_kept_apart():
    book = fills(
        ("2013-01-02", 100, 10), ("2013-01-02", -50, 10), ("2013-01-03", 10, 9),
        account=["a", "b", "a"], currency=["USD", "USD", "EUR"],
    )  # fmt: skip
    found = positions_from_fills(book)
    assert found[["account", "currency", "quantity"]].to_numpy().tolist() == [
        ["a", "EUR", 10.0], ["a", "USD", 100.0], ["b", "USD", -50.0],
    ]  # fmt: skip
    assert list(positions_from_fills(fills(("2013-01-02", 1, 1)))["account"]) == ["main"]


def test_no_fills_give_an_empty_frame_with_all_columns():
    found = positions_from_fills(fills(("2013-01-02", 1, 1)), until=pd.Timestamp("2012-01-01", tz="UTC"))
    full = positions_from_fills(fills(("2013-01-02", 1, 1)))
    assert found.empty
    assert list(found.columns) == list(full.columns)
    assert len(positions_from_fills(fills(("2013-01-02", 1, 1)).iloc[:0])) == 0
    assert value_positions(found, {}).empty


def test_lots_refuse_nothing_and_keep_their_sum():
    lots = Lots("fifo")
    assert lots.trade(5, 10.0) == 0
    assert lots.trade(-2, 12.0) == 4
    assert (lots.quantity, lots.cost) == (3, 30)
    lots.split(2)
    assert (lots.quantity, lots.cost) == (6, 30)


def share_by_share(quantities, prices):
    """Realised profit, one share at a time in a plain list: the oldest share leaves first."""
    held, realized = [], 0.0
    for quantity, price in zip(quantities, prices, strict=True):
        side = 1 if quantity > 0 else -1
        for _ in range(abs(quantity)):
            if held and held[0][0] != side:
                realized += held[0][0] * (price - held.pop(0)[1])
            else:
                held.append((side, price))
    return realized, sum(side for side, _ in held), sum(side * price for side, price in held)


@given(st.lists(st.tuples(st.integers(-30, 30).filter(bool), st.integers(1, 200)), min_size=1, max_size=40))
@settings(deadline=None)
def test_lots_agree_with_moving_single_shares(trades):
    lots = Lots("fifo")
    realized = sum(lots.trade(float(quantity), float(price)) for quantity, price in trades)
    expected = share_by_share(*zip(*trades, strict=True))
    assert (realized, lots.quantity, lots.cost) == approx(expected)


events = st.lists(
    st.tuples(
        st.sampled_from(["fill", "fill", "fill", "split", "dividend"]),
        st.sampled_from(["AAPL", "MSFT", PUT]),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["income", "hedge", ""]),
        st.decimals("-500", "500", places=1).filter(lambda value: value != 0),
        st.decimals("0.01", "900", places=2),
        st.sampled_from([2.0, 3.0, 0.1, 1.5]),
    ),
    min_size=1,
    max_size=30,
)


@given(
    events=events,
    method=st.sampled_from(["fifo", "average"]),
    marks=st.lists(st.floats(0.01, 900), min_size=3, max_size=3),
)
@settings(deadline=None, max_examples=60)
def test_cash_and_value_are_conserved_under_any_fills_splits_and_dividends(events, method, marks):
    """Two plain counters, shares and cash, know nothing of lots; their sum is the profit and loss."""
    shares, cash, rows, happened = {}, {}, [], []
    for number, (what, symbol, account, strategy, quantity, price, ratio) in enumerate(events):
        day = pd.Timestamp("2013-01-01", tz="UTC") + pd.Timedelta(days=number)
        if what == "fill":
            rows.append((day + pd.Timedelta(hours=15), symbol, account, strategy, quantity, price, "0.35"))
            unit = 100 if symbol == PUT else 1
            key = (account, symbol)
            shares[key] = shares.get(key, 0.0) + float(quantity)
            cash[key] = cash.get(key, 0.0) - float(quantity) * float(price) * unit - 0.35
        elif symbol != PUT:
            happened.append((symbol, day.tz_localize(None), what, ratio if what == "split" else float(price)))
            for key in [key for key in shares if key[1] == symbol]:
                if what == "split":
                    shares[key] *= ratio
                else:
                    cash[key] += shares[key] * float(price)
    if not rows:
        return
    book = pd.DataFrame(rows, columns=["time", "symbol", "account", "strategy", "quantity", "price", "fees"])
    book["fees"] = book["fees"].map(Decimal)
    mark = dict(zip(["AAPL", "MSFT", PUT], marks, strict=True))
    found = value_positions(positions_from_fills(book, method=method, actions=actions(*happened)), mark)
    scale = 1 + max(abs(cash[key]) + abs(shares[key]) * mark[key[1]] * 100 for key in cash) * 1e-10
    for row in found.itertuples():
        key = (row.account, row.symbol)
        unit = 100 if row.symbol == PUT else 1
        assert row.quantity == approx(shares[key], abs=1e-6)
        assert row.cash == approx(cash[key], abs=1e-7 * scale)
        assert row.pnl == approx(cash[key] + shares[key] * mark[row.symbol] * unit, abs=1e-6 * scale)
    whole = found["pnl"].sum()
    for by in ([], ["strategy"], ["account", "strategy"]):
        parts = value_positions(
            positions_from_fills(book, method=method, actions=actions(*happened), by=by), mark
        )
        assert parts["pnl"].sum() == approx(whole, abs=1e-6 * scale)
        assert_allclose(parts.groupby("symbol")["quantity"].sum(), found.groupby("symbol")["quantity"].sum(),
                        atol=1e-6)  # fmt: skip


def test_a_hundred_thousand_fills_take_seconds():
    rng = np.random.default_rng(1)
    count = 100_000
    book = pd.DataFrame(
        {
            "time": pd.date_range("2010-01-04", periods=count, freq="13min", tz="UTC"),
            "symbol": rng.choice(["AAPL", "MSFT", "IBM", PUT], count),
            "quantity": rng.integers(1, 100, count) * rng.choice([-1, 1], count),
            "price": rng.uniform(10, 500, count).round(2),
            "fees": 0.35,
        }
    )
    started = time.perf_counter()
    found = positions_from_fills(book)
    assert time.perf_counter() - started < 5
    assert found["quantity"].sum() == book["quantity"].sum()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"price": None}, "no column `price`"),
        ({"price": [10.0, np.nan]}, "`price` is missing in row 1 of the fills"),
        ({"quantity": ["5", "6"]}, "`quantity` is '5' in row 0"),
        ({"time": pd.to_datetime(["2013-01-02", "2013-01-03"])}, "`time` has no time zone"),
    ],
)
def test_fills_that_cannot_be_read_are_refused(change, message):
    book = fills(("2013-01-02", 100, 10), ("2013-01-03", 100, 12)).assign(**change)
    book = book.drop(columns=[name for name, value in change.items() if value is None])
    with pytest.raises(ArgumentError) as caught:
        positions_from_fills(book)
    assert message in str(caught.value)


def test_actions_and_arguments_that_cannot_be_read_are_refused():
    book = fills(("2013-01-02", 100, 10))
    with pytest.raises(ArgumentError, match="`kind` is 'merger' in row 0 of the actions"):
        positions_from_fills(book, actions=actions(("AAPL", "2013-01-03", "merger", 1.0)))
    with pytest.raises(ArgumentError, match="`value` is 0 in row 0 of the actions"):
        positions_from_fills(book, actions=actions(("AAPL", "2013-01-03", "split", 0.0)))
    with pytest.raises(ArgumentError, match="no column `ex_date`"):
        positions_from_fills(book, actions=pd.DataFrame({"symbol": ["A"], "kind": "split", "value": 2}))
    with pytest.raises(ArgumentError, match="`method` is 'hifo'"):
        positions_from_fills(book, method="hifo")
    with pytest.raises(ArgumentError, match=r"`until` is .* without a time zone"):
        positions_from_fills(book, until=pd.Timestamp("2013-01-03"))
    with pytest.raises(ArgumentError, match="no column `strategy`"):
        positions_from_fills(book, by=["strategy"])

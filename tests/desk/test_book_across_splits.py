"""What the book says of positions over splits, ex-dates, expiries, strategies and currencies.

Apple's closes and actions are real: 88.99 on 25 February 2005, 44.86 on the 28th after two for one; 619.86
on 8 August 2012, and 2.65 of dividend on the 9th.
"""

import pandas as pd
import pytest

CALL = "AAPL  050416C00090000"


@pytest.fixture
def apple(desk):
    desk.ingest("sample", "AAPL", start="2004-11-01", end="2012-12-31")
    return desk


def book_fills(desk, *rows):
    """Load fills given as time in New York, symbol, quantity, price and any other columns."""
    table = [
        {"fill_id": f"f{n}", "time": pd.Timestamp(time, tz="America/New_York"), "symbol": symbol,
         "quantity": quantity, "price": price, "fees": 0, "strategy": "", "currency": "USD", **more}
        for n, (time, symbol, quantity, price, more) in enumerate(rows)
    ]  # fmt: skip
    desk.load(pd.DataFrame(table), kind="fills", source="own")


def quote(desk, day, bid, ask, strike=90.0):
    row = {"underlying": "AAPL", "quote_date": day, "expiration": "2005-04-16", "strike": strike,
           "option_type": "call", "bid": bid, "ask": ask}  # fmt: skip
    desk.load(pd.DataFrame([row]), kind="chain", source="own")


@pytest.mark.parametrize(
    ("as_of", "quantity", "value"),
    [("2005-02-25", 100, 8899.0), ("2005-02-28 10:00", 200, 8899.0), ("2005-02-28", 200, 8972.0)],
)
def test_shares_are_worth_the_same_on_both_sides_of_their_split(apple, as_of, quantity, value):
    """In the morning of the ex-date the last close is one of old shares, and the book holds new ones."""
    book_fills(apple, ("2005-02-01 16:00", "AAPL", 100, 77.53, {}))
    row = apple.book(as_of).iloc[0]
    assert row["quantity"] == quantity
    assert row["value"] == pytest.approx(value)
    assert row["pnl"] == pytest.approx(value - 7753.0)


@pytest.mark.parametrize("quantity", [100, -100])
def test_a_dividend_is_earned_or_paid_once_in_the_morning_of_its_ex_date(apple, quantity):
    """Profit is that of the evening before: the price has lost what the account has got."""
    book_fills(apple, ("2012-08-01 16:00", "AAPL", quantity, 606.81, {}))
    evening, morning = apple.book("2012-08-08").iloc[0], apple.book("2012-08-09 10:00").iloc[0]
    assert morning["dividends"] == pytest.approx(quantity * 2.65)
    assert morning["pnl"] == pytest.approx(evening["pnl"])


def test_an_option_held_across_a_split_is_flagged_and_not_valued(apple):
    """The symbol is quoted on, and names another contract: two cents, where five dollars were."""
    quote(apple, "2005-02-25", 4.9, 5.1)
    quote(apple, "2005-02-28", 0.01, 0.03)
    book_fills(apple, ("2005-02-25 16:00", CALL, 10, 5.0, {}), ("2005-02-25 16:00", "AAPL", 100, 88.99, {}))
    assert apple.headline("2005-02-25").book_value == pytest.approx(8899.0 + 5000.0)
    option = apple.book("2005-02-28").set_index("symbol").loc[CALL]
    assert option["price_status"] == "unadjusted"
    money = ["price", "value", "pnl", "day_pnl", "volatility", "dollar_delta"]
    assert option[money].isna().all()
    headline = apple.headline("2005-02-28")
    assert headline.book_value == pytest.approx(8972.0)
    assert headline.unpriced == 1
    assert any("held across a split" in finding for finding in headline.findings)


def test_a_quote_of_before_the_split_does_not_price_the_contract_of_after_it(apple):
    quote(apple, "2005-02-25", 4.9, 5.1)
    book_fills(apple, ("2005-03-01 10:00", CALL, 10, 0.05, {}))
    assert apple.book("2005-03-01").iloc[0]["price_status"] == "no_quote"


def test_an_option_that_was_closed_before_the_split_and_bought_again_is_valued(apple):
    quote(apple, "2005-03-01", 0.04, 0.06)
    book_fills(
        apple, ("2005-02-24 10:00", CALL, 10, 5.0, {}), ("2005-02-25 10:00", CALL, -10, 5.0, {}),
        ("2005-03-01 10:00", CALL, 10, 0.05, {}),
    )  # fmt: skip
    assert apple.book("2005-03-01").iloc[0]["value"] == pytest.approx(50.0)


def test_a_split_that_nobody_stated_is_told(desk):
    """Seven for one, and the desk holds bars alone."""
    days = pd.bdate_range("2024-01-02", periods=60, tz="UTC")
    close = [640.0 + n % 5 for n in range(59)] + [92.0]
    bars = pd.DataFrame({"symbol": "ABC", "time": days, "volume": 1.0, "close": close})
    desk.load_bars(bars.assign(open=close, high=close, low=close), source="own")
    book_fills(desk, ("2024-01-05 16:00", "ABC", 100, 640.0, {}))
    assert any("split of 7 for 1" in finding for finding in desk.headline(days[-1].date()).findings)


def test_an_expired_option_counts_at_what_it_paid_and_not_at_its_last_quote(apple):
    """Apple closed at 35.35 on Friday 15 April 2005: a call at 30 paid 5.35, whatever its old quote."""
    symbol = "AAPL  050416C00030000"
    quote(apple, "2005-03-24", 12.9, 13.1, strike=30.0)
    book_fills(apple, ("2005-03-21 16:00", symbol, 10, 13.0, {}))
    row = apple.book("2005-04-18").iloc[0]
    assert row["price_status"] == "expired"
    assert row["value"] == pytest.approx(10 * 100 * 5.35)
    assert any("have expired" in finding for finding in apple.headline("2005-04-18").findings)


def test_an_old_quote_implies_its_volatility_with_the_spot_of_its_own_day(apple):
    quote(apple, "2005-03-24", 1.9, 2.1, strike=45.0)
    book_fills(apple, ("2005-03-21 16:00", "AAPL  050416C00045000", 10, 2.0, {}))
    then, later = (apple.book(day).iloc[0] for day in ("2005-03-24", "2005-03-31"))
    assert later["price_status"] == "stale"
    assert later["volatility"] == pytest.approx(then["volatility"], abs=1e-12)


def test_a_symbol_of_two_strategies_counts_in_each_with_its_own_quantity(apple):
    book_fills(
        apple, ("2012-06-01 16:00", "AAPL", 500, 560, {"strategy": "core"}),
        ("2012-06-04 16:00", "AAPL", -200, 564, {"strategy": "trade"}),
    )  # fmt: skip
    shares = apple.book_greeks("strategy", as_of="2012-06-08")["delta_shares"]
    assert shares.to_dict() == {"core": 500.0, "trade": -200.0, "Book": 300.0}
    assert apple.book("2012-06-08")["strategy"].tolist() == ["core, trade"]


def test_a_position_opened_again_belongs_to_its_new_strategy(apple):
    book_fills(
        apple, ("2012-06-01 16:00", "AAPL", 500, 560, {"strategy": "old"}),
        ("2012-06-04 16:00", "AAPL", -500, 564, {"strategy": "old"}),
        ("2012-06-05 16:00", "AAPL", 100, 562, {"strategy": "new"}),
    )  # fmt: skip
    assert apple.book("2012-06-08")["strategy"].tolist() == ["new"]


def test_a_fill_in_another_currency_is_flagged_and_added_to_nothing(apple):
    book_fills(
        apple, ("2012-06-01 16:00", "AAPL", 500, 560, {}),
        ("2012-06-04 16:00", "AAPL", -200, 564, {"currency": "EUR"}),
    )  # fmt: skip
    headline = apple.headline("2012-06-08")
    assert headline.book_value == headline.dollar_delta == pytest.approx(500 * 580.32)
    assert any("not in the desk's currency" in finding for finding in headline.findings)


def test_a_book_that_nobody_can_price_has_no_risk_of_zero(desk):
    book_fills(desk, ("2012-06-01 16:00", "ABC", 10, 5, {}))
    figures = desk.headline("2012-06-08").figures()
    assert pd.Series(figures).isna().all(), figures

"""The vectorised engine against an event loop written out in plain Python, trade by trade."""

import subprocess
import sys

import bokeh_sampledata.stocks as samples
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from workbench.backtest import moving_average_crossover, run_signals
from workbench.errors import BacktestInputError


def event_loop(bars, entries, exits, *, execution, sizing, size, fee, fixed_fee, slippage, cash):
    """Trade long only, one bar after the other, and return trades, equity and refused orders."""
    opens, closes = bars["open"].tolist(), bars["close"].tolist()
    money, units, entry = cash, 0.0, None
    trades, equity, refused = [], [], []

    def order(bar, price, buying, selling):
        nonlocal money, units, entry
        if buying and selling:
            return
        if buying and units == 0:
            fill = price * (1 + slippage)
            wanted = size if sizing == "units" else (size * money - fixed_fee) / (fill * (1 + fee))
            cost = wanted * fill * (1 + fee) + fixed_fee
            if wanted <= 0 or cost > money * (1 + 1e-9):
                refused.append((bar, wanted))
                return
            money -= cost
            units = wanted
            entry = (bar, fill, fee * wanted * fill + fixed_fee)
        elif selling and units > 0:
            fill = price * (1 - slippage)
            paid = fee * units * fill + fixed_fee
            money += units * fill - paid
            gain = units * (fill - entry[1]) - paid - entry[2]
            trades.append((entry[0], bar, units, entry[1], fill, gain))
            units = 0.0

    for bar in range(len(closes)):
        if execution == "next_open" and bar > 0:
            order(bar, opens[bar], entries[bar - 1], exits[bar - 1])
        if execution == "same_close":
            order(bar, closes[bar], entries[bar], exits[bar])
        equity.append(money + units * closes[bar])
    return trades, equity, refused


def assert_same(result, expected, bars):
    trades, equity, refused = expected
    times = bars.index
    assert result.trades["entry_time"].tolist() == [times[t[0]] for t in trades]
    assert result.trades["exit_time"].tolist() == [times[t[1]] for t in trades]
    for column, place in (("size", 2), ("entry_price", 3), ("exit_price", 4)):
        assert_allclose(result.trades[column].to_numpy(float), [t[place] for t in trades], rtol=1e-9)
    assert_allclose(result.trades["pnl"].to_numpy(float), [t[5] for t in trades], rtol=1e-7, atol=1e-6)
    assert_allclose(result.equity.to_numpy(), equity, rtol=1e-9)
    assert result.refused["time"].tolist() == [times[bar] for bar, _ in refused]


def frame(opens, closes):
    times = pd.date_range("2020-01-01", periods=len(opens), tz="UTC", name="time")
    columns = {"open": opens, "close": closes}
    bars = pd.DataFrame(columns, index=times, dtype=float)
    return bars.assign(high=bars.max(axis=1), low=bars.min(axis=1), volume=1000.0)


@pytest.fixture(scope="module")
def apple():
    """Real daily bars, adjusted for splits and dividends by the vendor's own adjusted close."""
    raw = pd.DataFrame(samples.AAPL)
    times = pd.DatetimeIndex(pd.to_datetime(raw["date"]), name="time").tz_localize("UTC")
    prices = raw[["open", "high", "low", "close"]].mul(raw["adj_close"] / raw["close"], axis=0)
    return prices.assign(volume=raw["volume"].astype(float)).set_index(times)


@pytest.mark.parametrize("kind", ["sma", "ema"])
@pytest.mark.parametrize("execution", ["next_open", "same_close"])
@pytest.mark.parametrize(("sizing", "size"), [("fraction", 1.0), ("fraction", 0.35), ("units", 1500.0)])
@pytest.mark.parametrize(("fast", "slow"), [(5, 20), (20, 50), (50, 200)])
def test_crossovers_on_real_bars_trade_as_the_event_loop(apple, kind, execution, sizing, size, fast, slow):
    entries, exits = moving_average_crossover(apple, kind=kind, fast=fast, slow=slow)
    terms = {
        "execution": execution,
        "sizing": sizing,
        "size": size,
        "fee": 0.001,
        "fixed_fee": 1.0,
        "slippage": 0.0005,
        "cash": 100_000.0,
    }
    result = run_signals(apple, entries, exits, **terms)
    assert len(result.trades) > 3
    assert_same(result, event_loop(apple, entries.tolist(), exits.tolist(), **terms), apple)


prices = st.floats(1.0, 200.0)
rows = st.tuples(prices, prices, st.booleans(), st.booleans())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.lists(rows, min_size=1, max_size=40),
    execution=st.sampled_from(["next_open", "same_close"]),
    sized=st.one_of(
        st.tuples(st.just("fraction"), st.floats(0.01, 1.0)), st.tuples(st.just("units"), st.floats(1, 200))
    ),
    fee=st.floats(0, 0.02),
    fixed_fee=st.sampled_from([0.0, 0.5]),
    slippage=st.floats(0, 0.02),
)
def test_any_bars_and_signals_trade_as_the_event_loop(rows, execution, sized, fee, fixed_fee, slippage):
    opens, closes, entries, exits = (list(column) for column in zip(*rows, strict=True))
    bars = frame(opens, closes)
    terms = {
        "execution": execution,
        "sizing": sized[0],
        "size": sized[1],
        "fee": fee,
        "fixed_fee": fixed_fee,
        "slippage": slippage,
        "cash": 10_000.0,
    }
    result = run_signals(bars, np.array(entries), np.array(exits), prices_are_adjusted=True, **terms)
    assert_same(result, event_loop(bars, entries, exits, **terms), bars)
    gained = result.trades["pnl"].sum() + (result.open_position.pnl if result.open_position else 0.0)
    assert result.equity.iloc[-1] == pytest.approx(10_000.0 + gained, rel=1e-9)


def test_by_hand_one_trade_with_every_cost():
    """Signal at 10, bought at 20 x 1.01 with 2 % + 1; sold at 30 x 0.99."""
    bars = frame([9, 20, 25, 30], [10, 22, 28, 31])
    result = run_signals(
        bars,
        np.array([True, False, False, False]),
        np.array([False, False, True, False]),
        sizing="units",
        size=10.0,
        fee=0.02,
        fixed_fee=1.0,
        slippage=0.01,
        cash=1000.0,
        symbol="X",
        prices_are_adjusted=True,
    )
    trade = result.trades.iloc[0]
    assert (trade.entry_price, trade.exit_price) == (pytest.approx(20.2), pytest.approx(29.7))
    assert (trade.entry_fee, trade.exit_fee) == (pytest.approx(5.04), pytest.approx(6.94))
    assert trade.pnl == pytest.approx(95 - 5.04 - 6.94)
    assert trade.pnl_pct == pytest.approx((95 - 11.98) / 202 * 100)
    assert result.equity.tolist() == pytest.approx([1000, 1012.96, 1072.96, 1083.02])
    assert trade.symbol == "X"


def test_costs_are_on_unless_they_are_switched_off(apple):
    entries, exits = moving_average_crossover(apple)
    charged = run_signals(apple, entries, exits)
    free = run_signals(apple, entries, exits, fee=0.0, slippage=0.0)
    assert charged.metrics["total_return_pct"] < free.metrics["total_return_pct"]
    assert (charged.trades["entry_fee"] > 0).all()


def test_no_trade_of_the_past_moves_when_the_future_is_cut_off(apple):
    whole = run_signals(apple, *moving_average_crossover(apple, fast=5, slow=20))
    for length in (500, 1500, 2500, len(apple) - 1):
        past = apple.iloc[:length]
        cut = run_signals(past, *moving_average_crossover(past, fast=5, slow=20))
        known = whole.trades[whole.trades["exit_time"] <= past.index[-1]]
        pd.testing.assert_frame_equal(cut.trades, known.reset_index(drop=True), rtol=1e-12)
        assert_allclose(cut.equity, whole.equity.iloc[:length], rtol=1e-12)


def test_a_signal_on_the_last_bar_never_fills_at_an_open():
    bars = frame([10, 10, 10], [10, 10, 10])
    last = np.array([False, False, True])
    assert run_signals(bars, last, ~last).open_position is None
    assert run_signals(bars, last, np.zeros(3, bool), execution="same_close").open_position is not None


def test_a_position_at_the_end_is_marked_and_not_counted():
    bars = frame([10, 10, 12], [10, 11, 15])
    result = run_signals(bars, np.array([True, False, False]), np.zeros(3, bool), fee=0.0, slippage=0.0)
    assert result.trades.empty
    assert result.metrics["total_trades"] == 0
    assert result.open_position.pnl == pytest.approx(50_000.0)
    assert result.metrics["total_return_pct"] == pytest.approx(50.0)


def test_both_signals_on_one_bar_cancel():
    both = np.ones(4, bool)
    result = run_signals(frame([1, 2, 3, 4], [1, 2, 3, 4]), both, both, prices_are_adjusted=True)
    assert result.trades.empty
    assert result.open_position is None


def test_an_order_that_cash_cannot_pay_is_refused_and_listed():
    bars = frame([10, 10, 5, 5], [10, 10, 5, 5])
    entries = np.array([True, True, False, False])
    result = run_signals(
        bars, entries, np.zeros(4, bool), sizing="units", size=150.0, cash=1000.0, prices_are_adjusted=True
    )
    assert result.refused["time"].tolist() == [bars.index[1]]
    assert result.refused["size"].tolist() == [150.0]
    assert result.refused["reason"].tolist() == ["cash does not pay it"]
    assert result.open_position.entry_time == bars.index[2]


def test_the_numba_engine_is_named_whatever_is_installed(monkeypatch):
    import vectorbt

    named = []
    original = vectorbt.Portfolio.from_signals

    def spy(*args, **arguments):
        named.append(arguments["engine"])
        return original(*args, **arguments)

    monkeypatch.setattr(vectorbt.Portfolio, "from_signals", spy)
    nothing = np.zeros(3, bool)
    result = run_signals(frame([1, 1, 1], [1, 1, 1]), nothing, nothing)
    assert named == ["numba"]
    assert result.parameters["engine"].endswith(", numba")


def test_vectorbt_is_loaded_on_call_and_not_before():
    command = "import sys, workbench.backtest; print('vectorbt' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"


GOOD = frame([10.0, 10.0, 10.0], [10.0, 10.0, 10.0])
NONE = np.zeros(3, bool)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"execution": "close"}, "`execution` is 'close'; give 'next_open' or 'same_close'"),
        ({"direction": "long_short"}, "'long_short' needs the event engine"),
        ({"direction": "short_only"}, "`direction` is 'short_only'"),
        ({"sizing": "percent"}, "`sizing` is 'percent'"),
        ({"size": 0}, "`size` is 0"),
        ({"size": 1.5}, "at most 1"),
        ({"size": True}, "`size` is True; give a number"),
        ({"fee": -0.1}, "`fee` is -0.1"),
        ({"fee": 1.0}, "`fee` is 1"),
        ({"fixed_fee": float("nan")}, "`fixed_fee` is nan"),
        ({"slippage": "a lot"}, "`slippage` is 'a lot'"),
        ({"cash": 0}, "`cash` is 0"),
        ({"stop_loss": 0.1}, "`stop_loss` needs the event engine"),
        ({"take_profit": 0.1}, "`take_profit` needs the event engine"),
        ({"engine": "events"}, "use 'vectorbt'"),
        ({"engine": "auto"}, "`engine` is 'auto'"),
        ({"bars": [1, 2, 3]}, "`bars` is a list"),
        ({"bars": GOOD.iloc[:0]}, "bars are empty"),
        ({"bars": GOOD.drop(columns="open")}, "no column `open`"),
        ({"bars": GOOD.reset_index(drop=True)}, "give a DatetimeIndex"),
        ({"bars": GOOD[::-1]}, "do not ascend"),
        ({"bars": GOOD.assign(close=[10.0, np.nan, 10.0])}, r"`close` is nan at 2020-01-02 .*\(bar 1\)"),
        ({"bars": GOOD.assign(open=[10.0, 10.0, 0.0])}, "`open` is 0"),
        ({"entries": [True, False]}, r"`entries` has shape \(2,\) for 3 bars"),
        ({"entries": [1, 0, 0]}, "`entries` holds int64 values"),
        ({"exits": pd.Series(NONE, index=GOOD.index + pd.Timedelta(days=1))}, "`exits` is a Series of other"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_sentence(changed, sentence):
    given_arguments = {"bars": GOOD, "entries": NONE, "exits": NONE} | changed
    with pytest.raises(BacktestInputError, match=sentence):
        run_signals(**given_arguments)


def test_bars_of_several_symbols_are_refused_and_those_of_one_carry_its_name():
    two = pd.concat({"A": GOOD, "B": GOOD}, names=["symbol"])
    with pytest.raises(BacktestInputError, match="hold 2 symbols"):
        run_signals(two, np.zeros(6, bool), np.zeros(6, bool))
    one = pd.concat({"A": GOOD}, names=["symbol"])
    result = run_signals(one, np.array([True, False, False]), np.array([False, True, False]))
    assert result.trades["symbol"].tolist() == ["A"]


@pytest.mark.parametrize(("name", "split"), [("AAPL", "2000-06-21"), ("MSFT", "2003-02-18")])
def test_raw_bars_across_a_split_are_refused_on_its_day(name, split):
    raw = pd.DataFrame(getattr(samples, name))
    raw = raw.set_index(pd.DatetimeIndex(pd.to_datetime(raw["date"])))
    with pytest.raises(BacktestInputError, match=f"at {split}.*2:1 split"):
        run_signals(raw, np.zeros(len(raw), bool), np.zeros(len(raw), bool))


@pytest.mark.parametrize("name", ["AAPL", "FB", "GOOG", "IBM", "MSFT"])
def test_real_crashes_are_no_splits(name):
    """AAPL fell by half on 29 September 2000; adjusted bars keep that day and are accepted."""
    raw = pd.DataFrame(getattr(samples, name))
    prices = raw[["open", "close"]].mul(raw["adj_close"] / raw["close"], axis=0)
    prices = prices.set_index(pd.DatetimeIndex(pd.to_datetime(raw["date"])))
    nothing = np.zeros(len(raw), bool)
    assert run_signals(prices, nothing, nothing).trades.empty


def test_a_sale_that_does_not_bring_its_costs_is_refused_by_this_engine():
    bars = frame([10, 10, 0.1, 0.1], [10, 10, 0.1, 0.1])
    with pytest.raises(BacktestInputError, match="brings less than its costs"):
        run_signals(
            bars,
            np.array([True, False, False, False]),
            np.array([False, True, False, False]),
            sizing="units",
            size=1.0,
            fixed_fee=5.0,
            prices_are_adjusted=True,
        )

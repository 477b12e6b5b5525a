"""The demo's headline, recomputed from raw prices and fills with QuantLib and plain Python alone."""

import math
from datetime import UTC, date, datetime
from fractions import Fraction
from itertools import pairwise

import pytest
import QuantLib as ql  # noqa: N813 - its own documentation writes it so
from bokeh_sampledata import stocks

TODAY = date(2013, 3, 1)
RATE = 0.001
# Ex-dates as the companies published them; Google paid none.
DIVIDENDS = {
    "AAPL": {"2012-08-09": 2.65, "2012-11-07": 2.65, "2013-02-07": 2.65},
    "GOOG": {},
    "IBM": {
        "2011-05-06": 0.75, "2011-08-08": 0.75, "2011-11-08": 0.75, "2012-02-08": 0.75, "2012-05-08": 0.85,
        "2012-08-08": 0.85, "2012-11-07": 0.85, "2013-02-06": 0.85,
    },
    "MSFT": {
        "2011-05-17": 0.16, "2011-08-16": 0.16, "2011-11-15": 0.20, "2012-02-14": 0.20, "2012-05-15": 0.20,
        "2012-08-14": 0.20, "2012-11-13": 0.23, "2013-02-19": 0.23,
    },
}  # fmt: skip
CLOSES = {name: dict(zip(getattr(stocks, name)["date"], getattr(stocks, name)["close"], strict=True))
          for name in DIVIDENDS}  # fmt: skip
# The Saturdays of the symbols; trading ended at four in New York on the Friday, in summer time.
LAST_TRADES = {
    "130420": datetime(2013, 4, 19, 20, tzinfo=UTC),
    "130622": datetime(2013, 6, 21, 20, tzinfo=UTC),
}
NOW = datetime(2013, 3, 1, 21, tzinfo=UTC)


class Option:
    """One option of the book, priced by QuantLib's Black formula on the forward that the chain tells.

    The quotes say European. Their middles are whole ticks, so calls and puts tell a forward some cents beside
    the one that they were modelled with.
    """

    def __init__(self, symbol: str, mid: float, forward: float) -> None:
        self.strike = int(symbol[13:]) / 1000
        self.right = ql.Option.Call if symbol[12] == "C" else ql.Option.Put
        self.years = (LAST_TRADES[symbol[6:12]] - NOW).total_seconds() / (365 * 86400)
        self.spot = CLOSES[symbol[:6].strip()][TODAY.isoformat()]
        self.discount = math.exp(-RATE * self.years)
        self.forward = forward
        deviation = ql.blackFormulaImpliedStdDev(
            self.right, self.strike, forward, mid, self.discount, 0.0, 0.1, 1e-14, 200
        )
        self.volatility = deviation / math.sqrt(self.years)

    def value(self, move: float = 0.0, points: float = 0.0) -> float:
        deviation = max(self.volatility + points, 1e-4) * math.sqrt(self.years)
        return ql.blackFormula(self.right, self.strike, self.forward * (1 + move), deviation, self.discount)

    def greeks(self) -> dict[str, float]:
        payoff = ql.PlainVanillaPayoff(self.right, self.strike)
        deviation = self.volatility * math.sqrt(self.years)
        black = ql.BlackCalculator(payoff, self.forward, deviation, self.discount)
        return {
            "delta_shares": black.delta(self.spot),
            "dollar_delta": black.delta(self.spot) * self.spot,
            "dollar_gamma_1pct": black.gamma(self.spot) * self.spot**2 / 100,
            "vega_point": black.vega(self.years) / 100,
            "theta_day": black.theta(self.spot, self.years) / 365,
            "rho_point": black.rho(self.years) / 100,
        }


class Share:
    """A share: it moves with its own price alone."""

    def __init__(self, symbol: str) -> None:
        self.spot = CLOSES[symbol][TODAY.isoformat()]

    def value(self, move: float = 0.0, points: float = 0.0) -> float:
        return self.spot * (1 + move)

    def greeks(self) -> dict[str, float]:
        return {"delta_shares": 1.0, "dollar_delta": self.spot}


@pytest.fixture(scope="module")
def fills(demo_desk):
    return demo_desk._ledger.fills.frame()


@pytest.fixture(scope="module")
def legs(demo_desk, fills):
    """Symbol to (underlying, units, instrument), from the fills and the middles of the last quotes."""
    quotes = demo_desk._lake.read("option_quotes", start=TODAY, end=TODAY).set_index("symbol")
    made = {}
    names = {symbol[:6].strip() for symbol in fills["symbol"] if len(symbol) == 21}
    forwards = {name: demo_desk.expiries(name).set_index("expiry")["forward"] for name in names}
    for symbol, rows in fills.groupby("symbol"):
        units = float(sum(rows["quantity"]))
        if len(symbol) == 21:
            mid = (quotes.loc[symbol, "bid"] + quotes.loc[symbol, "ask"]) / 2
            name = symbol[:6].strip()
            option = Option(symbol, mid, forwards[name][f"20{symbol[6:12]}"])
            made[symbol] = (name, units * 100, option, mid)
        else:
            made[symbol] = (symbol, units, Share(symbol), CLOSES[symbol][TODAY.isoformat()])
    return made


def test_the_forwards_are_those_of_the_model_but_for_the_ticks(legs):
    """Half a basis point of the yield that the quotes were modelled with, which is none."""
    for _, _, instrument, _ in legs.values():
        if isinstance(instrument, Option):
            implied = RATE - math.log(instrument.forward / instrument.spot) / instrument.years
            assert abs(implied) < 5e-5


def test_the_book_is_worth_its_quantities_at_closes_and_middles(demo_desk, legs):
    value = sum(units * price for _, units, _, price in legs.values())
    assert demo_desk.headline().book_value == pytest.approx(value, abs=1e-6)


def test_profit_is_value_and_all_cash_since_the_first_fill(demo_desk, fills, legs):
    """Exact fractions: no lot, no average, only what was paid, earned and is still there."""
    cash = Fraction(0)
    for fill in fills.itertuples():
        multiplier = 100 if len(fill.symbol) == 21 else 1
        cash -= Fraction(fill.quantity) * Fraction(fill.price) * multiplier + Fraction(fill.fees)
    for symbol, dates in DIVIDENDS.items():
        for ex_date, amount in dates.items():
            held = fills[(fills["symbol"] == symbol) & (fills["time"].dt.strftime("%Y-%m-%d") < ex_date)]
            cash += sum(map(Fraction, held["quantity"]), Fraction(0)) * Fraction(str(amount))
    value = sum(units * price for _, units, _, price in legs.values())
    assert demo_desk.headline().pnl == pytest.approx(value + float(cash), abs=1e-6)


def test_the_days_add_up_to_the_profit(demo_desk):
    days = [day for day in CLOSES["AAPL"] if "2013-02-01" <= day <= "2013-03-01"]
    total = sum(demo_desk.headline(day).day_pnl for day in days)
    assert total == pytest.approx(demo_desk.headline().pnl, abs=1e-6)


def test_greeks_of_each_position_are_quantlibs(demo_desk, legs):
    book = demo_desk.book().set_index("symbol")
    for symbol, (_, units, instrument, _) in legs.items():
        for name, unit in instrument.greeks().items():
            assert book.loc[symbol, name] == pytest.approx(units * unit, rel=1e-9, abs=1e-7), (symbol, name)
        if isinstance(instrument, Option):
            assert book.loc[symbol, "volatility"] == pytest.approx(instrument.volatility, abs=1e-9)
            assert book.loc[symbol, "years"] == pytest.approx(instrument.years, abs=1e-12)


def test_every_grouping_adds_up_to_quantlibs_book(demo_desk, legs):
    names = ("delta_shares", "dollar_delta", "dollar_gamma_1pct", "vega_point", "theta_day", "rho_point")
    for by in ("underlying", "expiry", "kind", "account", "strategy"):
        greeks = demo_desk.book_greeks(by)
        for name in names:
            total = sum(units * leg.greeks().get(name, 0.0) for _, units, leg, _ in legs.values())
            assert greeks.loc["Book", name] == pytest.approx(total, abs=1e-6)
            assert greeks[name].drop("Book").sum() == pytest.approx(total, abs=1e-6)


def test_each_cell_of_the_grid_is_a_revaluation_by_quantlib(demo_desk, legs):
    grid = demo_desk.scenario_grid()
    for move in grid.index:
        for points in grid.columns:
            pnl = sum(units * (leg.value(move, points) - leg.value()) for _, units, leg, _ in legs.values())
            assert grid.loc[move, points] == pytest.approx(pnl, abs=1e-6)
    assert demo_desk.headline().worst_pnl == pytest.approx(grid.to_numpy().min(), abs=1e-9)


def test_var_and_es_follow_from_500_days_of_raw_closes_and_published_dividends(demo_desk, legs):
    """At 99 % of 500 days the sixth worst is the VaR, and the mean of the five worse ones the ES."""
    days = [day for day in CLOSES["AAPL"] if day <= TODAY.isoformat()][-501:]
    losses = []
    for before, day in pairwise(days):
        moves = {
            name: closes[day] / (closes[before] - DIVIDENDS[name].get(day, 0.0)) - 1
            for name, closes in CLOSES.items()
        }
        losses.append(sum(u * (leg.value() - leg.value(moves[name])) for name, u, leg, _ in legs.values()))
    worst = sorted(losses, reverse=True)
    headline = demo_desk.headline()
    assert headline.observations == len(losses) == 500
    assert headline.value_at_risk == pytest.approx(worst[5], abs=1e-6)
    assert headline.expected_shortfall == pytest.approx(sum(worst[:5]) / 5, abs=1e-6)

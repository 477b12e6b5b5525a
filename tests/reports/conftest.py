"""A small book in the shapes that the desk hands to its reports."""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from workbench.reports.morning_risk import MorningRisk


@dataclass(frozen=True)
class AsOf:
    instant: pd.Timestamp = pd.Timestamp("2013-03-01 21:00", tz="UTC")  # noqa: RUF009
    session: date = date(2013, 3, 1)
    label: str = "sample data"
    text: str = "Fri 1 Mar 2013, 16:00 New York"


@dataclass(frozen=True)
class Headline:
    as_of: AsOf = AsOf()
    book_value: float = 152_340.5
    pnl: float = 4_210.25
    day_pnl: float = -7_898.4
    dollar_delta: float = 498_760.0
    dollar_gamma_1pct: float = -1_210.0
    vega_point: float = -1_386.0
    theta_day: float = 686.0
    value_at_risk: float = 17_362.0
    expected_shortfall: float = 21_904.0
    confidence: float = 0.99
    observations: int = 500
    worst_spot: float = -0.10
    worst_volatility: float = 0.12
    worst_pnl: float = -96_900.0
    source: str = "bokeh_sampledata (Quandl WIKI, public domain); modelled chain"
    modelled: bool = True
    unpriced: int = 1
    findings: tuple[str, ...] = ("1 position(s) carry a price of an earlier session: IBM 22 Jun 13 200 C.",)


def position(
    symbol, description, underlying, kind, quantity, price, day_pnl, pnl, delta, strike=np.nan, **more
):
    multiplier = 1.0 if kind == "share" else 100.0
    return {
        "account": "main",
        "symbol": symbol,
        "description": description,
        "underlying": underlying,
        "kind": kind,
        "strike": strike,
        "expiry": pd.Timestamp("2013-04-20") if kind != "share" else pd.NaT,
        "quantity": float(quantity),
        "multiplier": multiplier,
        "price": price,
        "price_status": "ok",
        "price_time": pd.Timestamp("2013-03-01 21:00", tz="UTC"),
        "value": quantity * price * multiplier,
        "cost": 0.0,
        "open_pnl": pnl,
        "realized_pnl": 0.0,
        "dividends": 0.0,
        "fees": 1.0,
        "pnl": pnl,
        "day_pnl": day_pnl,
        "spot": 430.47,
        "years": 0.137,
        "volatility": np.nan if kind == "share" else 0.312,
        "rate": 0.001,
        "dividend_yield": 0.0,
        "exercise": "" if kind == "share" else "american",
        "carry": "" if kind == "share" else "parity",
        "strategy": "",
        "modelled": kind != "share",
        "delta_shares": delta / 430.47,
        "dollar_delta": delta,
        "dollar_gamma_1pct": 10.0,
        "vega_point": -120.0,
        "theta_day": 12.5,
        "rho_point": -3.0,
    } | more


def book():
    return pd.DataFrame(
        [
            position("AAPL", "AAPL shares", "AAPL", "share", 300, 430.47, -3310.0, -5200.0, 129_141.0),
            position(
                "AAPL  130420P00430000",
                "AAPL 20 Apr 13 430 P",
                "AAPL",
                "put",
                -10,
                21.5,
                -4100.0,
                -6100.0,
                201_000.0,
                430.0,
            ),
            position(
                "AAPL  130420C00480000",
                "AAPL 20 Apr 13 480 C",
                "AAPL",
                "call",
                -5,
                6.2,
                950.0,
                2210.0,
                -52_000.0,
                480.0,
            ),
            position("GOOG", "GOOG shares", "GOOG", "share", 100, 806.19, 410.0, 5210.0, 80_619.0),
            position(
                "GOOG  130420C00820000",
                "GOOG 20 Apr 13 820 C",
                "GOOG",
                "call",
                4,
                15.1,
                120.0,
                -310.0,
                140_000.0,
                820.0,
            ),
            position(
                "IBM   130622C00200000",
                "IBM 22 Jun 13 200 C",
                "IBM",
                "call",
                -6,
                7.1,
                -1968.4,
                800.0,
                np.nan,
                200.0,
                price_status="stale",
                volatility=np.nan,
            ),
        ]
    )


def greeks():
    index = pd.Index(["AAPL", "GOOG", "IBM", "Book"], name="underlying")
    return pd.DataFrame(
        {
            "delta_shares": [645.6, 273.7, np.nan, 919.3],
            "dollar_delta": [278_141.0, 220_619.0, np.nan, 498_760.0],
            "dollar_gamma_1pct": [-1900.0, 690.0, np.nan, -1210.0],
            "vega_point": [-1500.0, 114.0, np.nan, -1386.0],
            "theta_day": [720.0, -34.0, np.nan, 686.0],
            "rho_point": [12.0, 3.0, np.nan, 15.0],
            "value": [104_541.0, 86_659.0, np.nan, 152_340.5],
            "unpriced": [0, 0, 1, 1],
        },
        index=index,
    )


def grid():
    spots = np.array([-0.10, -0.08, -0.06, -0.04, -0.02, 0.0, 0.02, 0.04, 0.06, 0.08, 0.10])
    volatilities = np.array([0.12, 0.08, 0.04, 0.0, -0.04])
    amounts = [[450_000 * s - 2.9e6 * s**2 - 190_000 * v * (1 + s) for v in volatilities] for s in spots]
    frame = pd.DataFrame(
        amounts, index=pd.Index(spots, name="spot"), columns=pd.Index(volatilities, name="volatility")
    )
    frame.loc[-0.10, 0.12] = -96_900.0
    return frame


def closes(name):
    from bokeh_sampledata import stocks

    data = getattr(stocks, name)
    series = pd.Series(data["close"], index=pd.DatetimeIndex(data["date"], tz="UTC", name="time"))
    return series.tail(120)


def backtest():
    from bokeh_sampledata import stocks

    curve = [
        {"date": day, "value": 100_000 * price / stocks.AAPL["adj_close"][0]}
        for day, price in zip(stocks.AAPL["date"], stocks.AAPL["adj_close"], strict=True)
    ]
    return {
        "strategy": "SMA 20/100 crossover",
        "symbol": "AAPL",
        "parameters": {"fee": 0.001, "slippage": 0.0005},
        "results": {
            "total_return_pct": 1289.3,
            "annualized_return_pct": 22.4,
            "sharpe_ratio": 0.81,
            "max_drawdown_pct": -48.2,
            "win_rate": 44.1,
            "total_trades": 34,
            "avg_win_pct": 21.0,
            "avg_loss_pct": -4.0,
            "profit_factor": None,
        },
        "equity_curve": curve,
        "trades": [],
    }


def alerts():
    times = pd.to_datetime(["2013-03-01 21:00", "2013-02-28 21:00", "2013-03-04 21:00"], utc=True)
    return pd.DataFrame(
        {
            "id": ["a", "b", "c"],
            "name": ["one", "two", "three"],
            "severity": ["warn", "critical", "breach"],
            "title": ["AAPL closes below 440: 430.47", "Pipeline morning_risk failed", "A later one"],
            "body": [
                "AAPL is 430.47, below 440.",
                "`morning_risk` failed in the cell `desk.book()`.",
                "not known yet",
            ],
            "as_of": times,
            "raised_at": times,
            "acknowledged_by": [None, "anna", None],
            "acknowledged_at": [pd.NaT, pd.Timestamp("2013-03-01 10:00", tz="UTC"), pd.NaT],
        }
    )


@pytest.fixture
def morning_risk() -> MorningRisk:
    return MorningRisk(
        headline=Headline(),
        positions=book(),
        greeks=greeks(),
        grid=grid(),
        closes={name: closes(name) for name in ("AAPL", "GOOG", "IBM")},
        backtest=backtest(),
        alerts=alerts(),
        desk_name="Demo desk",
        rate=0.001,
        run_id="0123456789abcdef",
        code_version="0.1.0",
        snapshot=42,
    )


@pytest.fixture
def with_headline(morning_risk):
    """Return a function that gives the report with other headline figures."""
    return lambda **figures: replace(morning_risk, headline=replace(morning_risk.headline, **figures))

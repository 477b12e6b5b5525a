"""The demo desk: real sample prices, an example book with modelled options, one of everything."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.desk.desk import Desk
from workbench.desk.frames import Headline, format_number
from workbench.errors import DeskHomeError
from workbench.market.calendars import session_close, sessions, years_to_expiry
from workbench.market.instruments import OptionContract
from workbench.providers import ModelledChainProvider
from workbench.settings import load_settings, make_home, write_settings
from workbench.store import Lake, Ledger
from workbench.volatility import modelled_chain, realized_volatility

LAST_SESSION = date(2013, 3, 1)
FIRST_CHAIN = date(2013, 2, 1)
OPTION_UNDERLYINGS = ("AAPL", "GOOG", "IBM")
# Standard monthly options then expired on the Saturday after the third Friday (OCC rule until February 2015).
EXPIRIES = (
    date(2013, 4, 20),
    date(2013, 5, 18),
    date(2013, 6, 22),
    date(2013, 7, 20),
    date(2013, 10, 19),
    date(2014, 1, 18),
)
APRIL, JUNE = EXPIRIES[0], EXPIRIES[2]  # those of the example book
STRIKE_STEPS = {"AAPL": 10.0, "GOOG": 10.0, "IBM": 5.0}
VOLATILITY_WINDOW = 60
# The three-month Treasury bill stood near 0.1 % in March 2013 (Federal Reserve, H.15).
RATE = 0.001
OPTION_FEE = Decimal("0.65")
SHARE_FEE = Decimal("1.00")

STEPS = 8
BACKTEST = {"symbol": "AAPL", "kind": "sma", "fast": 20, "slow": 100}
RULE = {
    "symbol": "AAPL",
    "name": "AAPL closes below 440",
    "conditions": [{"type": "price", "operator": "<", "value": 440}],
    "notification_methods": ["inbox", "file"],
    "enabled": True,
}


@dataclass(frozen=True)
class Trade:
    """One example trade: at the day's real close for shares, at the modelled mid for options."""

    day: date
    underlying: str
    quantity: int
    strategy: str
    strike: int = 0
    right: str = ""
    expiry: date = APRIL

    @property
    def symbol(self) -> str:
        """The ticker, or the OCC symbol of the option."""
        if not self.right:
            return self.underlying
        contract = OptionContract(
            root=self.underlying,
            expiry=self.expiry,
            right="C" if self.right == "C" else "P",
            strike=Decimal(self.strike),
        )
        return contract.occ_symbol


TRADES = (
    Trade(date(2013, 2, 1), "AAPL", 500, "covered call"),
    Trade(date(2013, 2, 1), "AAPL", -5, "covered call", 490, "C"),
    Trade(date(2013, 2, 4), "AAPL", -10, "put spread", 420, "P"),
    Trade(date(2013, 2, 4), "AAPL", 10, "put spread", 390, "P"),
    Trade(date(2013, 2, 6), "GOOG", -4, "short strangle", 830, "C"),
    Trade(date(2013, 2, 6), "GOOG", -4, "short strangle", 710, "P"),
    Trade(date(2013, 2, 8), "MSFT", 2000, "shares"),
    Trade(date(2013, 2, 12), "IBM", 300, "hedged shares"),
    Trade(date(2013, 2, 12), "IBM", 3, "hedged shares", 190, "P", JUNE),
    Trade(date(2013, 2, 20), "MSFT", -800, "shares"),
)


@dataclass(frozen=True)
class DemoResult:
    """What a demo made: where, and the newest of each thing."""

    home: Path
    desk: Desk
    report: Path
    workbook: Path
    run_id: str
    alerts_raised: int
    headline: Headline
    backtest: dict[str, Any]

    def lines(self) -> list[str]:
        """Say in five lines what was made, where it lies, and what to type next."""
        figures = self.headline
        made = self.backtest
        results = made["results"]
        alert = "1 new alert" if self.alerts_raised == 1 else f"{self.alerts_raised} new alerts"
        return [
            f"Book     {_money(figures.book_value)} $, P&L {_money(figures.pnl, '+')} $, VaR 99 % "
            f"{_money(figures.value_at_risk)} $, {figures.as_of.note} (options modelled)",
            f"Backtest {made['strategy']} on {made['symbol']}: {results['annualized_return_pct']:.1f} % "
            f"a year after costs, {results['total_trades']} trades",
            f"Report   {self.report}  and  {self.workbook.name}",
            f"Alerts   {alert}; all in `workbench alerts list` and {self.home / 'alerts'}",
            f"Next     workbench book --home {self.home} | workbench serve --home {self.home} | "
            f"workbench lab --home {self.home}",
        ]


def make_demo(
    home: str | PathLike[str] | None = None, *, on_step: Callable[[str], None] | None = None
) -> DemoResult:
    """Make or refresh the demo desk: data, book, risk, backtest, report and alert.

    Bars, fills and rules are the same each time and are written once; prices, risk and backtest are computed
    anew, and every call makes a run of its own with its own report.

    Raises
    ------
    DeskHomeError
        If the folder holds a desk of the user's own: example trades have no place in it.
    """
    say = on_step or (lambda text: None)
    folder = make_home(home)
    say("Opening the desk")
    desk = open_demo_desk(folder)
    say("Loading real daily prices of five shares, 2000 to 2013")
    desk.ingest("sample", "all")
    say("Modelling option chains from the real prices")
    load_modelled_chains(desk)
    say("Loading the example book")
    desk.load(demo_fills(desk), kind="fills", source="example trades at real closes and modelled mids")
    say("Pricing the book and measuring its risk")
    headline = desk.headline()
    say("Backtesting a moving-average crossover on AAPL with costs")
    backtest = desk.backtest(**BACKTEST)  # type: ignore[arg-type]
    say("Checking the alert rules")
    desk.save_rule(dict(RULE))
    raised = desk.check_rules()
    say("Running the morning_risk pipeline")
    run = desk.run("morning_risk")
    run.raise_if_failed()
    return DemoResult(
        home=folder,
        desk=desk,
        report=Path(run.outputs["report"]),
        workbook=Path(run.outputs["workbook"]),
        run_id=run.id,
        alerts_raised=len(raised),
        headline=headline,
        backtest=backtest,
    )


def _money(amount: float, sign: str = "") -> str:
    return format_number(amount, f"{sign},.0f")


def open_demo_desk(folder: Path) -> Desk:
    """Give an empty desk the demo's settings, all at once, and open it; refuse a desk of the user's own."""
    if load_settings(folder).clock.as_of is None:
        if _holds_data(folder):
            raise DeskHomeError(
                f"{folder} holds a desk that is not the demo's; make the demo in a folder of its own: "
                "workbench demo --home FOLDER."
            )
        write_settings(
            folder,
            {
                "name": "Demo desk",
                "clock.as_of": LAST_SESSION,
                "clock.label": "sample data",
                "market.rate": RATE,
            },
        )
    return Desk.open(folder)


def _holds_data(folder: Path) -> bool:
    if not (folder / "ledger.sqlite").exists():
        return False
    with Lake.open(folder / "lake") as lake, Ledger.open(folder / "ledger.sqlite") as ledger:
        return bool(lake.tables()["rows"].sum()) or len(ledger.fills.frame()) > 0


def load_modelled_chains(desk: Desk) -> None:
    """Make the chains that the example book needs from the real closes, and load them marked as modelled."""
    calendar = desk.settings.market.calendar
    first = sessions(calendar, FIRST_CHAIN - timedelta(days=3 * VOLATILITY_WINDOW), FIRST_CHAIN)[0].date()
    names = list(OPTION_UNDERLYINGS)
    raw = desk.bars(names, first, LAST_SESSION, adjust=None)["close"]
    total_return = desk.bars(names, first, LAST_SESSION)["close"]

    def model(symbol: str, day: date) -> pd.DataFrame:
        """Model one chain at one session's close, from the closes up to that day alone."""
        until = pd.Timestamp(day, tz="UTC")
        instant = session_close(calendar, day)
        return modelled_chain(
            symbol,
            float(raw[symbol].loc[:until].iloc[-1]),
            time=instant,
            expiries=EXPIRIES,
            years=years_to_expiry(instant, EXPIRIES, calendar),
            realized_volatility=realized_volatility(
                total_return[symbol].loc[:until].tail(VOLATILITY_WINDOW + 1)
            ),
            strike_step=STRIKE_STEPS[symbol],
            rate=desk.settings.market.rate,
            dividend_yield=desk.settings.market.dividend_yield,
        )

    provider = ModelledChainProvider(model)
    days = [stamp.date() for stamp in sessions(calendar, FIRST_CHAIN, LAST_SESSION)]
    chains = [provider.chain(symbol, day) for symbol in OPTION_UNDERLYINGS for day in days]
    desk.load(pd.concat(chains, ignore_index=True), kind="chain", source=provider.label)


def demo_fills(desk: Desk) -> pd.DataFrame:
    """Return the example trades as fills, priced from the desk's closes and modelled mids."""
    calendar = desk.settings.market.calendar
    rows = []
    for number, trade in enumerate(TRADES, start=1):
        when = session_close(calendar, trade.day)
        price = desk.price(trade.symbol, as_of=trade.day)
        fee = OPTION_FEE * abs(trade.quantity) if trade.right else SHARE_FEE
        rows.append(
            {
                "fill_id": f"example-{number:02d}",
                "account": "main",
                "time": when,
                "symbol": trade.symbol,
                "quantity": Decimal(trade.quantity),
                "price": Decimal(f"{price:.4f}"),
                "fees": fee,
                "currency": desk.settings.market.currency,
                "strategy": trade.strategy,
            }
        )
    return pd.DataFrame(rows)

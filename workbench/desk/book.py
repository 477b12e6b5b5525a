"""The book as of an instant: fills to positions, marks to values, legs to Greeks and risk."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.desk.chains import closes_at, marks_at, underlyings
from workbench.desk.clock import AsOf
from workbench.market.calendars import previous_session, session_close, years_to_expiry
from workbench.market.corporate_actions import adjust_bars
from workbench.market.instruments import is_option_symbol, parse_occ_symbol, underlying_of
from workbench.portfolio import (
    book_greeks,
    leg_greeks,
    legs_of,
    period_pnl,
    positions_from_fills,
    trader_units,
    value_positions,
)
from workbench.pricing import implied_volatility
from workbench.settings import MarketSettings
from workbench.store import Lake, Ledger

KEY = ["account", "symbol"]
GREEKS = ["delta_shares", "dollar_delta", "dollar_gamma_1pct", "vega_point", "theta_day", "rho_point"]
POSITION_COLUMNS = [
    *KEY, "description", "underlying", "kind", "expiry", "strike", "quantity", "multiplier", "price",
    "price_status", "price_time", "value", "cost", "open_pnl", "realized_pnl", "dividends", "fees", "pnl",
    "day_pnl", "spot", "years", "volatility", "volatility_status", "rate", "dividend_yield", "exercise",
    "strategy", "modelled", "source", *GREEKS,
]  # fmt: skip


@dataclass(frozen=True)
class BookReader:
    """Reads the stores and runs the engines for the book of one desk."""

    lake: Lake
    ledger: Ledger
    market: MarketSettings

    def positions(self, as_of: AsOf) -> pd.DataFrame:
        """Return every position ever held up to `as_of`, valued; closed ones have quantity zero.

        `day_pnl` counts from the close of the session before, fills and dividends of the day included.
        """
        fills = self.ledger.fills.frame(until=as_of.instant)
        if fills.empty:
            return pd.DataFrame(columns=POSITION_COLUMNS)
        calendar = self.market.calendar
        symbols = fills["symbol"].unique().tolist()
        actions = self._actions(symbols)
        marks = marks_at(self.lake, symbols, as_of.instant, calendar)
        held = positions_from_fills(fills, actions=actions, until=as_of.instant)
        valued = value_positions(held, marks)
        quotes = marks[["price_status", "price_time", "modelled", "source"]].reset_index()
        tags = fills.groupby(KEY)["strategy"].last().reset_index()
        valued = valued.merge(quotes, on="symbol", how="left").merge(tags, on=KEY, how="left")
        before = session_close(calendar, previous_session(calendar, as_of.session))
        day = period_pnl(
            fills,
            before,
            as_of.instant,
            marks_at(self.lake, symbols, before, calendar),
            marks,
            actions=actions,
        )
        valued = valued.merge(day[[*KEY, "pnl"]].rename(columns={"pnl": "day_pnl"}), on=KEY, how="left")
        return self._with_risk(valued, as_of).reindex(columns=POSITION_COLUMNS)

    def _actions(self, symbols: list[str]) -> pd.DataFrame | None:
        """Return splits and dividends of the shares and of the options' underlyings."""
        actions = self.lake.read("corporate_actions", symbols=underlyings(symbols))
        return actions if len(actions) else None

    def _with_risk(self, positions: pd.DataFrame, as_of: AsOf) -> pd.DataFrame:
        """Add the terms, spot, time, implied volatility and Greeks of each row."""
        frame = positions.copy()
        contracts = [parse_occ_symbol(s) if is_option_symbol(s) else None for s in frame["symbol"]]
        named = zip(frame["symbol"], contracts, strict=True)
        frame["description"] = [c.description if c else f"{s} shares" for s, c in named]
        frame["underlying"] = [underlying_of(symbol) for symbol in frame["symbol"]]
        frame["kind"] = [c.kind if c else "share" for c in contracts]
        frame["strike"] = [float(c.strike) if c else np.nan for c in contracts]
        frame["expiry"] = pd.to_datetime(
            pd.Series([c.expiry if c else None for c in contracts], dtype="object")
        )
        frame["exercise"] = [c.exercise if c else "" for c in contracts]
        spots = closes_at(self.lake, frame["underlying"].tolist(), as_of.instant, self.market.calendar)
        frame["spot"] = frame["underlying"].map(spots).astype("float64")
        frame["rate"] = self.market.rate
        frame["dividend_yield"] = self.market.dividend_yield
        frame["years"] = years_to_expiry(as_of.instant, frame["expiry"], self.market.calendar)
        option = frame["kind"].ne("share")
        solved = implied_volatility(
            frame["price"].astype("float64"),
            frame["spot"],
            frame["strike"],
            frame["years"],
            rate=self.market.rate,
            dividend_yield=self.market.dividend_yield,
            is_call=frame["kind"].eq("call"),
        )
        frame["volatility"] = solved.volatility
        frame["volatility_status"] = np.where(option, solved.status, "")
        frame.loc[option & frame["years"].le(0), "price_status"] = "expired"
        held = frame["quantity"].ne(0)
        frame[GREEKS] = trader_units(leg_greeks(frame[held])).reindex(frame.index)[GREEKS]
        return frame


def open_legs(positions: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with a quantity, as the book frame that the risk engines take."""
    return positions[positions["quantity"].ne(0)].reset_index(drop=True)


def priced(legs: pd.DataFrame) -> pd.DataFrame:
    """Return the legs that can be revalued: none of their inputs is missing."""
    return legs[legs_of(legs).is_priced].reset_index(drop=True) if len(legs) else legs


def return_history(
    lake: Lake, names: list[str], as_of: AsOf, *, sessions: int, horizon_days: int
) -> pd.DataFrame:
    """Return simple total returns of each underlying over overlapping horizons, on the sessions all share.

    Returns
    -------
    DataFrame, index session, columns underlyings
        At most `sessions` rows, the latest last.
    """
    end = pd.Timestamp(as_of.session, tz="UTC")
    start = end - pd.Timedelta(days=int((sessions + horizon_days) * 1.6) + 30)
    bars = lake.read("daily_bars", symbols=names, start=start, end=end)
    if bars.empty:
        return pd.DataFrame(columns=names, dtype="float64")
    actions = lake.read("corporate_actions", symbols=names)
    adjusted = adjust_bars(bars.set_index(["symbol", "time"]).sort_index(), actions, adjust="all")
    closes = adjusted["close"].unstack("symbol").reindex(columns=names)
    returns = closes.dropna().pct_change(horizon_days, fill_method=None).dropna()
    return returns.tail(sessions)


def total_greeks(legs: pd.DataFrame) -> "pd.Series[float]":
    """Return the whole book's Greeks in trader's units; zeros for an empty book."""
    return trader_units(book_greeks(legs))


def grouped_greeks(legs: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return Greeks by group with a last row `Book`, in trader's units."""
    groups = trader_units(book_greeks(legs, by=by))
    whole = total_greeks(legs).to_frame("Book").T
    result = pd.concat([groups, whole]) if len(groups) else whole
    result.index.name = by
    return result


def source_of(legs: pd.DataFrame) -> str:
    """Return where the prices of the legs come from, each source once."""
    return "; ".join(dict.fromkeys(legs["source"].dropna())) if len(legs) else "no positions"


def findings_of(legs: pd.DataFrame) -> tuple[str, ...]:
    """Return one sentence for each kind of position whose figure must be read with care."""
    sentences: list[str] = []

    def note(mask: pd.Series, say: Callable[[int, str], str]) -> None:
        names = legs.loc[mask, "description"].tolist()
        if names:
            shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            sentences.append(say(len(names), shown))

    status = legs["price_status"]
    note(status.eq("no_quote"), lambda n, s: f"{n} position(s) have no price in thirty days: {s}.")
    note(status.eq("stale"), lambda n, s: f"{n} position(s) carry a price of an earlier session: {s}.")
    note(status.eq("no_bid"), lambda n, s: f"{n} option(s) have no bid and count at half the ask: {s}.")
    note(status.eq("expired"), lambda n, s: f"{n} option(s) have expired and wait for their settlement: {s}.")
    option = legs["kind"].ne("share") & status.ne("expired") & legs["price"].notna()
    unsolved = option & legs["volatility"].isna()
    note(unsolved, lambda n, s: f"{n} option(s) have no implied volatility, so no Greeks and no risk: {s}.")
    return tuple(sentences)

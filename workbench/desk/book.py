"""The book as of an instant: fills to positions, marks to values, legs to Greeks and risk."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.desk.book_options import add_option_terms
from workbench.desk.chains import marks_at, underlyings
from workbench.desk.clock import AsOf
from workbench.market.calendars import previous_session, session_close
from workbench.market.corporate_actions import adjust_bars
from workbench.market.instruments import is_option_symbol, parse_occ_symbol, underlying_of
from workbench.market.quality import find_outliers
from workbench.portfolio import (
    book_greeks,
    leg_greeks,
    legs_of,
    period_pnl,
    positions_from_fills,
    trader_units,
    value_positions,
)
from workbench.settings import MarketSettings
from workbench.store import Lake, Ledger

KEY = ["account", "symbol", "currency"]
GREEKS = ["delta_shares", "dollar_delta", "dollar_gamma_1pct", "vega_point", "theta_day", "rho_point"]
MONEY = ["price", "value", "open_pnl", "pnl", "day_pnl"]
FOREIGN_MONEY = [*MONEY, "cost", "realized_pnl", "dividends", "fees"]
# Positions that this desk cannot value: their money is missing, whatever quote bears their symbol.
SET_ASIDE = ("unadjusted", "other_currency")
POSITION_COLUMNS = [
    *KEY, "description", "underlying", "kind", "expiry", "strike", "quantity", "multiplier", "price",
    "price_status", "price_time", "value", "cost", "open_pnl", "realized_pnl", "dividends", "fees", "pnl",
    "day_pnl", "spot", "forward", "years", "volatility", "volatility_status", "rate", "dividend_yield",
    "carry", "exercise", "strategy", "modelled", "source", *GREEKS,
]  # fmt: skip


@dataclass(frozen=True)
class BookReader:
    """Reads the stores and runs the engines for the book of one desk."""

    lake: Lake
    ledger: Ledger
    market: MarketSettings

    def positions(self, as_of: AsOf, *, by_strategy: bool = False) -> pd.DataFrame:
        """Return every position ever held up to `as_of`, valued; closed ones have quantity zero.

        `day_pnl` counts from the close of the session before, fills and dividends of the day included. A
        symbol traded under several strategies is one position that names them all, or with `by_strategy`
        one for each.
        """
        keys = [*KEY, "strategy"] if by_strategy else KEY
        fills = self.ledger.fills.frame(until=as_of.instant)
        if fills.empty:
            return pd.DataFrame(columns=POSITION_COLUMNS)
        calendar = self.market.calendar
        symbols = fills["symbol"].unique().tolist()
        actions = self._actions(symbols)
        marks = marks_at(self.lake, symbols, as_of.instant, calendar)
        by = ["account", "strategy"] if by_strategy else ["account"]
        held = positions_from_fills(fills, actions=actions, until=as_of.instant, by=by)
        valued = value_positions(held, marks)
        quotes = marks[["price_status", "price_time", "exercise", "modelled", "source"]].reset_index()
        valued = valued.merge(quotes, on="symbol", how="left")
        if not by_strategy:
            valued = valued.merge(_strategies(fills, held), on=KEY, how="left")
        before = session_close(calendar, previous_session(calendar, as_of.session))
        day = period_pnl(
            fills,
            before,
            as_of.instant,
            marks_at(self.lake, symbols, before, calendar),
            marks,
            actions=actions,
            by=by,
        )
        valued = valued.merge(day[[*keys, "pnl"]].rename(columns={"pnl": "day_pnl"}), on=keys, how="left")
        _set_aside(valued, valued["unadjusted"], "unadjusted", MONEY)
        _set_aside(valued, valued["currency"].ne(self.market.currency), "other_currency", FOREIGN_MONEY)
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
        frame["right"] = [c.right if c else "" for c in contracts]
        add_option_terms(frame, self.lake, self.market, as_of)
        frame.loc[frame["price_status"].isin(SET_ASIDE), ["spot", "forward"]] = np.nan
        held = frame["quantity"].ne(0)
        frame[GREEKS] = trader_units(leg_greeks(frame[held])).reindex(frame.index)[GREEKS]
        return frame


def _strategies(fills: pd.DataFrame, held: pd.DataFrame) -> pd.DataFrame:
    """Return the strategies of each position: the tags of its fills since it was last opened."""
    rows = fills.merge(held[[*KEY, "open_since"]], on=KEY)
    rows = rows[rows["open_since"].isna() | (rows["time"] >= rows["open_since"])]
    named = rows.groupby(KEY)["strategy"].agg(lambda tags: ", ".join(dict.fromkeys(filter(None, tags))))
    return named.reset_index()


def _set_aside(positions: pd.DataFrame, rows: "pd.Series[bool]", status: str, money: list[str]) -> None:
    """Take the money out of positions that cannot be valued here, in place, and say why."""
    positions.loc[rows, money] = np.nan
    positions.loc[rows, "price_status"] = status


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
        At most `sessions` rows, the latest last. An underlying without any bar has no column.
    """
    bars = _recent_bars(lake, names, as_of, sessions + horizon_days)
    names = [name for name in names if name in set(bars["symbol"])]
    if not names:
        return pd.DataFrame(dtype="float64")
    actions = lake.read("corporate_actions", symbols=names, end=as_of.session)
    adjusted = adjust_bars(bars.set_index(["symbol", "time"]).sort_index(), actions, adjust="all")
    closes = adjusted["close"].unstack("symbol").reindex(columns=names)
    returns = closes.dropna().pct_change(horizon_days, fill_method=None).dropna()
    return returns.tail(sessions)


def unstated_splits(lake: Lake, names: list[str], as_of: AsOf, *, sessions: int) -> tuple[str, ...]:
    """Return a sentence for each move of an underlying that looks like a split which nobody stated.

    Shares held across such a move, options and the history behind VaR would all be wrong by its ratio.
    """
    bars = _recent_bars(lake, names, as_of, sessions)
    if bars.empty:
        return ()
    actions = lake.read("corporate_actions", symbols=names, end=as_of.session)
    found = find_outliers(bars, actions=actions)
    found = found[found["kind"].eq("possible_split")]
    return tuple(
        f"{row.symbol} on {row.time:%Y-%m-%d}: {row.detail}. Positions, P&L and VaR take it as a real move."
        for row in found.itertuples()
    )


def _recent_bars(lake: Lake, names: list[str], as_of: AsOf, sessions: int) -> pd.DataFrame:
    """Return raw daily bars of at least the last `sessions` sessions."""
    end = pd.Timestamp(as_of.session, tz="UTC")
    return lake.read(
        "daily_bars", symbols=names, start=end - pd.Timedelta(days=int(sessions * 1.6) + 30), end=end
    )


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


def findings_of(positions: pd.DataFrame) -> tuple[str, ...]:
    """Return one sentence for each kind of position whose figure must be read with care.

    Of closed positions only what concerns their profit and loss is said.
    """
    sentences: list[str] = []
    legs = open_legs(positions)

    def note(mask: pd.Series, say: Callable[[int, str], str], rows: pd.DataFrame = legs) -> None:
        names = rows.loc[mask, "description"].tolist()
        if names:
            shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            sentences.append(say(len(names), shown))

    status = legs["price_status"]
    note(
        status.eq("no_quote"),
        lambda n, s: f"{n} position(s) have no price in thirty days and are in no figure: {s}.",
    )
    note(
        status.eq("unadjusted"),
        lambda n, s: (
            f"{n} option(s) were held across a split that changed their terms and are in no figure: {s}. "
            "Book the old contract out and the adjusted one in."
        ),
    )
    note(
        positions["price_status"].eq("other_currency"),
        lambda n, s: f"{n} position(s) are not in the desk's currency and are in no figure: {s}.",
        positions,
    )
    note(
        positions["pnl"].notna() & positions["day_pnl"].isna(),
        lambda n, s: f"{n} position(s) had no price a session before, so no P&L of the day: {s}.",
        positions,
    )
    note(status.eq("stale"), lambda n, s: f"{n} position(s) carry a price of an earlier session: {s}.")
    note(status.eq("no_bid"), lambda n, s: f"{n} option(s) have no bid and count at half the ask: {s}.")
    note(
        status.eq("crossed"),
        lambda n, s: f"{n} option(s) have a bid above the ask and count at the middle: {s}.",
    )
    note(
        status.eq("expired"),
        lambda n, s: f"{n} option(s) have expired, count at what they paid and wait for settlement: {s}.",
    )
    option = legs["kind"].ne("share") & status.ne("expired") & legs["price"].notna()
    unsolved = option & legs["volatility"].isna()
    note(unsolved, lambda n, s: f"{n} option(s) have no implied volatility, so no Greeks and no risk: {s}.")
    return tuple(sentences)

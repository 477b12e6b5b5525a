"""The book as of an instant: fills to positions, marks to values, legs to Greeks and risk."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.desk.chains import closes_at, marks_at, underlyings
from workbench.desk.clock import AsOf
from workbench.market.calendars import previous_session, session_close, years_to_expiry
from workbench.market.corporate_actions import adjust_bars
from workbench.market.instruments import OptionContract, is_option_symbol, parse_occ_symbol, underlying_of
from workbench.portfolio import book_greeks, positions_from_fills, trader_units, value_positions
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
        """Return every position ever held up to `as_of`, valued; closed ones have quantity zero."""
        today = self._valued(as_of.instant)
        if today.empty:
            return pd.DataFrame(columns=POSITION_COLUMNS)
        before = session_close(self.market.calendar, previous_session(self.market.calendar, as_of.session))
        yesterday = self._valued(before)
        earlier = yesterday.set_index(KEY)["pnl"] if len(yesterday) else pd.Series(dtype="float64")
        keys = pd.MultiIndex.from_frame(today[KEY])
        # A position that was not there yesterday has made nothing by then; one that could not be priced
        # yesterday has an unknown change, which stays missing.
        known = earlier.reindex(keys)
        absent = ~keys.isin(earlier.index)
        known[absent] = 0.0
        today["day_pnl"] = today["pnl"].to_numpy() - known.to_numpy()
        legs = self._legs(today, as_of)
        return legs.reindex(columns=POSITION_COLUMNS)

    def _valued(self, instant: pd.Timestamp) -> pd.DataFrame:
        fills = self.ledger.fills.frame(until=instant)
        if fills.empty:
            return pd.DataFrame()
        names = [name for name in fills["symbol"].unique() if not is_option_symbol(name)]
        actions = self.lake.read("corporate_actions", symbols=names) if names else None
        if actions is not None and len(actions):
            day = instant.tz_convert(None).normalize()
            actions = actions[actions["ex_date"] <= day]
        positions = positions_from_fills(fills, actions=actions, until=instant)
        marks = marks_at(self.lake, positions["symbol"].tolist(), instant, self.market.calendar)
        valued = value_positions(positions, marks)
        tags = fills.groupby(KEY)["strategy"].last().reset_index()
        extra = marks[["price_status", "price_time", "modelled", "source"]].reset_index()
        valued = valued.drop(columns=[c for c in extra.columns[1:] if c in valued], errors="ignore")
        valued = valued.drop(columns="strategy", errors="ignore")
        return valued.merge(extra, on="symbol", how="left").merge(tags, on=KEY, how="left")

    def _legs(self, positions: pd.DataFrame, as_of: AsOf) -> pd.DataFrame:
        """Add the terms, spot, time, implied volatility and Greeks of each row."""
        frame = positions.copy()
        contracts = [parse_occ_symbol(s) if is_option_symbol(s) else None for s in frame["symbol"]]
        frame["underlying"] = [underlying_of(symbol) for symbol in frame["symbol"]]
        frame["kind"] = [_kind(contract) for contract in contracts]
        frame["strike"] = [float(c.strike) if c else np.nan for c in contracts]
        frame["expiry"] = pd.to_datetime([c.expiry if c else None for c in contracts])
        frame["multiplier"] = [float(c.multiplier) if c else 1.0 for c in contracts]
        frame["exercise"] = [c.exercise if c else "" for c in contracts]
        frame["description"] = [_describe(s, c) for s, c in zip(frame["symbol"], contracts, strict=True)]
        spots = closes_at(self.lake, underlyings(frame["symbol"]), as_of.instant, self.market.calendar)
        frame["spot"] = frame["underlying"].map(spots).astype("float64")
        option = frame["kind"].ne("share").to_numpy()
        frame["years"] = np.nan
        frame["volatility"] = np.nan
        frame["volatility_status"] = ""
        frame["rate"] = self.market.rate
        frame["dividend_yield"] = self.market.dividend_yield
        if option.any():
            rows = frame.loc[option]
            years = years_to_expiry(as_of.instant, rows["expiry"], self.market.calendar)
            solved = implied_volatility(
                rows["price"].to_numpy("float64"), rows["spot"].to_numpy("float64"),
                rows["strike"].to_numpy("float64"), years, rate=self.market.rate,
                dividend_yield=self.market.dividend_yield, is_call=rows["kind"].eq("call").to_numpy(),
            )  # fmt: skip
            frame.loc[option, "years"] = years
            frame.loc[option, "volatility"] = solved.volatility
            frame.loc[option, "volatility_status"] = solved.status
            expired = option & (frame["years"].to_numpy() <= 0)
            frame.loc[expired, "price_status"] = "expired"
        held = frame["quantity"].ne(0)
        greeks = trader_units(book_greeks(frame[held], by=KEY)) if held.any() else pd.DataFrame()
        if len(greeks):
            keys = pd.MultiIndex.from_frame(frame[KEY])
            frame[GREEKS] = greeks[GREEKS].reindex(keys).to_numpy()
        return frame


def open_legs(positions: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with a quantity, as the book frame that the risk engines take."""
    return positions[positions["quantity"].ne(0)].reset_index(drop=True)


def priced(legs: pd.DataFrame) -> pd.DataFrame:
    """Return the legs that can be revalued: a spot, and for options a time and a volatility."""
    share = legs["kind"].eq("share")
    known = legs["spot"].notna() & (share | (legs["volatility"].notna() & legs["years"].gt(0)))
    return legs[known].reset_index(drop=True)


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


def grouped_greeks(legs: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return Greeks by group with a last row `Book`, in trader's units."""
    groups = trader_units(book_greeks(legs, by=by))
    total = trader_units(book_greeks(legs))
    whole = total.to_frame().T if isinstance(total, pd.Series) else total
    whole.index = pd.Index(["Book"])
    result = pd.concat([groups, whole])
    result.index.name = by
    return result


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


def _kind(contract: OptionContract | None) -> str:
    if contract is None:
        return "share"
    return "call" if contract.right == "C" else "put"


def _describe(symbol: str, contract: OptionContract | None) -> str:
    if contract is None:
        return f"{symbol} shares"
    expiry = contract.expiry
    return f"{contract.root} {expiry.day} {expiry:%b %y} {float(contract.strike):g} {contract.right}"

"""The last snapshot of a chain: the quotes of one session with spot, settlement and time of each."""

from typing import NoReturn

import numpy as np
import pandas as pd

from workbench.desk.clock import AsOf
from workbench.errors import MissingDataError, UnknownSymbolError
from workbench.market.calendars import exchange_zone, session_closes, settlement_instants
from workbench.market.instruments import underlying_of, underlying_of_root
from workbench.market.settlement import settlements_of
from workbench.providers import nearest_names
from workbench.store import Lake

NANOSECONDS_PER_YEAR = 365 * 86_400 * 10**9
MINI = 10
NEAR_THE_CLOSE = pd.Timedelta(minutes=30)
# How far back the newest quotes are looked for, step by step: most chains are of the last days, and looking
# there alone spares every older file.
_LOOKBACKS = (pd.Timedelta(days=5), pd.Timedelta(days=60), None)


def last_snapshot(
    lake: Lake, symbol: str, as_of: AsOf, calendar: str, known_at: pd.Timestamp | None = None
) -> pd.DataFrame:
    """Return the quotes of the last session that has any at `as_of`, one row a contract.

    Contracts that were quoted before that session alone are left out: after a split they are others, and
    those that were not renewed may be gone.

    Parameters
    ----------
    lake : Lake
        Where option quotes and bars lie.
    symbol : str
        Ticker of the underlying.
    as_of : AsOf
        Nothing dated later is used.
    calendar : str
        Exchange calendar.
    known_at : Timestamp, optional
        Only what the desk knew then.

    Returns
    -------
    DataFrame
        The columns of `schemas.OPTION_QUOTES`, and ``root``, ``settlement`` (AM, PM), ``settles`` (instant),
        ``years`` (from the quote to the settlement, ACT/365), ``days`` (calendar days from the quote's date
        to the expiry), ``quoted_on`` (session date), ``spot``, ``spot_source``, ``stale`` (of a session
        before that of `as_of`), in the order settlement, root, strike, right.

    Raises
    ------
    UnknownSymbolError
        If the desk has no chain of the symbol.
    MissingDataError
        If it has one, but none at or before `as_of`.
    """
    zone = exchange_zone(calendar)
    newest = _newest_time(lake, symbol, as_of.instant, known_at)
    if newest is None:
        _explain_missing(lake, symbol, as_of, known_at)
    midnight = newest.tz_convert(zone).normalize()
    quotes = lake.read(
        "option_quotes",
        start=midnight.tz_convert("UTC"),
        end=as_of.instant,
        known_at=known_at,
        where={"underlying": symbol},
    )
    # Of a session with many snapshots each contract counts with its last quote.
    quotes = quotes.drop_duplicates("symbol", keep="last").reset_index(drop=True)
    quotes["root"] = quotes["symbol"].str[:6].str.strip()
    quotes["settlement"] = settlements_of(quotes["root"], quotes["expiry"], calendar)
    settles = settlement_instants(quotes["expiry"], calendar, settlement=quotes["settlement"].to_numpy())
    times = pd.DatetimeIndex(quotes["time"]).as_unit("ns")
    quotes["settles"] = settles
    quotes["years"] = np.maximum(settles.asi8 - times.asi8, 0) / NANOSECONDS_PER_YEAR
    quotes["quoted_on"] = midnight.tz_localize(None)
    quotes["days"] = (quotes["expiry"] - quotes["quoted_on"]).dt.days
    quotes["stale"] = quotes["quoted_on"].dt.date < as_of.session
    _add_spot(lake, quotes, symbol, as_of, calendar, known_at)
    return quotes.sort_values(["settles", "root", "strike", "right"], ignore_index=True)


def _newest_time(
    lake: Lake, symbol: str, instant: pd.Timestamp, known_at: pd.Timestamp | None
) -> pd.Timestamp | None:
    for lookback in _LOOKBACKS:
        times = lake.read(
            "option_quotes",
            start=instant - lookback if lookback is not None else None,
            end=instant,
            known_at=known_at,
            columns=["time"],
            where={"underlying": symbol},
        )["time"]
        if len(times):
            return pd.Timestamp(times.max())
    return None


def _add_spot(
    lake: Lake, quotes: pd.DataFrame, symbol: str, as_of: AsOf, calendar: str, known_at: pd.Timestamp | None
) -> None:
    """Add the underlying's price at the quotes, in place: the quotes' own, else the session's raw close."""
    own = quotes["underlying_price"].to_numpy(dtype=np.float64)
    own = np.where(own > 0, own, np.nan)
    day = pd.Timestamp(quotes["quoted_on"].iloc[0])
    close = np.nan
    known = session_closes(calendar, [day])[0]
    # A session's bar is known at its close.
    if np.isnan(own).any() and pd.notna(known) and known <= as_of.instant:
        stamp = day.tz_localize("UTC")
        bars = lake.read("daily_bars", symbols=symbol, start=stamp, end=stamp, known_at=known_at)
        close = float(bars["close"].iloc[0]) if len(bars) else np.nan
    # A quote of the morning was not made with the close.
    near = (quotes["time"] >= known - NEAR_THE_CLOSE).to_numpy()
    quotes["spot"] = np.where(np.isnan(own), np.where(near, close, np.nan), own)
    quotes["spot_source"] = np.where(np.isnan(own), "bar", "quote")


def is_adjusted(root: str, underlying: str, multiplier: float) -> bool:
    """Say whether a contract delivers something other than whole lots of its underlying.

    The OCC marks adjusted contracts by a digit behind the root; minis (ten shares) have one too and are
    quoted per share like the others.
    """
    return (
        root != underlying and root[-1:].isdigit() and underlying_of_root(root) != root and multiplier != 10
    )


def adjusted_rows(quotes: pd.DataFrame) -> np.ndarray:
    """Return `is_adjusted` of each row of a snapshot."""
    terms = list(zip(quotes["root"], quotes["underlying"], quotes["multiplier"], strict=True))
    known = {term: is_adjusted(*term) for term in set(terms)}
    return np.array([known[term] for term in terms], dtype=bool)


def _explain_missing(lake: Lake, symbol: str, as_of: AsOf, known_at: pd.Timestamp | None) -> NoReturn:
    """Raise the error that fits: never heard of, or no quotes by then."""
    held = sorted({underlying_of(contract) for contract in lake.symbols("option_quotes")})
    if symbol not in held:
        near = nearest_names(symbol, held) or held[:5]
        hint = f"It has chains of {', '.join(near)}." if near else "It has no chain yet."
        raise UnknownSymbolError(
            f"The desk has no option chain of {symbol!r}. {hint} "
            "Load one with `workbench load FILE --kind chain`."
        )
    learned = f" that the desk knew at {known_at:%Y-%m-%d %H:%M} UTC" if known_at is not None else ""
    first = lake.read("option_quotes", columns=["time"], where={"underlying": symbol})["time"].min()
    raise MissingDataError(
        f"The desk has no quotes of {symbol} at or before {as_of.text}{learned}; its first are of "
        f"{first:%Y-%m-%d %H:%M} UTC. Ask for a later instant, or load an earlier chain."
    )

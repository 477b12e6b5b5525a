"""The last snapshot of a chain: the quotes of one session with spot, settlement and time of each."""

from collections.abc import Sequence
from typing import NoReturn

import numpy as np
import pandas as pd

from workbench.desk.clock import AsOf
from workbench.desk.option_spot import add_spot
from workbench.errors import MissingDataError, UnknownSymbolError
from workbench.market.calendars import exchange_zone, session_closes, settlement_instants
from workbench.market.instruments import underlying_of_root
from workbench.market.settlement import settlements_of
from workbench.providers import nearest_names
from workbench.store import Lake

NANOSECONDS_PER_YEAR = 365 * 86_400 * 10**9
MINI = 10
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
        to the expiry), ``quoted_on`` (session date), ``stale`` (of a session before that of `as_of`), and
        what `option_spot.add_spot` adds, in the order settlement, root, strike, right.

    Raises
    ------
    UnknownSymbolError
        If the desk has no chain of the symbol.
    MissingDataError
        If it has one, but none at or before `as_of`.
    """
    found = last_snapshots(lake, [symbol], as_of, calendar, known_at)
    if symbol not in found:
        _explain_missing(lake, symbol, as_of, known_at)
    return found[symbol]


def last_snapshots(
    lake: Lake,
    symbols: Sequence[str],
    as_of: AsOf,
    calendar: str,
    known_at: pd.Timestamp | None = None,
) -> dict[str, pd.DataFrame]:
    """Return `last_snapshot` of each symbol, read together; one without any quotes by then is not there."""
    zone = exchange_zone(calendar)
    newest = _newest_times(lake, symbols, as_of.instant, known_at)
    midnights = {name: time.tz_convert(zone).normalize() for name, time in newest.items()}
    found = {}
    for midnight in set(midnights.values()):
        names = [name for name, its in midnights.items() if its == midnight]
        quotes = lake.read(
            "option_quotes",
            start=midnight.tz_convert("UTC"),
            end=as_of.instant,
            known_at=known_at,
            where={"underlying": names},
        )
        # Of a session with many snapshots each contract counts with its last quote.
        quotes = quotes.drop_duplicates(["underlying", "symbol"], keep="last")
        priced = (quotes["underlying_price"] > 0).groupby(quotes["underlying"]).all()
        day = midnight.tz_localize(None)
        closes = _closes_on(lake, priced.index[~priced].tolist(), day, as_of, calendar, known_at)
        for name, part in quotes.groupby("underlying"):
            found[str(name)] = _with_terms(
                part.reset_index(drop=True), day, closes.get(str(name), np.nan), as_of, calendar
            )
    return found


def _with_terms(
    quotes: pd.DataFrame, day: pd.Timestamp, close: float, as_of: AsOf, calendar: str
) -> pd.DataFrame:
    """Return the quotes of one underlying and session with what `last_snapshot` adds."""
    quotes["root"] = quotes["symbol"].str[:6].str.strip()
    quotes["settlement"] = settlements_of(quotes["root"], quotes["expiry"], calendar)
    settles = settlement_instants(quotes["expiry"], calendar, settlement=quotes["settlement"].to_numpy())
    times = pd.DatetimeIndex(quotes["time"]).as_unit("ns")
    quotes["settles"] = settles
    quotes["years"] = np.maximum(settles.asi8 - times.asi8, 0) / NANOSECONDS_PER_YEAR
    quotes["quoted_on"] = day
    quotes["days"] = (quotes["expiry"] - quotes["quoted_on"]).dt.days
    quotes["stale"] = quotes["quoted_on"].dt.date < as_of.session
    add_spot(quotes, close, session_closes(calendar, [day])[0])
    return quotes.sort_values(["settles", "root", "strike", "right"], ignore_index=True)


def underlyings_held(lake: Lake) -> list[str]:
    """Return the underlyings of all option quotes in the lake, in alphabetical order."""
    roots = {contract[:6].strip() for contract in lake.symbols("option_quotes")}
    return sorted({underlying_of_root(root) for root in roots})


def _newest_times(
    lake: Lake, symbols: Sequence[str], instant: pd.Timestamp, known_at: pd.Timestamp | None
) -> dict[str, pd.Timestamp]:
    newest: dict[str, pd.Timestamp] = {}
    for lookback in _LOOKBACKS:
        left = [name for name in symbols if name not in newest]
        if not left:
            break
        times = lake.read(
            "option_quotes",
            start=instant - lookback if lookback is not None else None,
            end=instant,
            known_at=known_at,
            columns=["underlying", "time"],
            where={"underlying": left},
        )
        last = times.groupby("underlying")["time"].max()
        newest |= {str(name): pd.Timestamp(time) for name, time in last.items()}
    return newest


def _closes_on(
    lake: Lake,
    symbols: list[str],
    day: pd.Timestamp,
    as_of: AsOf,
    calendar: str,
    known_at: pd.Timestamp | None,
) -> dict[str, float]:
    """Return the raw closes of one session, of the symbols that have one by `as_of`."""
    close = session_closes(calendar, [day])[0]
    # A session's bar is known at its close.
    if not symbols or pd.isna(close) or close > as_of.instant:
        return {}
    stamp = day.tz_localize("UTC")
    bars = lake.read("daily_bars", symbols=symbols, start=stamp, end=stamp, known_at=known_at)
    return dict(zip(bars["symbol"], bars["close"].astype("float64"), strict=True))


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
    terms = [quotes[name] for name in ("root", "underlying", "multiplier")]
    codes = quotes.groupby(terms, sort=False, dropna=False).ngroup().to_numpy()
    _, first = np.unique(codes, return_index=True)
    distinct = zip(*(column.iloc[first] for column in terms), strict=True)
    return np.array([is_adjusted(*term) for term in distinct], dtype=bool)[codes]


def _explain_missing(lake: Lake, symbol: str, as_of: AsOf, known_at: pd.Timestamp | None) -> NoReturn:
    """Raise the error that fits: never heard of, or no quotes by then."""
    held = underlyings_held(lake)
    if symbol not in held:
        near = nearest_names(symbol, held) or held[:5]
        hint = f"It has chains of {', '.join(near)}." if near else "It has no chain yet."
        raise UnknownSymbolError(
            f"The desk has no option chain of {symbol!r}. {hint} "
            "Load one with `workbench load FILE --kind chain`."
        )
    learned = f" that the desk knew at {known_at:%Y-%m-%d %H:%M} UTC" if known_at is not None else ""
    first = lake.read("option_quotes", columns=["time"], where={"underlying": symbol})["time"].min()
    if pd.isna(first):
        raise UnknownSymbolError(
            f"The desk has options with the root {symbol!r}, and their file names another underlying; ask "
            "for that one, or load the file again without its column of the underlying."
        )
    raise MissingDataError(
        f"The desk has no quotes of {symbol} at or before {as_of.text}{learned}; its first are of "
        f"{first:%Y-%m-%d %H:%M} UTC. Ask for a later instant, or load an earlier chain."
    )

"""What is odd about stored quotes, trades and chains: findings are rows with reasons, nothing is changed.

Rows that cannot be loaded never get here (`schemas.check_quotes` and `check_trades` set them aside). A feed
sends millions of rows, so findings count: one row tells how many of a kind a symbol has in a session, with
the first of them.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.arrays import BoolArray, FloatArray
from workbench.errors import DataFormatError
from workbench.market.calendars import exchange_zone
from workbench.market.trading_hours import is_in_session

_COLUMNS = {
    "symbol": "str",
    "time": "datetime64[us, UTC]",
    "kind": "str",
    "count": "int64",
    "detail": "str",
}
# A median absolute deviation times this is the standard deviation of normal returns.
_NORMAL = 1.4826
_NEIGHBOURS = 11
# However quiet a market is, prices this close to their neighbours are no finding.
_LEAST_JUMP = 0.005
# A side this far from the other, as a share of their middle, is a market maker who is away.
_WIDE = 0.5


def find_quote_faults(
    quotes: pd.DataFrame,
    calendar: str = "XNYS",
    *,
    stale_after: pd.Timedelta | None = None,
    deviations: float = 12.0,
) -> pd.DataFrame:
    """Return what is odd about quotes, counted by symbol and session.

    Parameters
    ----------
    quotes : DataFrame
        Columns of `schemas.QUOTES`; the source's column is kept apart if it is there.
    calendar : str
        Exchange calendar of the symbols.
    stale_after : Timedelta, optional
        Pauses within a session that are longer are told; none are without it, as options may rest for hours.
    deviations : float
        Least distance of a middle price from its neighbours, in their usual deviation.

    Returns
    -------
    DataFrame
        symbol, time (of the first), kind, count, detail. Kinds: "crossed" (bid above ask), "one_sided",
        "wide" (sides more than half the price apart), "outlier" (middle far from its neighbours),
        "out_of_session", "duplicated" (the same sides at the same instant), "stale" (a pause).

    Raises
    ------
    DataFormatError
        If a column is missing.
    """
    rows = _sorted(quotes, ["symbol", "time", "bid", "ask"])
    bid, ask = (rows[name].to_numpy(dtype=np.float64) for name in ("bid", "ask"))
    middle = (bid + ask) / 2
    with np.errstate(invalid="ignore"):
        crossed = bid > ask
        wide = ~crossed & (ask - bid > _WIDE * middle)
    jump = _jumps(rows, np.where(crossed | wide, np.nan, middle), deviations)
    same = rows.duplicated(["symbol", "time", "bid", "ask", *_sizes(rows)]).to_numpy()
    inside = is_in_session(calendar, rows["time"])
    found = _Findings(rows, calendar)
    found.add(crossed, "crossed", lambda at: f"bid {bid[at]:g} above ask {ask[at]:g}")
    one = np.isnan(bid) != np.isnan(ask)
    found.add(one, "one_sided", lambda at: "no bid" if np.isnan(bid[at]) else "no ask")
    found.add(wide, "wide", lambda at: f"bid {bid[at]:g}, ask {ask[at]:g}")
    found.add(jump, "outlier", lambda at: f"middle {middle[at]:g} far from its neighbours")
    found.add(~inside, "out_of_session", lambda at: "outside the regular session")
    found.add(same, "duplicated", lambda at: "the same quote at the same instant")
    if stale_after is not None:
        pauses = rows["time"].groupby([rows["symbol"], found.days]).diff()
        minutes = pauses.dt.total_seconds().to_numpy() / 60
        rests = (pauses > stale_after).to_numpy() & inside
        found.add(rests, "stale", lambda at: f"no quote for {minutes[at]:,.1f} minutes")
    return found.frame()


def find_trade_faults(
    trades: pd.DataFrame, calendar: str = "XNYS", *, deviations: float = 12.0
) -> pd.DataFrame:
    """Return what is odd about trades, counted by symbol and session.

    Parameters
    ----------
    trades : DataFrame
        Columns of `schemas.TRADES`.
    calendar : str
        Exchange calendar of the symbols.
    deviations : float
        Least distance of a price from its neighbours, in their usual deviation.

    Returns
    -------
    DataFrame
        As `find_quote_faults`; kinds "outlier", "out_of_session", "no_size" and "duplicated" (the same price
        and size at the same instant under another identity).
    """
    rows = _sorted(trades, ["symbol", "time", "price", "size"])
    price, size = (rows[name].to_numpy(dtype=np.float64) for name in ("price", "size"))
    jump = _jumps(rows, price, deviations)
    inside = is_in_session(calendar, rows["time"])
    same = rows.duplicated(["symbol", "time", "price", "size"]).to_numpy()
    found = _Findings(rows, calendar)
    found.add(jump, "outlier", lambda at: f"{price[at]:g} far from its neighbours")
    found.add(~inside, "out_of_session", lambda at: "outside the regular session")
    found.add(~(size > 0), "no_size", lambda at: "a trade without a size")
    found.add(same, "duplicated", lambda at: "the same trade under another identity")
    return found.frame()


def find_chain_faults(quotes: pd.DataFrame, calendar: str = "XNYS") -> pd.DataFrame:
    """Return what is odd about stored option quotes, counted by underlying and session.

    Parameters
    ----------
    quotes : DataFrame
        Columns of `schemas.OPTION_QUOTES`.
    calendar : str
        Exchange calendar of the symbols.

    Returns
    -------
    DataFrame
        As `find_quote_faults`, with the underlying as symbol; kinds "crossed", "no_bid", "no_price", "wide",
        "no_open_interest", "below_intrinsic" (an ask below what exercise pays) and "no_underlying_price".
    """
    rows = _sorted(quotes, ["underlying", "time", "symbol", "bid", "ask", "strike", "right", "exercise"])
    rows = rows.assign(contract=rows["symbol"], symbol=rows["underlying"])
    bid, ask = (rows[name].to_numpy(dtype=np.float64) for name in ("bid", "ask"))
    strike, spot = (_floats(rows, name) for name in ("strike", "underlying_price"))
    worth = np.where(rows["right"] == "C", spot - strike, strike - spot)
    with np.errstate(invalid="ignore"):
        crossed = bid > ask
        wide = ~crossed & (ask - bid > _WIDE * (bid + ask) / 2) & (ask - bid > 0.10)
        below = (ask < worth) & (rows["exercise"] == "american").to_numpy()
    contract = rows["contract"].astype(str).str.strip().to_numpy()
    found = _Findings(rows, calendar)
    for mask, kind, words in (
        (crossed, "crossed", "bid above ask"),
        (np.isnan(bid) & ~np.isnan(ask), "no_bid", "nobody bids"),
        (np.isnan(ask), "no_price", "no ask"),
        (wide, "wide", "sides more than half the price apart"),
        (below, "below_intrinsic", "the ask is below what exercise pays"),
        (np.isnan(_floats(rows, "open_interest")), "no_open_interest", "open interest unknown"),
        (np.isnan(spot), "no_underlying_price", "the quote does not say where the underlying stood"),
    ):
        found.add(mask, kind, lambda at, words=words: f"{contract[at]}: {words}")  # type: ignore[misc]
    return found.frame()


class _Findings:
    """Findings about sorted rows, one a symbol and session."""

    def __init__(self, rows: pd.DataFrame, calendar: str) -> None:
        self._rows = rows
        self.days = pd.Series(rows["time"].dt.tz_convert(exchange_zone(calendar)).dt.date)
        self._found: list[pd.DataFrame] = []

    def add(self, mask: npt.NDArray[np.bool_], kind: str, say: Callable[[int], str]) -> None:
        """Count the rows of a kind; `say` tells the first of them in words, by its place."""
        places = np.flatnonzero(mask)
        if not len(places):
            return
        hit = self._rows.iloc[places]
        groups = list(hit.groupby(["symbol", self.days.iloc[places]], sort=False).indices.values())
        first = [int(places[group[0]]) for group in groups]
        self._found.append(
            pd.DataFrame(
                {
                    "symbol": self._rows["symbol"].to_numpy()[first],
                    "time": self._rows["time"].array[first],
                    "kind": kind,
                    "count": [len(group) for group in groups],
                    "detail": [say(at) for at in first],
                }
            )
        )

    def frame(self) -> pd.DataFrame:
        """Return all findings by symbol and time."""
        if not self._found:
            return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _COLUMNS.items()})
        whole = pd.concat(self._found, ignore_index=True).astype(_COLUMNS)
        return whole.sort_values(["symbol", "time", "kind"], ignore_index=True)


def _jumps(rows: pd.DataFrame, prices: FloatArray, deviations: float) -> BoolArray:
    """Say which prices are far from the median of their neighbours, beyond what their symbol usually is."""
    away = np.full(len(rows), np.nan)
    usual = np.full(len(rows), np.nan)
    logs = pd.Series(np.log(prices), index=rows.index)
    for places in rows.groupby("symbol", sort=False).indices.values():
        own = logs.iloc[places]
        middle = own.rolling(_NEIGHBOURS, center=True, min_periods=3).median()
        distance = (own - middle).abs()
        away[places] = distance
        usual[places] = _NORMAL * float(np.nanmedian(distance)) if distance.notna().any() else np.nan
    with np.errstate(invalid="ignore"):
        far: BoolArray = (away > deviations * usual) & (away > _LEAST_JUMP)
    return far


def _sorted(frame: pd.DataFrame, needed: list[str]) -> pd.DataFrame:
    absent = [name for name in needed if name not in frame]
    if absent:
        raise DataFormatError(f"The rows have no column `{'`, `'.join(absent)}`.")
    return frame.sort_values(["symbol", "time"], ignore_index=True, kind="stable")


def _sizes(rows: pd.DataFrame) -> list[str]:
    return [name for name in ("bid_size", "ask_size") if name in rows]


def _floats(rows: pd.DataFrame, name: str) -> FloatArray:
    if name not in rows:
        return np.full(len(rows), np.nan)
    return rows[name].to_numpy(dtype=np.float64)

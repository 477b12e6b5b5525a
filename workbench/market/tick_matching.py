"""Ticks that a stream and a history both tell: the same event under two stamps of time."""

import pandas as pd

# Some services stamp an event to the millisecond in their stream and to the nanosecond in their history.
COARSEST = pd.Timedelta(1, "ms")
_IDENTITY = {
    "quotes": ["symbol", "sequence", "bid", "ask", "bid_size", "ask_size"],
    "trades": ["symbol", "trade_id", "price"],
}


def untold_ticks(fetched: pd.DataFrame, held: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return the fetched ticks that are not held yet.

    A tick is held when one of the same symbol, identity (a trade's number; a quote's sequence and sides) and
    millisecond is, whatever the last digits of its time.

    Parameters
    ----------
    fetched, held : DataFrame
        Columns of `schemas.QUOTES` or `schemas.TRADES`, of one source.
    kind : {"quotes", "trades"}
        What they are.

    Returns
    -------
    DataFrame
        Rows of `fetched` in their order. One whose time equals a held one's stays: writing it changes
        nothing, or corrects the row that is there.
    """
    if held.empty or fetched.empty:
        return fetched
    identity = _IDENTITY[kind]
    marked = [_marked(frame, identity) for frame in (fetched, held)]
    same = pd.MultiIndex.from_frame(marked[0]).isin(pd.MultiIndex.from_frame(marked[1]))
    exact = pd.MultiIndex.from_frame(fetched[["symbol", "time"]]).isin(
        pd.MultiIndex.from_frame(held[["symbol", "time"]])
    )
    return fetched[~same | exact].reset_index(drop=True)


def _marked(frame: pd.DataFrame, identity: list[str]) -> pd.DataFrame:
    # A missing side equals a missing side, which a NaN in an index does not promise.
    plain = frame[identity].astype({name: "float64" for name in identity if frame[name].dtype.kind == "f"})
    return plain.fillna(-1.0).assign(time=frame["time"].dt.floor(COARSEST))

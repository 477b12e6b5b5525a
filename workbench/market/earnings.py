"""When companies report: what several sources say of one report, and the days that it may fall on."""

from typing import Any

import pandas as pd

from workbench.errors import ArgumentError, DataFormatError
from workbench.market.calendars import (
    is_session,
    next_session,
    previous_session,
    session_close,
    session_open,
)

SESSIONS = ("before_open", "during", "after_close", "unknown")
# Companies report each quarter; dates that lie nearer than this are about one report.
SAME_REPORT_DAYS = 40
_NEEDED = ("symbol", "fiscal_period", "source", "date", "session", "confirmed", "recorded_at")
_FIGURES = ("eps_estimate", "eps_actual", "revenue_estimate", "revenue_actual")
_REPORT = {
    "symbol": "str",
    "date": "datetime64[us]",
    "session": "str",
    "jump_after": "datetime64[us, UTC]",
    "jump_before": "datetime64[us, UTC]",
    "agree": "bool",
    "confirmed": "bool",
    "sources": "str",
    "said": "str",
    "fiscal_period": "str",
    **dict.fromkeys(_FIGURES, "float64"),
}


def earnings_reports(
    frame: pd.DataFrame, *, days: int = SAME_REPORT_DAYS, calendar: str = "XNYS"
) -> pd.DataFrame:
    """Return one row a report: what each source says of it, and between which instants the price may jump.

    Sources name fiscal periods each in their own way, and some not at all, so that dates decide: rows of a
    symbol whose dates lie within `days` of the one before are about one report. Of one source the row
    learned last counts; a date that it moved away from is no date any more.

    Parameters
    ----------
    frame : DataFrame
        Columns of `schemas.EARNINGS` with `source` and `recorded_at`.
    days : int
        See above; quarters are about 91 days apart.
    calendar : str
        Exchange calendar whose opens and closes bound the jump.

    Returns
    -------
    DataFrame
        `symbol`; `date`, the earliest that a source names, and `session` there; `jump_after` and
        `jump_before`, instants: the last price without the news and the first with it; `agree`, whether all
        sources name one date and no two of them different sessions; `confirmed`, whether they agree on the
        date and one calls it confirmed; `sources`, and `said`, what each says; `fiscal_period`; estimates
        and results, each of the source learned last that has it. In order of symbol and date.

    Notes
    -----
    A report before the open of a date jumps from the close before to that open, one after the close from that
    close to the next open, one during the session within it. An unknown session may be any of them. Sources
    that disagree widen the window until it holds what each of them says.

    Raises
    ------
    ArgumentError
        If `days` is not positive, or no calendar has that name.
    DataFormatError
        If a column is missing.
    """
    if days < 1:
        raise ArgumentError(f"`days` is {days}; give one or more.")
    absent = [name for name in _NEEDED if name not in frame]
    if absent:
        raise DataFormatError(f"The frame has no column `{absent[0]}`; earnings dates need it.")
    said = _latest_of_each_source(frame, days)
    reports = [_report(rows, calendar) for _, rows in said.groupby(["symbol", "report"], sort=True)]
    found = pd.DataFrame(reports, columns=list(_REPORT)).astype(_REPORT)
    return found.sort_values(["symbol", "date"], ignore_index=True)


def jump_window(
    day: pd.Timestamp, session: str, *, calendar: str = "XNYS"
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the last close (or open) without the news of a report and the first with it, in UTC.

    Parameters
    ----------
    day : Timestamp
        Date of the report on the exchange's calendar; it may be no session.
    session : {"before_open", "during", "after_close", "unknown"}
        When on that date.

    Examples
    --------
    >>> [f"{each:%a %H:%M}" for each in jump_window(pd.Timestamp("2026-11-20"), "before_open")]
    ['Thu 21:00', 'Fri 14:30']
    """
    if session not in SESSIONS:
        raise ArgumentError(f"`session` is {session!r}; give one of {', '.join(map(repr, SESSIONS))}.")
    before, after = previous_session(calendar, day), next_session(calendar, day)
    if not is_session(calendar, day):
        return session_close(calendar, before), session_open(calendar, after)
    if session == "before_open":
        return session_close(calendar, before), session_open(calendar, day)
    if session == "during":
        return session_open(calendar, day), session_close(calendar, day)
    if session == "after_close":
        return session_close(calendar, day), session_open(calendar, after)
    return session_close(calendar, before), session_open(calendar, after)


def _latest_of_each_source(frame: pd.DataFrame, days: int) -> pd.DataFrame:
    """Return the rows that sources stand by, with the number of the report that they are about."""
    rows = frame.sort_values(["symbol", "date", "recorded_at"], ignore_index=True)
    # A source that moved a date twice by a month must not chain two quarters into one: its own stale rows
    # go first, and only then do the dates of all sources meet.
    own = rows.groupby(["symbol", "source"], sort=False)["date"]
    rows["own"] = (own.diff().dt.days > days).groupby([rows["symbol"], rows["source"]]).cumsum()
    newest = rows.sort_values("recorded_at", kind="stable").groupby(["symbol", "source", "own"]).tail(1)
    kept = newest.sort_values(["symbol", "date", "source"], ignore_index=True)
    gap = kept.groupby("symbol", sort=False)["date"].diff().dt.days
    kept["report"] = (gap > days).groupby(kept["symbol"]).cumsum()
    return kept


def _report(rows: pd.DataFrame, calendar: str) -> dict[str, object]:
    known = sorted(set(rows["session"]) - {"unknown"})
    first = rows.iloc[0]
    one_date = rows["date"].nunique() == 1
    same_day = rows[rows["date"] == first["date"]]
    sessions = sorted(set(same_day["session"]) - {"unknown"})
    newest = rows.sort_values("recorded_at", ascending=False, kind="stable")
    told: list[Any] = rows.to_dict("records")
    said = [
        f"{row['source']}: {row['date']:%Y-%m-%d} {row['session'].replace('_', ' ')}"
        + (", confirmed" if row["confirmed"] else "")
        for row in told
    ]
    windows = [jump_window(row["date"], row["session"], calendar=calendar) for row in told]
    figures = {name: _newest_value(newest, name) for name in _FIGURES}
    return {
        "symbol": first["symbol"],
        "date": first["date"],
        "session": sessions[0] if len(sessions) == 1 else "unknown",
        "jump_after": min(after for after, _ in windows),
        "jump_before": max(before for _, before in windows),
        "agree": bool(one_date and len(known) <= 1),
        "confirmed": bool(one_date and rows["confirmed"].any()),
        "sources": ", ".join(rows["source"]),
        "said": "; ".join(said),
        "fiscal_period": newest["fiscal_period"].iloc[0],
        **figures,
    }


def _newest_value(newest: pd.DataFrame, name: str) -> float:
    values = newest[name].dropna() if name in newest else pd.Series(dtype="float64")
    return float(values.iloc[0]) if len(values) else float("nan")

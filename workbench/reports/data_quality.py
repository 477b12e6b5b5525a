"""The data quality report: what is missing, late or odd, what was refused, and whether it matters."""

from typing import Any

import pandas as pd

from workbench.reports.data_report import DataReport, Section
from workbench.reports.morning_risk import Moment
from workbench.reports.numbers import written

# Findings that make a figure wrong or late; the others are how markets are.
FAULTS = {
    "behind": "being behind the last session",
    "missing_session": "sessions without a bar",
    "no_session": "bars on days off",
    "stale": "standing still",
    "outlier": "prices far from their neighbours",
    "possible_split": "a split that nobody stated",
    "crossed": "bids above asks",
    "duplicated": "rows that came twice",
    "below_intrinsic": "asks below intrinsic value",
}
TRAITS = {
    "no_bid": "nobody bids",
    "no_price": "nobody offers",
    "one_sided": "one side only",
    "wide": "sides far apart",
    "no_open_interest": "open interest unknown",
    "no_underlying_price": "no price of the underlying beside the quote",
    "out_of_session": "outside the regular session",
    "no_size": "without a size",
}
FINDING_HEADERS = {
    "data": "Data",
    "symbol": "Symbol",
    "finding": "Finding",
    "time": "First, UTC",
    "count": "Rows",
    "detail": "What stands there",
}
GAP_HEADERS = {
    "service": "Service",
    "feed": "Feed",
    "symbol": "Symbol",
    "start": "From, UTC",
    "end": "To, UTC",
    "reason": "Why",
}
REFUSED_HEADERS = {
    "table": "Table",
    "source": "Source",
    "reason": "Reason",
    "rows": "Rows",
    "newest": "Newest, UTC",
}
TRAIT_HEADERS = {
    "data": "Data",
    "words": "Trait",
    "rows": "Rows",
    "symbols": "Symbols",
}
HELD_HEADERS = {
    "symbol": "Symbol",
    "rows": "Daily bars",
    "first": "First",
    "last": "Last",
    "source": "Source",
}
_NAMED = 3
DATA = {"bars": "Bars", "quotes": "Quotes", "trades": "Trades", "option_chain": "Option chains"}


def data_quality_report(
    findings: pd.DataFrame,
    refused: pd.DataFrame,
    held: pd.DataFrame,
    gaps: pd.DataFrame,
    moment: Moment,
    *,
    period: str,
    **made_by: Any,
) -> DataReport:
    """Return the report about what the desk finds odd in its data.

    Parameters
    ----------
    findings : DataFrame
        As ``desk.quality()`` gives it.
    refused : DataFrame
        As ``desk.quarantine_reasons()`` gives it.
    held : DataFrame
        As ``desk.symbols()`` gives it: one line a symbol with rows, first, last, source.
    gaps : DataFrame
        Pauses of live feeds: service, feed, symbol, start, end, reason, backfilled_at; may be empty.
    moment : Moment
        As ``desk.as_of()`` gives it.
    period : str
        What was looked over.
    **made_by
        ``desk_name``, ``run_id``, ``code_version``, ``snapshot``.

    Returns
    -------
    DataReport
    """
    traits = _by_kind(findings[~findings["finding"].isin(list(FAULTS))], TRAITS)
    serious = findings[findings["finding"].isin(list(FAULTS))]
    open_gaps = gaps[gaps["backfilled_at"].isna()] if len(gaps) else gaps
    touched = serious["symbol"].nunique()
    refused_rows = int(refused["rows"].sum()) if len(refused) else 0
    return DataReport(
        title="Data quality report",
        message_lines=_message(len(held), serious, refused_rows, len(open_gaps)),
        moment=moment,
        period=period,
        figures=(
            ("Symbols", "", written(len(held)), "with daily bars"),
            ("In doubt", "", written(touched), "with faults"),
            ("Faults", "", written(int(serious["count"].sum())), "rows or sessions"),
            ("Refused", "rows", written(refused_rows), "in quarantine"),
            ("Feed gaps", "", written(len(open_gaps)), "not filled"),
        ),
        sections=(
            Section(
                "What is wrong?",
                serious.sort_values(["finding", "time", "symbol"]).assign(
                    data=serious["data"].map(DATA), finding=serious["finding"].map(FAULTS)
                ),
                FINDING_HEADERS,
                note="One line a symbol and session; the count is of rows, or of sessions that are missing",
                empty="Nothing in the period is missing, late, crossed, repeated or far from its neighbours.",
                severity="breach",
                word="faults",
            ),
            Section(
                "Which feeds paused, and what is still missing?",
                open_gaps,
                GAP_HEADERS,
                empty="No live feed has a gap that was not filled.",
                severity="warn",
                word="gaps",
            ),
            Section(
                "Which rows were refused, and why?",
                refused,
                REFUSED_HEADERS,
                note="Values in the reasons are left out; `workbench quarantine` shows the rows themselves",
                empty="No row was refused.",
                severity="warn",
                word="refused",
            ),
            Section(
                "What is usual for a market, but worth knowing?",
                traits,
                TRAIT_HEADERS,
                empty="Nothing.",
            ),
            Section(
                "What is held?",
                held.reset_index(),
                HELD_HEADERS,
                empty="The desk has no bars yet; `workbench ingest sample all` loads some.",
            ),
        ),
        about=(
            "Faults are found by rule and change nothing: a finding may be right.",
            "Jumps are told beyond fifteen usual moves for daily bars, and twelve usual distances from the "
            "neighbouring prices for ticks.",
            "Sessions are those of the exchange's calendar, half days included.",
        ),
        values={
            "symbols": len(held),
            "symbols_in_doubt": touched,
            "faults": int(serious["count"].sum()),
            "refused_rows": refused_rows,
            "open_feed_gaps": len(open_gaps),
        },
        **made_by,
    )


def _message(symbols: int, serious: pd.DataFrame, refused: int, gaps: int) -> tuple[str, ...]:
    names = list(dict.fromkeys(serious.sort_values("count", ascending=False)["symbol"].astype(str)))
    if names:
        worst = FAULTS[str(serious.groupby("finding")["count"].sum().idxmax())]
        several = len(names) > 1
        if len(names) > _NAMED:
            told = f"{len(names)} symbols, {names[0]} first,"
        else:
            told = ", ".join(names[:-1]) + (" and " if several else "") + names[-1]
        first = f"{told} {'are' if several else 'is'} in doubt, most often for {worst}."
    elif symbols == 0:
        first = "The desk holds no bars yet."
    else:
        first = f"All {symbols} symbols have whole bars." if symbols > 1 else "The one symbol has whole bars."
    parts = []
    if refused:
        parts.append(f"{written(refused)} rows were refused" if refused > 1 else "1 row was refused")
    if gaps:
        parts.append(f"{gaps} gaps of feeds are not filled" if gaps > 1 else "1 gap of a feed is not filled")
    return (first, " and ".join(parts) + ".") if parts else (first,)


def _by_kind(findings: pd.DataFrame, words: dict[str, str]) -> pd.DataFrame:
    """Return how many rows and symbols each kind has, most first."""
    grouped = findings.groupby(["data", "finding"], as_index=False).agg(
        rows=("count", "sum"), symbols=("symbol", "nunique")
    )
    named = grouped.assign(
        words=grouped["finding"].map(words).fillna(grouped["finding"]), data=grouped["data"].map(DATA)
    )
    return named.sort_values("rows", ascending=False, ignore_index=True)

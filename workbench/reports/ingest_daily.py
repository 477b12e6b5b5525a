"""The daily ingest report: what came, what did not and why, and what is still missing."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from workbench.reports.data_report import DataReport, Section
from workbench.reports.morning_risk import Moment
from workbench.reports.numbers import written

RESULT_HEADERS = {
    "service": "Service",
    "symbol": "Symbol",
    "new": "New, rows",
    "changed": "Changed, rows",
    "unchanged": "Unchanged, rows",
    "quarantined": "Quarantined, rows",
}
COMPLAINT_HEADERS = {
    "service": "Service",
    "kind": "Data",
    "asked": "Asked for",
    "state": "State",
    "said": "What it said",
    "what_to_do": "What to do",
}
GAP_HEADERS = {
    "symbol": "Symbol",
    "interval": "Interval",
    "first": "First",
    "last": "Last",
    "sessions": "Sessions",
    "reason": "Why",
}


def ingest_daily_report(
    results: pd.DataFrame,
    complaints: pd.DataFrame,
    gaps: pd.DataFrame,
    moment: Moment,
    *,
    services: Sequence[str],
    left: int = 0,
    period: str = "",
    desk_name: str = "Desk",
    run_id: str = "",
    code_version: str = "",
    snapshot: int | None = None,
) -> DataReport:
    """Return the report of a day's fetch.

    Parameters
    ----------
    results, complaints : DataFrame
        As `Desk.ingest_daily` gives them.
    gaps : DataFrame
        As `Desk.gaps` gives it, of the period.
    moment : Moment
        As ``desk.as_of()`` gives it.
    services : sequence of str
        Who was asked.
    left : int
        Calls that could not be made.
    period : str
        What period the gaps are of.
    desk_name, run_id, code_version, snapshot
        What made the report.
    """
    new, changed = int(results["new"].sum()), int(results["changed"].sum())
    refused = int(results["quarantined"].sum())
    failed = sorted(set(complaints["service"]))
    sessions = int(gaps["sessions"].sum()) if len(gaps) else 0
    words = complaints.assign(state=complaints["state"].str.replace("_", " "))
    figures = [
        ("Services asked", "", written(len(services)), f"{len(failed)} with complaints"),
        ("New", "rows", written(new), ""),
        ("Changed", "rows", written(changed), "what was believed before is kept"),
        ("Quarantined", "rows", written(refused), ""),
        ("Missing", "sessions", written(sessions), period),
    ]
    values: dict[str, Any] = {
        "services": list(services), "failed": failed, "new": new, "changed": changed,
        "quarantined": refused, "left": left, "missing_sessions": sessions,
    }  # fmt: skip
    return DataReport(
        title="Daily ingest report",
        message_lines=_message(services, failed, words, new, changed, sessions),
        moment=moment,
        sections=[
            Section(
                "What could not be done",
                words,
                COMPLAINT_HEADERS,
                empty="Everything that was asked for came.",
                severity="breach",
                word="failed",
            ),
            Section("What came", results, RESULT_HEADERS, empty="Nothing: the desk held all of it."),
            Section(
                "What is missing",
                gaps,
                GAP_HEADERS,
                note="Sessions of the exchange without a bar, and silent live feeds.",
                empty="No session is missing.",
                severity="warn",
                word="missing",
            ),
        ],
        figures=figures,
        period=period,
        about=["Only what the desk lacked was asked for; a run that was cut off goes on where it stopped."],
        values=values,
        desk_name=desk_name,
        run_id=run_id,
        code_version=code_version,
        snapshot=snapshot,
    )


def _message(
    services: Sequence[str],
    failed: Sequence[str],
    complaints: pd.DataFrame,
    new: int,
    changed: int,
    gaps: int,
) -> list[str]:
    """Say the result in one or two sentences, the worst first."""
    if not services:
        return [
            "No service is watched; connect one with `workbench connect`, and ingest what it shall watch."
        ]
    lines = []
    if failed:
        states = complaints.groupby("service")["state"].first()
        told = ", ".join(f"{name} ({state})" for name, state in states.items())
        lines.append(f"Not everything came: {told}.")
    rows = "1 new row" if new == 1 else f"{written(new)} new rows"
    missing = f"; {written(gaps)} sessions are missing" if gaps else "; no session is missing"
    lines.append(f"{rows}, {written(changed)} changed{missing}.")
    return lines

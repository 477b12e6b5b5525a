"""A report about the desk's data: a message, key figures and tables, as a page, a workbook and outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.reports.morning_risk import PDF_FILE, REPORT_FILE, WORKBOOK_FILE, Moment
from workbench.reports.numbers import MISSING, written
from workbench.reports.publish import OUTPUTS_FILE, write_atomically, write_json

SHOWN_ROWS = 24
Figure = tuple[str, str, str, str]
"""A key figure: label, unit, value as text, note."""


@dataclass(frozen=True)
class Section:
    """One table of a report.

    Parameters
    ----------
    title : str
        What it answers.
    frame : DataFrame
        Its rows; numbers are written grouped, instants in UTC.
    headers : mapping of str to str
        Column to header with its unit; only these columns are shown.
    note : str
        A line under the title.
    empty : str
        What stands there when there are no rows.
    severity : {"", "warn", "breach"}
        How the title is marked while there are rows.
    word : str
        The mark's word, as in ``missing``.
    digits : mapping of str to int
        Decimals of a column; none, unless given.
    """

    title: str
    frame: pd.DataFrame
    headers: Mapping[str, str]
    note: str = ""
    empty: str = "Nothing to tell."
    severity: str = ""
    word: str = "look"
    digits: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class DataReport:
    """Everything that a report about the desk's data shows.

    Parameters
    ----------
    title : str
        Name of the report, as in ``Data quality report``.
    message_lines : sequence of str
        The result, one or two sentences; each becomes a line.
    moment : Moment
        As ``desk.as_of()`` gives it.
    sections : sequence of Section
        Its tables, the most important first.
    figures : sequence of Figure
        At most seven key figures.
    period : str
        What period it is about.
    about : sequence of str
        Sentences about where the figures come from.
    values : mapping of str to object
        What the run says of itself beside the message, as numbers.
    desk_name, run_id, code_version, snapshot
        What made the report.
    """

    title: str
    message_lines: Sequence[str]
    moment: Moment
    sections: Sequence[Section]
    figures: Sequence[Figure] = ()
    period: str = ""
    about: Sequence[str] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    desk_name: str = "Desk"
    run_id: str = ""
    code_version: str = ""
    snapshot: int | None = None

    @property
    def message(self) -> str:
        """The result in one text."""
        return " ".join(self.message_lines)

    def outputs(self) -> dict[str, Any]:
        """Return what the run says of itself: message, as-of, and its figures as numbers."""
        moment = self.moment
        return {
            "message": self.message,
            "as_of": moment.session.isoformat(),
            "as_of_text": moment.text + (f", {moment.label}" if moment.label else ""),
            **self.values,
            "code_version": self.code_version,
            "snapshot": self.snapshot,
        }


def render_data_report(data: DataReport) -> str:
    """Return the report as an HTML page that needs nothing but itself; equal data give equal bytes."""
    from workbench.reports.templates import template

    keys = [
        {"label": label, "unit": unit, "value": value, "note": note}
        for label, unit, value, note in data.figures
    ]
    return template("data_report.html.j2").render(
        data=data, moment=data.moment, keys=keys, sections=[_shown(section) for section in data.sections]
    )


def write_data_report(data: DataReport, folder: str | Path, *, pdf: bool = False) -> dict[str, Any]:
    """Write the report's files into `folder`: page, workbook and outputs; return the outputs.

    Parameters
    ----------
    data : DataReport
        What the report shows.
    folder : path
        Made when it is not there.
    pdf : bool
        Print the page to PDF too; without playwright and a Chromium `outputs["pdf_missing"]` says why not.
    """
    from workbench.reports.pdf import print_pdf
    from workbench.reports.workbook import Sheet, workbook_bytes

    place = Path(folder)
    page = write_atomically(place / REPORT_FILE, render_data_report(data))
    summary = pd.DataFrame(
        [("Report", data.title, ""), ("Desk", data.desk_name, ""), ("Message", data.message, ""),
         ("As of", data.moment.text, ""), *((name, value, unit) for name, unit, value, _ in data.figures)],
        columns=["figure", "value", "unit"],
    )  # fmt: skip
    sheets = [Sheet("Summary", summary, {"figure": "Figure", "value": "Value", "unit": "Unit"})]
    sheets += [
        Sheet(section.title, section.frame, section.headers)
        for section in data.sections
        if len(section.frame)
    ]
    write_atomically(place / WORKBOOK_FILE, workbook_bytes(sheets, made=data.moment.instant))
    files = {"report": REPORT_FILE, "workbook": WORKBOOK_FILE}
    outputs = {**data.outputs(), "files": files}
    if pdf:
        outputs["pdf_missing"] = print_pdf(page, place / PDF_FILE)
        if outputs["pdf_missing"] is None:
            files["pdf"] = PDF_FILE
    write_json(place / OUTPUTS_FILE, outputs)
    return outputs


def _shown(section: Section) -> dict[str, Any]:
    frame = section.frame
    numeric = {name: _is_number(frame[name]) for name in section.headers}
    rows = [
        [
            {"text": _text(row[name], section.digits.get(name, 0)), "number": numeric[name]}
            for name in section.headers
        ]
        for row in frame.head(SHOWN_ROWS).to_dict("records")
    ]
    return {
        "title": section.title,
        "note": section.note,
        "empty": section.empty,
        "severity": section.severity if rows else "",
        "word": section.word,
        "heads": [{"text": text, "number": numeric[name]} for name, text in section.headers.items()],
        "rows": rows,
        "more": max(0, len(frame) - len(rows)),
    }


def _is_number(values: "pd.Series[Any]") -> bool:
    return bool(pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values))


def _text(value: Any, digits: int) -> str:
    if value is None or value is pd.NaT or (not isinstance(value, str) and pd.isna(value)):
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, pd.Timestamp):
        whole_day = value == value.normalize()
        return f"{value:%Y-%m-%d}" if whole_day else f"{value:%Y-%m-%d %H:%M}"
    return written(value, digits) if isinstance(value, (int, float)) else str(value)

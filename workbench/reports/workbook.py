"""Typed xlsx workbooks: numbers are numbers, units in the headers, and no text becomes a formula."""

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import ArgumentError
from workbench.reports.morning_risk import MorningRisk
from workbench.reports.publish import write_atomically

WHOLE, CENTS, SIGNED, PERCENT, DAY = "#,##0", "#,##0.00", "+#,##0;-#,##0;0", "0.0%", "yyyy-mm-dd"
# Text that a spreadsheet would run as a formula, or as a command in an export of it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_WIDEST, _NARROWEST = 60, 9
_LONGEST_TEXT = 32_767
_LONGEST_TITLE = 31


@dataclass(frozen=True)
class Sheet:
    """One sheet: a title, a frame, and how its columns are headed and written.

    Parameters
    ----------
    title : str
        Name of the sheet.
    frame : DataFrame
        Its rows; the index is written too when it is named.
    headers : mapping of str to str
        Column to header with its unit, as in ``{"price": "Price, $"}``; only these columns are written, in
        this order. Empty writes all.
    formats : mapping of str to str
        Column to Excel number format.
    """

    title: str
    frame: pd.DataFrame
    headers: Mapping[str, str] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)


def write_workbook(path: str | Path, sheets: Sequence[Sheet], *, made: datetime | None = None) -> Path:
    """Write sheets into one xlsx file, whole or not at all; return its path.

    Parameters
    ----------
    path : path
        The file.
    sheets : sequence of Sheet
        At least one.
    made : datetime, optional
        What the file says of when it was made: the as-of instant, so that equal data give equal bytes.

    Raises
    ------
    ArgumentError
        If there is no sheet.
    StorageFullError
        If the disk has no room; a file that was there stays.
    """
    return write_atomically(Path(path), workbook_bytes(sheets, made=made))


def workbook_bytes(sheets: Sequence[Sheet], *, made: datetime | None = None) -> bytes:
    """Return the xlsx file of the sheets; the same for the same sheets and `made`."""
    if not sheets:
        raise ArgumentError("A workbook needs a sheet; `sheets` is empty.")
    # openpyxl takes 0.15 s to import, and few runs write a workbook.
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    for sheet in sheets:
        _fill(book.create_sheet(_sheet_title(sheet.title, book.sheetnames)), sheet)
    moment = (made or datetime(2000, 1, 1)).replace(tzinfo=None, microsecond=0)  # noqa: DTZ001 - xlsx has no zones
    book.properties.creator = "Workbench"
    book.properties.created = moment
    buffer = io.BytesIO()
    book.save(buffer)
    return _without_clock(buffer.getvalue(), moment)


def morning_risk_sheets(data: MorningRisk) -> list[Sheet]:
    """Return the sheets of the morning risk report: Summary first, then what the report has of each part."""
    sheets = [Sheet("Summary", _summary(data), {"figure": "Figure", "value": "Value", "unit": "Unit"})]
    if not data.positions.empty:
        sheets.append(Sheet("Positions", data.positions, POSITION_HEADERS, POSITION_FORMATS))
    if not data.greeks.empty:
        greeks = data.greeks.rename_axis("underlying")
        sheets.append(Sheet("Greeks", greeks, GREEK_HEADERS, dict.fromkeys(GREEK_HEADERS, WHOLE)))
    if not data.grid.empty:
        grid = data.grid.rename_axis("spot").copy()
        names = {column: f"Volatility {float(column) * 100:+g} pt, P&L $" for column in grid.columns}
        grid.columns = [str(column) for column in grid.columns]
        headers = {"spot": "Spot change"} | {str(column): name for column, name in names.items()}
        formats = {"spot": PERCENT} | dict.fromkeys(grid.columns, SIGNED)
        sheets.append(Sheet("Scenarios", grid, headers, formats))
    document = data.shown_backtest
    if document is not None:
        curve = pd.DataFrame(document["equity_curve"])
        curve["date"] = pd.to_datetime(curve["date"])
        headers = {"date": "Date", "value": f"Equity of {document.get('strategy', 'the strategy')}, $"}
        sheets.append(Sheet("Backtest", curve, headers, {"date": DAY, "value": CENTS}))
    alerts = data.shown_alerts
    if not alerts.empty:
        sheets.append(Sheet("Alerts", alerts, ALERT_HEADERS))
    return sheets


POSITION_HEADERS = {
    "account": "Account",
    "symbol": "Symbol",
    "description": "Position",
    "underlying": "Underlying",
    "kind": "Kind",
    "expiry": "Expiry",
    "strike": "Strike, $",
    "quantity": "Quantity",
    "multiplier": "Multiplier",
    "price": "Price, $",
    "price_status": "Price status",
    "price_time": "Price time, UTC",
    "value": "Value, $",
    "open_pnl": "Open P&L, $",
    "realized_pnl": "Realised P&L, $",
    "dividends": "Dividends, $",
    "fees": "Fees, $",
    "pnl": "P&L since first fill, $",
    "day_pnl": "P&L of the last session, $",
    "spot": "Spot, $",
    "years": "Years to expiry",
    "volatility": "Volatility",
    "delta_shares": "Delta, shares",
    "dollar_delta": "Delta, $",
    "dollar_gamma_1pct": "Gamma, $ per 1 %",
    "vega_point": "Vega, $ per pt",
    "theta_day": "Theta, $ per day",
    "rho_point": "Rho, $ per 1 %",
    "modelled": "Modelled",
}
POSITION_FORMATS = dict.fromkeys(POSITION_HEADERS, CENTS) | {
    "expiry": DAY,
    "quantity": "#,##0.####",
    "multiplier": "0",
    "years": "0.0000",
    "volatility": PERCENT,
}
GREEK_HEADERS = {
    "underlying": "Underlying",
    "value": "Value, $",
    "delta_shares": "Delta, shares",
    "dollar_delta": "Delta, $",
    "dollar_gamma_1pct": "Gamma, $ per 1 %",
    "vega_point": "Vega, $ per pt",
    "theta_day": "Theta, $ per day",
    "rho_point": "Rho, $ per 1 %",
    "unpriced": "Positions left out",
}
ALERT_HEADERS = {
    "severity": "Severity",
    "title": "Alert",
    "body": "What happened",
    "as_of": "As of, UTC",
    "acknowledged_by": "Seen by",
    "acknowledged_at": "Seen at, UTC",
}


def _summary(data: MorningRisk) -> pd.DataFrame:
    head = data.headline
    moment = head.as_of
    level = f"{head.confidence:.4g}"
    rows = [
        ("Report", "Morning risk report", ""),
        ("Desk", data.desk_name, ""),
        ("Message", data.message, ""),
        ("As of", moment.text, ""),
        ("As of, UTC", moment.instant, "UTC"),
        ("Label", moment.label, ""),
        ("Source", head.source, ""),
        ("Modelled prices", bool(head.modelled), ""),
        ("Book value", head.book_value, "$"),
        ("P&L since first fill", head.pnl, "$"),
        ("P&L of the last session", head.day_pnl, "$"),
        ("Net dollar delta", head.dollar_delta, "$"),
        ("Dollar gamma", head.dollar_gamma_1pct, "$ per 1 %"),
        ("Vega", head.vega_point, "$ per volatility point"),
        ("Theta", head.theta_day, "$ per calendar day"),
        (f"VaR {level}, one day, historical", head.value_at_risk, "$"),
        (f"ES {level}, one day, historical", head.expected_shortfall, "$"),
        ("Sessions behind VaR and ES", head.observations, ""),
        ("Worst cell of the grid", head.worst_pnl, "$"),
        ("Worst cell: change of spot", head.worst_spot, "fraction"),
        ("Worst cell: change of volatility", head.worst_volatility, "per 1.00"),
        ("Positions left out of risk", head.unpriced, ""),
        ("Interest rate assumed", data.rate, "per year, continuous"),
        ("Dividend yield assumed where quotes tell none", data.dividend_yield, "per year, continuous"),
        *[("Finding", sentence, "") for sentence in head.findings],
        ("Run", data.run_id, ""),
        ("Workbench", data.code_version, ""),
        ("Snapshot of the lake", data.snapshot, ""),
    ]
    return pd.DataFrame(rows, columns=["figure", "value", "unit"]).astype(object)


def _fill(target: Any, sheet: Sheet) -> None:
    """Write one frame: bold header, typed cells, frozen header, widths that fit."""
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    frame = sheet.frame.reset_index() if sheet.frame.index.name else sheet.frame
    columns = [name for name in (sheet.headers or frame.columns) if name in frame.columns]
    widths = []
    for number, name in enumerate(columns, start=1):
        header = str(sheet.headers.get(name, name))
        values = frame[name].tolist()
        is_number = any(
            isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) for value in values
        )
        cell = target.cell(1, number, _safe(header))
        cell.font = Font(bold=True)
        cell.alignment = Alignment(
            horizontal="right" if is_number else "left", vertical="top", wrap_text=True
        )
        longest = max((len(word) for word in header.split()), default=0)
        for line, value in enumerate(values, start=2):
            cell = target.cell(line, number)
            written = _typed(value)
            cell.value = written
            if isinstance(written, str):
                # openpyxl makes a formula of text that begins with "="; said once more, it is text.
                cell.data_type = "s"
            elif isinstance(written, datetime):
                cell.number_format = sheet.formats.get(name, "yyyy-mm-dd hh:mm")
            elif _is_number(written):
                cell.number_format = sheet.formats.get(name, _default_format(written))
            longest = max(longest, len(_shown(written)))
        widths.append(longest)
    for number, width in enumerate(widths, start=1):
        target.column_dimensions[get_column_letter(number)].width = min(max(width + 2, _NARROWEST), _WIDEST)
    target.freeze_panes = "B2" if len(columns) > 3 else "A2"
    if columns and len(frame):
        target.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{len(frame) + 1}"


def _typed(value: Any) -> Any:
    """Return a value as the type that a spreadsheet holds it in; missing is empty, never 0 or text."""
    if value is None or value is pd.NaT:
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, date):
        stamp = pd.Timestamp(value)
        return (stamp.tz_convert("UTC").tz_localize(None) if stamp.tzinfo else stamp).to_pydatetime()
    if _is_number(value):
        return value if np.isfinite(float(value)) else None
    return value if isinstance(value, bool) else _safe(str(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _safe(text: str) -> str:
    """Neutralise text that a spreadsheet would run: a quote in front makes it text in every program."""
    plain = _CONTROL.sub("", text)[: _LONGEST_TEXT - 1]
    return f"'{plain}" if plain.startswith(_FORMULA) else plain


def _default_format(value: Any) -> str:
    if isinstance(value, int):
        return WHOLE
    return CENTS if abs(value) >= 1 or value == 0 else "0.0000"


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return "2013-03-01 21:00"
    if _is_number(value):
        return f"{float(value):,.2f}"
    return str(value)


def _sheet_title(title: str, taken: Sequence[str]) -> str:
    """Return a title that a spreadsheet accepts, told from those that are taken."""
    plain = re.sub(r"[\[\]:*?/\\]", " ", title).strip("' ")[:_LONGEST_TITLE] or "Sheet"
    lowered = {name.lower() for name in taken}
    number, chosen = 2, plain
    while chosen.lower() in lowered:
        chosen = f"{plain[: _LONGEST_TITLE - 4]} {number}"
        number += 1
    return chosen


def _without_clock(data: bytes, moment: datetime) -> bytes:
    """Set every time inside the file to `moment`: openpyxl writes the wall clock into it."""
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w") as target:
        for item in source.infolist():
            content = source.read(item.filename)
            if item.filename == "docProps/core.xml":
                content = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>" + stamp, content)
            entry = zipfile.ZipInfo(
                item.filename, date_time=(max(moment.year, 1980), *moment.timetuple()[1:6])
            )
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, content)
    return buffer.getvalue()

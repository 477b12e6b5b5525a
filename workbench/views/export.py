"""The book as files to take away: CSV, and xlsx whose numbers are numbers."""

from io import BytesIO, StringIO
from typing import Any

import pandas as pd

# A cell that begins with one of these is run as a formula by spreadsheets.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def plain_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with text that a spreadsheet would run made harmless by a leading apostrophe."""
    safe = pd.DataFrame(frame).copy()
    for name in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[name]) and not pd.api.types.is_datetime64_any_dtype(
            safe[name]
        ):
            safe[name] = [
                f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value
                for value in safe[name]
            ]
    return safe


def to_csv(frame: pd.DataFrame) -> StringIO:
    """Return the frame as CSV in UTF-8 with a mark that spreadsheets recognise; full precision."""
    return StringIO("\ufeff" + plain_text(frame).to_csv(index=False))


def to_xlsx(frame: pd.DataFrame, *, sheet: str, note: str) -> BytesIO:
    """Return the frame as a workbook: typed cells, a frozen bold header, and a sheet that says what it is.

    Parameters
    ----------
    frame : DataFrame
        Times lose their zone and are UTC, since a spreadsheet has none.
    sheet : str
        Name of the sheet.
    note : str
        As-of and source, on a sheet of its own.
    """
    from openpyxl.styles import Font

    typed = plain_text(frame)
    for name in typed.columns:
        if isinstance(typed[name].dtype, pd.DatetimeTZDtype):
            typed[name] = typed[name].dt.tz_convert("UTC").dt.tz_localize(None)
    buffer = BytesIO()
    with pd.ExcelWriter(buffer, engine="openpyxl") as writer:
        typed.to_excel(writer, sheet_name=sheet, index=False)
        about: Any = pd.DataFrame({"About": [note, "Times are UTC. Money in $."]})
        about.to_excel(writer, sheet_name="About", index=False)
        made = writer.sheets[sheet]
        made.freeze_panes = "A2"
        for cell in made[1]:
            cell.font = Font(bold=True)
        for column in made.columns:
            made.column_dimensions[column[0].column_letter].width = 16
    buffer.seek(0)
    return buffer

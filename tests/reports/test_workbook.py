"""Workbooks read back by openpyxl: numbers are numbers, and no text is a formula."""

import io
import zipfile
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import openpyxl
import pandas as pd
import pytest

from workbench.errors import ArgumentError
from workbench.reports.workbook import Sheet, morning_risk_sheets, workbook_bytes, write_workbook

# A spreadsheet knows no time zones: what it holds is UTC, and its headers say so.
NINE_IN_THE_EVENING = datetime(2013, 3, 1, 21, 0)  # noqa: DTZ001


def read(data: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(data))


def one_sheet(frame: pd.DataFrame, **options):
    return read(workbook_bytes([Sheet("Data", frame, **options)]))["Data"]


def test_values_keep_their_types_and_missing_is_empty():
    frame = pd.DataFrame(
        {
            "number": [1.5, np.nan, np.inf],
            "count": [1, 2, 3],
            "money": [Decimal("1.10"), None, Decimal("-2")],
            "time": pd.to_datetime(["2013-03-01 21:00", None, "2013-03-02 00:00"], utc=True),
            "day": [date(2013, 3, 1), None, date(2013, 3, 2)],
            "flag": [True, False, None],
            "text": ["a", None, "b"],
        }
    )
    sheet = one_sheet(frame)
    rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
    first = [1.5, 1, 1.1, NINE_IN_THE_EVENING, NINE_IN_THE_EVENING.replace(hour=0), True, "a"]
    assert rows[0] == first
    assert rows[1] == [None, 2, None, None, None, False, None]
    assert rows[2][0] is None
    assert [cell.data_type for cell in sheet[2]] == ["n", "n", "n", "d", "d", "b", "s"]


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x","y")', "\t=1", "\r=1", "=cmd|' /C calc'!A0"],
)
def test_text_that_a_spreadsheet_would_run_is_made_harmless(text):
    sheet = one_sheet(pd.DataFrame({text: [text]}))
    for cell in (sheet["A1"], sheet["A2"]):
        assert cell.data_type == "s"
        assert cell.value.startswith("'")


def test_ordinary_text_stays_as_it_is():
    sheet = one_sheet(pd.DataFrame({"text": ["AAPL 20 Apr 13 430 P", "−5 %", "a\x00b"]}))
    assert [sheet.cell(row, 1).value for row in (2, 3, 4)] == ["AAPL 20 Apr 13 430 P", "−5 %", "ab"]


def test_headers_carry_units_and_choose_columns_and_the_first_row_stays_in_sight():
    frame = pd.DataFrame({"price": [1234.5], "hidden": [1], "value": [2.0]})
    sheet = one_sheet(
        frame, headers={"value": "Value, $", "price": "Price, $"}, formats={"price": "#,##0.00"}
    )
    assert [cell.value for cell in sheet[1]] == ["Value, $", "Price, $"]
    assert sheet["B2"].number_format == "#,##0.00"
    assert sheet.freeze_panes == "A2"
    assert sheet["A1"].font.bold
    assert sheet.column_dimensions["B"].width >= len("1,234.50")


def test_the_same_sheets_give_the_same_bytes(morning_risk):
    made = morning_risk.headline.as_of.instant
    first = workbook_bytes(morning_risk_sheets(morning_risk), made=made)
    assert first == workbook_bytes(morning_risk_sheets(morning_risk), made=made)
    assert b"2013-03-01T21:00:00Z" in zipfile.ZipFile(io.BytesIO(first)).read("docProps/core.xml")


def test_the_report_has_its_headline_figures_as_numbers(morning_risk):
    book = read(workbook_bytes(morning_risk_sheets(morning_risk)))
    assert book.sheetnames == ["Summary", "Positions", "Greeks", "Scenarios", "Backtest", "Alerts"]
    summary = {row[0].value: row[1].value for row in book["Summary"].iter_rows(min_row=2)}
    assert summary["Book value"] == 152_340.5
    assert summary["P&L of the last session"] == -7898.4
    assert summary["VaR 0.99, one day, historical"] == 17_362.0
    assert summary["Worst cell of the grid"] == -96_900.0
    assert summary["As of, UTC"] == NINE_IN_THE_EVENING
    assert summary["Source"] == morning_risk.headline.source
    assert summary["Message"] == morning_risk.message
    assert summary["Modelled prices"] is True


def test_the_grid_and_the_positions_are_numbers_with_units(morning_risk):
    book = read(workbook_bytes(morning_risk_sheets(morning_risk)))
    grid = book["Scenarios"]
    assert [grid["A1"].value, grid["B1"].value] == ["Spot change", "Volatility +12 pt, P&L $"]
    assert [grid["A2"].value, grid["B2"].value] == [-0.10, -96_900.0]
    positions = book["Positions"]
    headers = [cell.value for cell in positions[1]]
    strikes = [row[headers.index("Strike, $")].value for row in positions.iter_rows(min_row=2)]
    assert strikes == [None, 430, 480, None, 820, 200]


def test_sheet_titles_are_made_acceptable_and_unique():
    frame = pd.DataFrame({"a": [1]})
    book = read(workbook_bytes([Sheet("a/b:c" * 10, frame), Sheet("a/b:c" * 10, frame), Sheet("", frame)]))
    assert len({title.lower() for title in book.sheetnames}) == 3
    assert all(len(title) <= 31 for title in book.sheetnames)


def test_a_workbook_without_sheets_is_refused_and_a_file_is_replaced_whole(tmp_path):
    with pytest.raises(ArgumentError, match="`sheets` is empty"):
        write_workbook(tmp_path / "a.xlsx", [])
    path = write_workbook(tmp_path / "a.xlsx", [Sheet("Data", pd.DataFrame({"a": [1]}))])
    assert openpyxl.load_workbook(path)["Data"]["A2"].value == 1
    assert [each.name for each in tmp_path.iterdir()] == ["a.xlsx"]

"""A folder of the user's files as a provider."""

import os

import pandas as pd
import pytest

from workbench.errors import DataFormatError, MissingDataError, UnknownProviderError
from workbench.providers import FilesProvider, SampleProvider, nearest_names, open_provider

SPY = """symbol,date,close,high,low,open,volume,divCash,splitFactor
SPY,2021-03-18,391.48,396.72,390.75,394.48,115349105,0.0,1.0
SPY,2021-03-19,389.48,391.56,387.15,389.88,113624506,1.2778,1.0
SPY,2021-03-22,392.59,394.07,388.36,389.82,73175817,0.0,1.0
"""
QQQ = "date,open,high,low,close,volume\n2021-03-19,310,314,309,313,5\n2021-03-20,310,3,309,313,5\n"
INTRADAY = "symbol,time,open,high,low,close\nIWM,2021-03-19T13:30Z,1,2,1,2\nIWM,2021-03-19T13:31Z,1,2,1,2\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "etfs.csv").write_text(SPY)
    (tmp_path / "QQQ.csv").write_text(QQQ)
    (tmp_path / "minutes.csv").write_text(INTRADAY)
    (tmp_path / "notes.md").write_text("not data")
    return tmp_path


def test_all_files_of_a_folder_are_one_provider(folder):
    provider = FilesProvider(folder)
    assert provider.symbols() == ["IWM", "QQQ", "SPY"]
    assert provider.bars(["QQQ", "SPY"])["symbol"].value_counts().to_dict() == {"SPY": 3, "QQQ": 1}
    actions = provider.corporate_actions(["SPY"])
    assert actions[["kind", "value"]].to_numpy().tolist() == [["dividend", 1.2778]]


def test_rows_that_cannot_be_read_are_told_with_their_file(folder):
    bad = FilesProvider(folder).quarantined()
    assert bad[["file", "line"]].to_numpy().tolist() == [["QQQ.csv", 3]]


def test_a_changed_file_is_read_again(folder):
    provider = FilesProvider(folder)
    assert len(provider.bars(["SPY"])) == 3
    path = folder / "etfs.csv"
    path.write_text(SPY + "SPY,2021-03-23,389.50,393.46,388.87,391.84,90612000,0.0,1.0\n")
    os.utime(path, (1, 1))
    assert len(provider.bars(["SPY"])) == 4


def test_of_a_bar_in_two_files_the_last_by_name_counts(folder):
    (folder / "fixed.csv").write_text("\n".join(SPY.splitlines()[:2]).replace("391.48", "391.5"))
    bars = FilesProvider(folder).bars(["SPY"])
    assert len(bars) == 3
    assert bars["close"].iloc[0] == 391.5


def test_a_folder_that_is_not_there_or_empty_or_has_a_bad_file_is_told(tmp_path):
    with pytest.raises(MissingDataError, match="There is no folder"):
        FilesProvider(tmp_path / "nothing").symbols()
    with pytest.raises(MissingDataError, match="holds no CSV or Parquet file"):
        FilesProvider(tmp_path).symbols()
    (tmp_path / "bad.csv").write_text("")
    with pytest.raises(DataFormatError, match=r"bad\.csv is empty"):
        FilesProvider(tmp_path).symbols()


def test_providers_are_opened_by_name(folder):
    assert isinstance(open_provider("sample", folder=folder), SampleProvider)
    files = open_provider("files", folder=folder)
    assert files.symbols() == ["IWM", "QQQ", "SPY"]
    with pytest.raises(UnknownProviderError, match="'smaple'; the nearest: sample"):
        open_provider("smaple", folder=folder)


def test_nearest_names_ignore_case_and_come_best_first():
    assert nearest_names("appl", ["IBM", "AAPL", "MSFT"]) == ["AAPL"]
    assert nearest_names("zzz", ["IBM"]) == []


def test_parquet_and_csv_mix(folder):
    frame = pd.DataFrame(
        {"symbol": ["DIA"], "time": [pd.Timestamp("2021-03-19")], "open": [1.0], "high": [1.0], "low": [1.0],
         "close": [1.0], "volume": [1.0]}
    )  # fmt: skip
    frame.to_parquet(folder / "dia.parquet")
    assert "DIA" in FilesProvider(folder).symbols()

"""Files as tables: encodings, separators, lines as an editor counts them, and what is no table."""

import gzip

import pandas as pd
import pytest

from workbench.errors import DataFormatError
from workbench.providers.tables import read_table, table_from_frame, table_from_text


def write(folder, data, name="file.csv"):
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize(
    "encode, used",
    [
        (lambda text: text.encode("utf-8"), "utf-8"),
        (lambda text: b"\xef\xbb\xbf" + text.encode("utf-8"), "utf-8-sig"),
        (lambda text: text.encode("utf-16"), "utf-16"),
        (lambda text: b"\xfe\xff" + text.encode("utf-16-be"), "utf-16"),
        (lambda text: text.encode("cp1252"), "cp1252"),
        (lambda text: gzip.compress(text.encode("utf-8")), "utf-8"),
    ],
)
def test_encodings_are_found(tmp_path, encode, used):
    table = read_table(write(tmp_path, encode("Name;Größe\nMünchen;1\n")))
    assert table.encoding == used
    assert list(table.columns) == ["Name", "Größe"]
    assert table.text("Name").to_pylist() == ["München"]


def test_an_encoding_that_is_said_is_used(tmp_path):
    path = write(tmp_path, "a,b\n£,1\n".encode("cp1252"))
    assert read_table(path, encoding="cp1252").text("a").to_pylist() == ["£"]
    with pytest.raises(DataFormatError, match=r"is no text in utf-8 \(byte 4\)"):
        read_table(path, encoding="utf-8")
    with pytest.raises(DataFormatError, match="No encoding is named 'klingon'"):
        read_table(path, encoding="klingon")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_found(separator):
    table = table_from_text(f"a{separator}b\n1{separator}2\n", name="file.csv")
    assert table.separator == separator
    assert table.text("b").to_pylist() == ["2"]


def test_lines_are_those_that_an_editor_shows():
    text = "\n\na,b\r\n1,2\r\n\r\n3\r\n,\r\n4,5,6\r\n7,8\r\n"
    table = table_from_text(text, name="file.csv")
    assert table.lines.tolist() == [4, 9]
    assert table.text("a").to_pylist() == ["1", "7"]
    assert [(line, reason) for line, _, reason, _ in table.broken] == [
        (6, "has 1 fields where the header has 2"),
        (8, "has 3 fields where the header has 2"),
    ]


def test_a_quote_that_stays_open_costs_one_line():
    """Otherwise it would swallow every good row that follows."""
    rows = "".join(f"{at},x\n" for at in range(200))
    table = table_from_text(f'a,b\n1,"open\n{rows}', name="file.csv")
    assert len(table) == 200
    assert table.broken == [(2, "", "has a quote that is not closed", '1,"open')]


def test_a_quoted_value_may_run_over_lines():
    table = table_from_text('a,b\n1,"two\nlines"\n2,"with ""quotes"", and comma"\n', name="file.csv")
    assert table.text("b").to_pylist() == ["two lines", 'with "quotes", and comma']
    assert table.lines.tolist() == [2, 4]


def test_what_vendors_write_for_nothing_is_missing():
    table = table_from_text("a,b\nNA,1\n -- ,2\n#N/A,3\nnull,4\nx,5\n", name="file.csv")
    assert table.text("a").to_pylist() == [None, None, None, None, "x"]


def test_parquet_is_known_by_its_content(tmp_path):
    path = tmp_path / "bars.dat"
    pd.DataFrame({"a": [1, 2], "b": pd.Categorical(["x", "y"])}).to_parquet(path)
    table = read_table(path)
    assert table.lines.tolist() == [1, 2]
    assert table.text("b").to_pylist() == ["x", "y"]


def test_a_frame_brings_its_index_along():
    frame = pd.DataFrame({"close": [1.0]}, index=pd.Index(["SPY"], name="symbol"))
    assert list(table_from_frame(frame).columns) == ["symbol", "close"]


@pytest.mark.parametrize(
    "data, complaint",
    [
        (b"", "is empty"),
        (b"  \n\n ", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"a,b\n", "a header but no rows"),
        (b"a\n1\n", "one column only"),
        (b"2021-01-04,1.5\n2021-01-05,1.6\n", "has no header: its first line holds the value '2021-01-04'"),
        (b"a,a\n1,2\n", "column 'a' twice"),
        (b"PK\x03\x04rest", "zip or Excel file; save it as CSV"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-6], "cut short or damaged"),
        (b"PAR1 and no more", "cut short or damaged"),
        ("a,b\n1,2\n".encode("utf-16-le"), "give encoding='utf-16-le'"),
        (b"a,b\n\x81\xff,2\n", "no text in utf-8 or cp1252"),
    ],
)
def test_what_is_no_table_is_refused_in_a_sentence(tmp_path, data, complaint):
    with pytest.raises(DataFormatError, match=complaint):
        read_table(write(tmp_path, data))


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path):
    with pytest.raises(DataFormatError, match="There is no file"):
        read_table(tmp_path / "nothing.csv")
    with pytest.raises(DataFormatError, match="cannot be read"):
        read_table(tmp_path)


def test_an_empty_frame_is_refused():
    with pytest.raises(DataFormatError, match="The frame has no rows"):
        table_from_frame(pd.DataFrame({"a": []}))


def test_a_file_of_broken_lines_alone_is_told_line_by_line():
    table = table_from_text('a,b\n"1,2\n', name="file.csv")
    assert len(table) == 0
    assert [line for line, *_ in table.broken] == [2]

"""A large file read by columns gives the rows, lines and reasons that reading it with care gives."""

import gzip
import os
import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from workbench.errors import DataFormatError
from workbench.market.schemas import check_bars
from workbench.market.sound_bars import are_sound, as_table
from workbench.providers import tables
from workbench.providers.files import read_bars_file
from workbench.providers.plain_text import PlainText
from workbench.providers.tables import table_from_plain_text

HEADER = "Symbol,Date,Open,High,Low,Close,Volume"
SOUND = ["AAPL,2024-06-03,1,2,0.5,1.5,100", "AAPL,2024-06-04,1,2,0.5,1.50,", "MSFT,2024-06-03,1e1,12,9,11,7"]
ODD = [
    "AAPL,2024-06-05,1,2,0.5,-1.5,100",
    "AAPL,2024-06-06,1,2,3,1.5,100",
    "AAPL,2024-06-07, 1 ,2,0.5,1.5,nan",
    "AAPL,not a date,1,2,0.5,1.5,100",
    ",2024-06-05,1,2,0.5,1.5,100",
    "007,2024-06-05,1,2,0.5,1.5,100",
    "AAPL,2024-06-03,1,2,0.5,1.6,100",
    "AAPL,2024-06-05,inf,2,0.5,1.5,100",
    "  AAPL ,2024-06-10,1,2,0.5,1.5,100",
]
CAREFUL = [
    "AAPL,2024-06-05,$1,2,0.5,1.5,100",
    'AAPL,2024-06-05,"1",2,0.5,1.5,"1,000"',
    "AAPL,2024-06-05,1,2,0.5",
    "",
    ",,,,,,",
    "AAPL,2024-06-05,1,2,0.5,-,100",
]


def read_both(path, monkeypatch, **options):
    found = []
    for largest in (0, 2**60):
        monkeypatch.setattr(tables, "_LARGE", largest)
        found.append(read_bars_file(path, **options))
    return found


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(st.sampled_from(SOUND + ODD + CAREFUL), max_size=8),
    ending=st.sampled_from(["\n", "\r\n"]),
    last=st.booleans(),
)
def test_both_ways_of_reading_agree(tmp_path_factory, lines, ending, last):
    """Rows, lines, reasons and texts, whatever stands in the file."""
    path = tmp_path_factory.mktemp("files") / "bars.csv"
    text = ending.join([HEADER, SOUND[0], *lines]) + (ending if last else "")
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as monkeypatch:
        fast, careful = read_both(path, monkeypatch)
    assert_frame_equal(fast.rows, careful.rows)
    assert_frame_equal(fast.quarantined, careful.quarantined)
    assert_frame_equal(fast.actions, careful.actions)
    assert (fast.columns, fast.interval, fast.separator) == (
        careful.columns,
        careful.interval,
        careful.separator,
    )


@pytest.mark.parametrize("line", CAREFUL)
def test_what_needs_care_is_left_to_it(line):
    data = "\n".join([HEADER, *SOUND, line, SOUND[2]]).encode()
    numbers = {"Open", "High", "Low", "Close", "Volume"}
    assert table_from_plain_text(PlainText(data=data), lambda _: numbers, name="bars.csv") is None
    sound = "\n".join([HEADER, *SOUND]).encode()
    table = table_from_plain_text(PlainText(data=sound), lambda _: numbers, name="bars.csv")
    assert table.lines.tolist() == [2, 3, 4]
    assert table.row_texts(np.array([2, 0])) == [SOUND[2], SOUND[0]]


def test_a_file_that_changes_while_it_is_read_is_not_told_wrong(tmp_path):
    path = tmp_path / "bars.csv"
    path.write_text("\n".join([HEADER, *SOUND]))
    text = PlainText.of_file(path)
    assert text.lines(np.array([0])) == [SOUND[0]]
    path.write_text("\n".join([HEADER, SOUND[1], *SOUND]))
    numbers = {"Open", "High", "Low", "Close", "Volume"}
    assert table_from_plain_text(text, lambda _: numbers, name="bars.csv") is None
    with pytest.raises(DataFormatError, match="was changed while it was read; load it again"):
        text.lines(np.array([0]))


@pytest.mark.parametrize("kind", ["plain", "packed", "pipe"])
def test_large_files_of_every_kind_give_the_same_rows(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(tables, "_LARGE", 0)
    written = "\n".join([HEADER, *SOUND, ODD[0], ODD[4]]).encode()
    path = tmp_path / ("bars.csv.gz" if kind == "packed" else "bars.csv")
    if kind == "pipe":
        os.mkfifo(path)
        threading.Thread(target=path.write_bytes, args=[written]).start()
    else:
        path.write_bytes(gzip.compress(written) if kind == "packed" else written)
    parsed = read_bars_file(path)
    assert len(parsed) == 3
    assert parsed.quarantined["text"].tolist() == [ODD[0], ODD[4]]
    assert parsed.quarantined["line"].tolist() == [5, 6]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("Symbol;Date;Open;High;Low;Close\nA;2024-06-03;1,5;2,0;1,0;1,5\n", {}),
        ("Date\tOpen\tHigh\tLow\tClose\n2024-06-03\t1\t2\t1\t1.5\n", {"symbol": "A"}),
        ("Date,Open,High,Low,Close\n1717372800,1,2,1,1.5\n", {"symbol": "A"}),
        ("Date,Open,High,Low,Close\n2024-06-03,1,2,1,1.5 \u20ac\n", {"symbol": "A"}),
        (
            "Tag,Auf,Hoch,Tief,Zu\n2024-06-03,1.500,2.000,1.000,1.500\n",
            {
                "symbol": "A",
                "columns": {
                    "Tag": "time",
                    "Auf": "open:1.234,56",
                    "Hoch": "high:1.234,56",
                    "Tief": "low:1.234,56",
                    "Zu": "close:1.234,56",
                },
            },
        ),
    ],
)
def test_other_ways_to_write_a_file_are_read_alike(tmp_path, monkeypatch, text, options):
    path = tmp_path / "bars.csv"
    path.write_text(text, encoding="utf-8")
    fast, careful = read_both(path, monkeypatch, **options)
    assert_frame_equal(fast.rows, careful.rows)
    assert_frame_equal(fast.quarantined, careful.quarantined)
    assert len(fast.rows) + len(fast.quarantined) == 1
    assert fast.encoding == careful.encoding


def bars(**changes):
    times = pd.date_range("2024-06-03", periods=3, tz="UTC", unit="us")
    prices = {"open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5, "volume": 10.0, "vwap": np.nan}
    frame = pd.DataFrame({"symbol": pd.array(["A", "A", "B"], dtype="str"), "time": times, **prices})
    for name, values in changes.items():
        frame[name] = values
    return frame


prices = st.sampled_from([1.0, 0.4, 2.1, 0.0, -1.0, np.nan, np.inf, 1e9, 2e9])


@settings(max_examples=150, deadline=None)
@given(
    column=st.sampled_from(["open", "high", "low", "close", "volume", "vwap", "symbol", "time"]),
    values=st.lists(prices, min_size=3, max_size=3),
    symbols=st.lists(
        st.sampled_from(["A", "B", " ", None, "C\x00", "SPY   999999C00450000"]), min_size=3, max_size=3
    ),
    days=st.lists(st.sampled_from([0, 1, 2, None]), min_size=3, max_size=3),
)
def test_bars_that_are_found_sound_at_once_keep_every_rule(column, values, symbols, days):
    """What the short look lets pass, the rules let pass too."""
    from workbench.market import schemas

    changed = {"symbol": pd.array(symbols, dtype="str")} if column == "symbol" else {column: values}
    if column == "time":
        origin = pd.Timestamp("2024-06-03", tz="UTC")
        changed = {
            "time": pd.DatetimeIndex(
                [pd.NaT if day is None else origin + pd.Timedelta(days=day) for day in days], tz="UTC"
            ).as_unit("us")
        }
    frame = bars(**changed)
    quick = check_bars(frame)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(schemas, "are_sound", lambda *_, **__: False)
        careful = check_bars(frame)
    assert_frame_equal(quick.good, careful.good)
    assert_frame_equal(quick.bad, careful.bad)


def test_most_frames_are_found_sound_at_once():
    limits = {"largest_price": 1e9, "largest_volume": 1e15}
    assert are_sound(as_table(bars()), **limits)
    assert are_sound(as_table(bars(volume=np.nan, vwap=1.0)), **limits)
    assert not are_sound(as_table(bars(symbol=["B", "A", "B"]).iloc[[0, 0, 1]]), **limits)
    assert not are_sound(as_table(bars(high=[2.0, 1.0, 2.0])), **limits)

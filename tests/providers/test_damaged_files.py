"""Whatever a file holds, it is loaded, quarantined or refused in a sentence; nothing else comes out."""

import random
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.errors import WorkbenchError
from workbench.providers import read_bars_file, read_chain_file, read_fills_file

BARS = b"symbol,time,open,high,low,close,volume\nSPY,2021-01-04,1,2,1,2,5\nSPY,2021-01-05,1,2,1,2,5\n"
CHAIN = (
    b"underlying,quote_date,expiration,strike,option_type,bid,ask\n"
    b"SPY,2021-01-04,2021-01-29,345.0,put,2.7,2.8\nSPY,2021-01-04,2021-01-29,350.0,call,2.7,2.8\n"
)
FILLS = (
    b"time,symbol,side,quantity,price,expiration,strike,right\n"
    b"2021-01-04,SPY,buy,5,369,,,\n2021-01-04T15:00Z,SPY,sell,5,2.7,2021-01-29,345,put\n"
)
KINDS = [(read_bars_file, BARS), (read_chain_file, CHAIN), (read_fills_file, FILLS)]
# Bytes that mean something to a reader of CSV, of numbers or of dates.
SCRAPS = [
    b",", b'"', b"\n", b"\r", b"\t", b";", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"-", b".", b"1e999",
    b"NaN", b"99999999999999999999", b"0000-00-00", b"inf", b"'", b"\xe9", b"O:", b"2021-13-45", b"", b" ",
    b"\x1f\x8b", b"12/13/14", b"24:00", b"T25:61Z", b"\xc3\xa9", b"1,234", b"%",
]  # fmt: skip


@pytest.mark.parametrize("read, sound", KINDS, ids=["bars", "chain", "fills"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), hits=st.integers(1, 6))
def test_a_damaged_file_is_loaded_told_or_refused(tmp_path, read, sound, seed, hits):
    choose = random.Random(seed)
    data = sound
    for _ in range(hits):
        at, cut = choose.randrange(len(data) + 1), choose.choice([0, 0, 1, 5])
        data = data[:at] + choose.choice(SCRAPS) + data[at + cut :]
    path = tmp_path / "damaged.csv"
    path.write_bytes(data)
    try:
        parsed = read(path)
    except WorkbenchError as refusal:
        assert "\n" not in str(refusal)
    else:
        assert parsed.rows["symbol"].notna().all()
        assert parsed.quarantined["reason"].str.len().gt(0).all()


@pytest.mark.parametrize("read, sound", KINDS, ids=["bars", "chain", "fills"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200))
def test_noise_is_refused_or_told(tmp_path, read, sound, data):
    path = tmp_path / "noise.csv"
    path.write_bytes(sound[: len(data) % 80] + data)
    with suppress(WorkbenchError):
        read(path)


def test_a_device_that_never_ends_is_refused():
    with pytest.raises(WorkbenchError, match="device"):
        read_bars_file(Path("/dev/zero"))

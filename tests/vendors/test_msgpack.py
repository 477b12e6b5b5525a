"""MessagePack against the bytes that its specification gives for each format."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.vendors.msgpack import Instant, MessagePackError, decode, encode

# Value and bytes, by the tables of the specification: the first byte names the format.
PUBLISHED = [
    (None, "c0"),
    (False, "c2"),
    (True, "c3"),
    (0, "00"),
    (127, "7f"),
    (128, "cc80"),
    (255, "ccff"),
    (256, "cd0100"),
    (65535, "cdffff"),
    (65536, "ce00010000"),
    (2**32, "cf0000000100000000"),
    (2**64 - 1, "cfffffffffffffffff"),
    (-1, "ff"),
    (-32, "e0"),
    (-33, "d0df"),
    (-128, "d080"),
    (-129, "d1ff7f"),
    (-32769, "d2ffff7fff"),
    (-(2**31) - 1, "d3ffffffff7fffffff"),
    (1.5, "cb3ff8000000000000"),
    (-0.1, "cbbfb999999999999a"),
    ("", "a0"),
    ("a", "a161"),
    ("é", "a2c3a9"),
    ("x" * 31, "bf" + "78" * 31),
    ("x" * 32, "d920" + "78" * 32),
    ("x" * 256, "da0100" + "78" * 256),
    ("x" * 65536, "db00010000" + "78" * 65536),
    (b"", "c400"),
    (b"\x01", "c40101"),
    (b"x" * 256, "c50100" + "78" * 256),
    ([], "90"),
    ([1, "a"], "9201a161"),
    ([0] * 16, "dc0010" + "00" * 16),
    ([0] * 65536, "dd00010000" + "00" * 65536),
    ({}, "80"),
    ({"a": 1}, "81a16101"),
    (
        {str(n): 0 for n in range(10, 26)},
        "de0010" + "".join(f"a2{str(n).encode().hex()}00" for n in range(10, 26)),
    ),
    # The example on msgpack.org.
    ({"compact": True, "schema": 0}, "82a7636f6d70616374c3a6736368656d6100"),
    # timestamp 32, 64 and 96: extension type -1.
    (Instant(0), "d6ff00000000"),
    (Instant(1_000_000_000), "d6ff00000001"),
    (Instant(10_000_000_010), "d7ff000000280000000a"),
    (Instant((2**34 - 1) * 10**9 + 999_999_999), "d7ffee6b27ffffffffff"),
    (Instant(2**34 * 10**9), "c70cff000000000000000400000000"),
    (Instant(-1), "c70cff3b9ac9ffffffffffffffffff"),
]


@pytest.mark.parametrize(("value", "written"), PUBLISHED, ids=[text[:24] for _, text in PUBLISHED])
def test_the_published_formats_are_read_and_written(value, written):
    content = bytes.fromhex(written)
    assert decode(content) == value
    assert type(decode(content)) is type(value)
    assert encode(value) == content


def test_single_precision_and_longer_forms_than_needed_are_read():
    assert decode(bytes.fromhex("ca3fc00000")) == 1.5
    assert decode(bytes.fromhex("d900")) == ""
    assert decode(bytes.fromhex("cd0001")) == 1
    assert decode(bytes.fromhex("df00000001a16101")) == {"a": 1}
    assert math.isnan(decode(bytes.fromhex("cb7ff8000000000000")))


def test_extensions_of_others_stay_bytes():
    assert decode(bytes.fromhex("d40501")) == b"\x01"
    assert decode(bytes.fromhex("c70305010203")) == b"\x01\x02\x03"


@pytest.mark.parametrize(
    "written",
    ["", "c1", "a2", "a261", "92", "9201", "81a161", "cb00", "d9", "da01", "0000", "ddffffffff", "dfffffffff",
     "a1ff", "c701ff00", "8190c0", "91" * 100 + "c0"],
)  # fmt: skip
def test_what_is_no_messagepack_is_refused(written):
    with pytest.raises(MessagePackError):
        decode(bytes.fromhex(written))


@pytest.mark.parametrize("value", [object(), {1, 2}, 2**64, -(2**63) - 1, [[object()]], 1j])
def test_what_it_cannot_hold_is_refused(value):
    with pytest.raises(MessagePackError):
        encode(value)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text()
    | st.binary() | st.integers(-(2**62), 2**62).map(Instant),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)  # fmt: skip


@given(values)
def test_what_is_written_is_read_back(value):
    assert decode(encode(value)) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(content):
    try:
        decode(content)
    except MessagePackError as error:
        assert str(error)

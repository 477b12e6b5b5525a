"""Option symbols: the OCC's examples, the forms of vendors, and what does not fit."""

from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import ArgumentError
from workbench.market import (
    OptionContract,
    exercise_of_root,
    is_option_symbol,
    occ_symbols,
    parse_occ_symbol,
    underlying_of,
    underlying_of_root,
)

# Forms of one contract as the OCC, Polygon and dxFeed write it.
FORMS = [
    ("F", "2026-01-16", "C", "12.5", "F     260116C00012500", "O:F260116C00012500", ".F260116C12.5"),
    (
        "AAPL1",
        "2026-01-16",
        "P",
        "7.5",
        "AAPL1 260116P00007500",
        "O:AAPL1260116P00007500",
        ".AAPL1260116P7.5",
    ),
    ("SPXW", "2026-11-20", "P", "6850", "SPXW  261120P06850000", "O:SPXW261120P06850000", ".SPXW261120P6850"),
]

contracts = st.builds(
    OptionContract,
    root=st.from_regex(r"\A[A-Z][A-Z0-9]{0,5}\Z"),
    expiry=st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    right=st.sampled_from(["C", "P"]),
    strike=st.integers(1, 99_999_999).map(lambda thousandths: Decimal(thousandths) / 1000),
)


@pytest.mark.parametrize("root, expiry, right, strike, occ, polygon, dxfeed", FORMS)
def test_vendor_forms_are_one_contract(root, expiry, right, strike, occ, polygon, dxfeed):
    expiry = date.fromisoformat(expiry)
    contract = OptionContract(root, expiry, right, Decimal(strike))
    assert contract.occ_symbol == occ
    for text in (occ, occ.replace(" ", ""), polygon, dxfeed):
        read = parse_occ_symbol(text)
        assert (read.root, read.expiry, read.right, read.strike) == (root, expiry, right, Decimal(strike))


@given(contracts)
def test_a_symbol_read_back_is_the_contract(contract):
    symbol = contract.occ_symbol
    assert len(symbol) == 21
    read = parse_occ_symbol(symbol)
    assert (read.root, read.expiry, read.right, read.strike) == (
        contract.root,
        contract.expiry,
        contract.right,
        contract.strike,
    )


@given(st.lists(contracts, min_size=1, max_size=8))
def test_many_symbols_at_once_are_the_symbols_one_by_one(many):
    built = occ_symbols(
        [each.root for each in many],
        [each.expiry for each in many],
        [each.right for each in many],
        [float(each.strike) for each in many],
    )
    assert built.tolist() == [each.occ_symbol for each in many]


def test_rows_that_lack_a_term_have_no_symbol():
    built = occ_symbols(
        ["SPY", None, "SPY", "SPY", "spy", "SPY"],
        ["2021-01-29", "2021-01-29", None, "2021-01-29", "2021-01-29", "2021-01-29"],
        ["C", "C", "C", "X", "C", "C"],
        [345, 345, 345, 345, 345, np.nan],
    )
    assert built.tolist() == ["SPY   210129C00345000", None, None, None, None, None]


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("SPY", "no option symbol"),
        ("SPY   211317C00450000", "211317"),
        ("SPY   210917X00450000", "no option symbol"),
        ("TOOLONG210917C00450000", "no option symbol"),
        ("", "no option symbol"),
    ],
)
def test_text_that_is_no_option_symbol_is_refused(text, complaint):
    assert not is_option_symbol(text)
    with pytest.raises(ArgumentError, match=complaint):
        parse_occ_symbol(text)


@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"root": "spy"}, "`root` is 'spy'"),
        ({"right": "call"}, "`right` is 'call'"),
        ({"strike": Decimal("450.0005")}, "`strike` is 450.0005"),
        ({"strike": Decimal("100000")}, "`strike` is 100000"),
        ({"strike": 450.0}, "finite Decimal"),
        ({"multiplier": 0}, "`multiplier` is 0"),
        ({"exercise": "bermudan"}, "bermudan"),
    ],
)
def test_fields_that_cannot_stand_in_a_symbol_are_refused(change, complaint):
    fields = {"root": "SPY", "expiry": date(2021, 9, 17), "right": "C", "strike": Decimal("450")}
    with pytest.raises(ArgumentError, match=complaint):
        OptionContract(**fields | change)


def test_a_root_is_not_always_its_underlying():
    assert underlying_of("SPXW  210917C04450000") == "SPX"
    assert underlying_of("AAPL1 260116P00007500") == "AAPL"
    assert underlying_of("BRKB  261218P00450000") == "BRK.B"
    assert underlying_of("MSFT") == "MSFT"
    assert underlying_of_root("SPY") == "SPY"


def test_index_options_are_european_and_others_american():
    assert parse_occ_symbol("SPXW  210917C04450000").exercise == "european"
    assert parse_occ_symbol("SPY   210917C00450000").exercise == "american"
    assert exercise_of_root("OEX") == "american"  # the exception among indices


def test_a_contract_is_described_as_people_write_it():
    contract = OptionContract("AAPL", date(2013, 4, 20), "P", Decimal("430.000"))
    assert contract.description == "AAPL 20 Apr 13 430 P"
    assert contract.kind == "put"
    assert contract.underlying == "AAPL"
    assert parse_occ_symbol("F     260116C00012500").description == "F 16 Jan 26 12.5 C"
    assert parse_occ_symbol("SPY   210917C00450000").description.endswith("450 C")


@pytest.mark.parametrize(
    "padded, compact, dxfeed",
    [
        ("F     260116C00012500", "F260116C00012500", ".F260116C12.5"),
        ("AAPL1 260116P00007500", "AAPL1260116P00007500", ".AAPL1260116P7.5"),
        ("SPXW  261120P06850000", "SPXW261120P06850000", ".SPXW261120P6850"),
        ("XYZ   260116C00007250", "XYZ260116C00007250", ".XYZ260116C7.25"),
    ],
)
def test_a_symbol_goes_to_every_form_and_back(padded, compact, dxfeed):
    contract = parse_occ_symbol(padded)
    assert (contract.occ_symbol, contract.compact_symbol, contract.dxfeed_symbol) == (padded, compact, dxfeed)
    for text in (compact, dxfeed, "O:" + compact):
        assert parse_occ_symbol(text).occ_symbol == padded

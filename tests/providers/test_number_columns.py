"""Numbers as they are written in the world; what can mean two things is refused."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from workbench.errors import ArgumentError, DataFormatError
from workbench.providers.number_columns import number_style, read_decimals, read_numbers
from workbench.providers.tables import table_from_frame


def read(*values, beside=(), formats=None):
    columns = {"a": list(values)}
    if beside:
        columns["b"] = list(beside) + [None] * (len(values) - len(beside))
    table = table_from_frame(pd.DataFrame(columns))
    style = number_style(table, list(columns), formats or {})
    return read_numbers(table, "a", style)


@pytest.mark.parametrize(
    "written, meant",
    [
        (["1.5", "-2", "+3e2", ".5", "7."], [1.5, -2, 300, 0.5, 7]),
        (["1,234.50", "12"], [1234.5, 12]),
        (["1,234,567"], [1234567]),
        (["1.234,5", "12"], [1234.5, 12]),
        (["12,5", "1,234"], [12.5, 1.234]),
        (["0,123"], [0.123]),
        (["12,5", "1.234"], [12.5, 1234]),
        (["$1,234.50", "-€3.00"], [1234.5, -3]),
        (["1.234"], [1.234]),
    ],
)
def test_unambiguous_numbers_are_read(written, meant):
    values, unreadable = read(*written)
    assert_allclose(values, meant)
    assert not unreadable.any()


def test_another_column_may_say_what_a_comma_is():
    values, _ = read("1,234", "567", beside=["10.25"])
    assert values.tolist() == [1234, 567]
    values, _ = read("1,234", "567", beside=["10,25"])
    assert values.tolist() == [1.234, 567]


def test_a_comma_that_may_be_either_is_refused():
    with pytest.raises(DataFormatError, match="'1,234' of 'a' may be thousands or decimals"):
        read("1,234", "567")
    with pytest.raises(
        DataFormatError, match="some numbers with a decimal point and some with a decimal comma"
    ):
        read("12,5", "10.25")


def test_a_sample_number_settles_it():
    assert read("1,234", formats={"a": "1.234,56"})[0].tolist() == [1.234]
    assert read("1,234", formats={"a": "1,234.56"})[0].tolist() == [1234]
    with pytest.raises(ArgumentError, match="shows no decimal sign"):
        read("1,234", formats={"a": "1234"})


def test_what_is_no_number_is_told_apart_from_nothing():
    values, unreadable = read("1", "abc", None, "1.2.3", "12:30", "")
    assert_allclose(values, [1, np.nan, np.nan, np.nan, np.nan, np.nan])
    assert unreadable.tolist() == [False, True, False, True, True, False]


def test_typed_columns_are_taken_as_they_are():
    assert read(1, 2)[0].tolist() == [1, 2]
    assert read(Decimal("1.5"), Decimal("2"))[0].tolist() == [1.5, 2]
    assert_allclose(read(1.5, np.nan)[0], [1.5, np.nan])
    assert read(True, False)[1].tolist() == [True, True]


@given(st.lists(st.floats(-1e12, 1e12, allow_nan=False), min_size=1, max_size=20))
def test_any_number_survives_being_written(numbers):
    values, unreadable = read(*(repr(number) for number in numbers))
    assert values.tolist() == numbers
    assert not unreadable.any()


@given(st.lists(st.decimals(-(10**9), 10**9, places=2), min_size=1, max_size=20))
def test_money_written_in_the_european_way_is_exact(amounts):
    written = [f"{amount:,.2f}".translate(str.maketrans(",.", ".,")) for amount in amounts]
    table = table_from_frame(pd.DataFrame({"a": written}))
    values, unreadable = read_decimals(table, "a", number_style(table, ["a"], {}))
    assert values.tolist() == amounts
    assert not unreadable.any()


def test_decimals_of_floats_are_the_numbers_that_were_meant():
    table = table_from_frame(pd.DataFrame({"a": [0.1, np.nan, 2.0]}))
    values, _ = read_decimals(table, "a", number_style(table, ["a"], {}))
    assert values.tolist() == [Decimal("0.1"), None, Decimal("2.0")]


def test_per_cent_is_read_where_it_is_asked_for():
    table = table_from_frame(pd.DataFrame({"a": ["25.4%", "0.25", "1,025 %", "%", None]}))
    style = number_style(table, ["a"], {"a": "1,234.5"})
    values, unreadable = read_numbers(table, "a", style, percent=True)
    assert_allclose(values, [0.254, 0.25, 10.25, np.nan, np.nan])
    assert unreadable.tolist() == [False, False, False, True, False]
    assert read_numbers(table, "a", style)[1].tolist() == [True, False, True, True, False]

from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from workbench.arrays import (
    labels_of,
    require_finite,
    require_flags,
    require_non_negative,
    require_one_shape,
    require_positive,
    to_flags,
    to_floats,
)
from workbench.errors import PricingInputError, RiskInputError


@pytest.mark.parametrize(
    "missing",
    [[1.0, None], [1.0, np.nan], pd.Series([1.0, pd.NA], dtype="Float64"), [Decimal("1"), None], [1, pd.NaT]],
)
def test_every_kind_of_missing_value_becomes_nan(missing):
    assert_array_equal(to_floats("price", missing), [1.0, np.nan])


def test_decimals_integers_and_nullable_series_become_floats():
    assert to_floats("price", Decimal("4.25")) == 4.25
    assert to_floats("price", [1, 2]).dtype == np.float64
    assert_array_equal(to_floats("price", pd.Series([1, 2], dtype="Int64")), [1.0, 2.0])


@pytest.mark.parametrize("text", ["5", ["1", "2"], [1.0, "2"], pd.Series(["1"]), [1.0, 2j]])
def test_text_and_complex_numbers_are_never_read_as_numbers(text):
    with pytest.raises(PricingInputError, match=r"`price` is .*; give a number"):
        to_floats("price", text)


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        (np.array(["2020-01-01"], dtype="M8[D]"), "`years` is 2020-01-01 in row 0; give a number, in years"),
        (
            [1, date(2025, 1, 17)],
            r"`years` is datetime.date\(2025, 1, 17\) in row 1; give a number, in years",
        ),
        ([np.timedelta64(3, "D")], "`years` is 3 days in row 0"),
        ([object()], "`years` is <object .* in row 0; give a number"),
        ({"a": 1}, "`years` is {'a': 1}; give a number"),
    ],
)
def test_values_that_are_no_numbers_are_refused_with_their_row(odd, message):
    with pytest.raises(PricingInputError, match=message):
        to_floats("years", odd)


def test_what_lies_under_a_mask_is_missing():
    masked = np.ma.array([100.0, -7.0], mask=[False, True])
    assert_array_equal(to_floats("price", masked), [100.0, np.nan])
    assert type(to_floats("price", masked)) is np.ndarray
    assert_array_equal(to_floats("price", np.ma.array([[1, 2]])), [[1.0, 2.0]])


def test_rows_of_different_lengths_are_refused():
    with pytest.raises(PricingInputError, match="`price` is ragged; give rows of one length"):
        to_floats("price", [[1.0], [1.0, 2.0]])


def test_an_error_names_argument_value_row_and_remedy():
    with pytest.raises(
        PricingInputError, match=r"`volatility` is -0\.2 in row 1; give zero or more, as a fraction"
    ):
        require_non_negative(volatility=[0.2, -0.2])
    with pytest.raises(PricingInputError, match=r"`spot` is 0; give a number above zero"):
        require_positive(spot=0)
    with pytest.raises(PricingInputError, match=r"`spot` is -1 at position \(1, 0\)"):
        require_positive(spot=[[1.0, 2.0], [-1.0, 3.0]])


def test_infinite_numbers_are_refused_and_missing_ones_pass():
    with pytest.raises(PricingInputError, match="`rate` is inf in row 2; give a finite number"):
        require_finite(rate=[0.0, np.nan, np.inf])
    (rate,) = require_finite(rate=[0.0, np.nan])
    assert np.isnan(rate[1])


def test_the_caller_chooses_the_error():
    with pytest.raises(RiskInputError):
        require_positive(RiskInputError, spot=-1)


def test_flags_refuse_words_that_would_read_as_true():
    assert_array_equal(require_flags(is_call=[1, 0])[0], [True, False])
    with pytest.raises(PricingInputError, match=r"`is_call` is 'put'; give True or False"):
        require_flags(is_call="put")
    with pytest.raises(PricingInputError, match="`is_call` is 2 in row 1; give True or False"):
        require_flags(is_call=[1, 2])


@pytest.mark.parametrize(
    "flags",
    [
        [True, None, False],
        [1.0, np.nan, 0.0],
        pd.Series([True, pd.NA, False], dtype="boolean"),
        np.ma.array([True, True, False], mask=[False, True, False]),
    ],
)
def test_a_missing_flag_is_known_to_be_missing(flags):
    values, missing = to_flags("is_call", flags)
    assert_array_equal(values, [True, False, False])
    assert_array_equal(missing, [False, True, False])
    with pytest.raises(PricingInputError, match="`is_call` is nan in row 1; give True or False"):
        require_flags(is_call=flags)


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(PricingInputError, match=r"`spot` \(2,\), `strike` \(3,\); give arrays of one length"):
        require_one_shape(spot=np.ones(2), strike=np.ones(3), years=np.array(1.0))


def test_labels_come_off_and_go_back_on():
    strikes = pd.Series([90, 100], index=["a", "b"], name="strike")
    labels = labels_of(spot=100.0, strike=strikes)
    assert isinstance(labels.values["strike"], np.ndarray)
    back = labels.wrap(np.array([1.0, 2.0]), "price")
    pd.testing.assert_series_equal(back, pd.Series([1.0, 2.0], index=["a", "b"], name="price"))
    frame = pd.DataFrame([[1.0, 2.0]], index=["x"], columns=["a", "b"])
    back = labels_of(volatility=frame, strike=strikes).wrap(np.array([[3.0, 4.0]]))
    pd.testing.assert_frame_equal(back, frame + 2)


def test_without_labels_arrays_stay_arrays_and_scalars_scalars():
    labels = labels_of(spot=100.0, strike=[90, 100])
    assert type(labels.wrap(np.array([1.0, 2.0]))) is np.ndarray
    assert type(labels.wrap(np.array(1.0))) is np.float64
    assert type(labels_of(spot=pd.Series([1.0])).wrap(np.zeros((2, 3)))) is np.ndarray


def test_a_series_beside_a_frame_goes_along_its_rows_or_its_columns():
    frame = pd.DataFrame(np.zeros((2, 3)), index=["near", "far"], columns=[90, 100, 110])
    rows, columns = pd.Series([1.0, 2.0], index=frame.index), pd.Series([1, 2, 3], index=frame.columns)
    labels = labels_of(volatility=frame, years=rows, strike=columns)
    assert labels.values["years"].shape == (2, 1)
    assert labels.values["strike"].shape == (3,)


def test_labels_that_differ_are_refused_with_the_way_out():
    one, other = pd.Series([1.0, 2.0], index=["a", "b"]), pd.Series([1.0, 2.0], index=["b", "a"])
    with pytest.raises(
        RiskInputError,
        match=r"`strike` has another index than `spot`; align them first, as in strike\.reindex",
    ):
        labels_of(RiskInputError, spot=one, strike=other)
    with pytest.raises(PricingInputError, match="another index"):
        labels_of(spot=one.to_frame(), strike=other.to_frame())
    with pytest.raises(PricingInputError, match="another index"):
        labels_of(spot=one.to_frame(), strike=other)


def test_a_number_too_large_for_a_double_is_refused():
    with pytest.raises(PricingInputError, match="`spot` holds values that are not numbers"):
        to_floats("spot", [10**400])

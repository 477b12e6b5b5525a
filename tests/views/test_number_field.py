"""Numbers as people type them: what cannot be used is said in place, and the last good number stays."""

import pytest

from workbench.errors import PricingInputError
from workbench.views.calculator_parts import dividends_of
from workbench.views.number_field import NumberField, read_number, typed
from workbench.views.options_calculator import Calculator


@pytest.mark.parametrize(
    ("text", "number"),
    [("645.57", 645.57), ("1,234.5", 1234.5), ("−2", -2.0), (" 20 % ", 20.0), ("1e3", 1000.0),
     ("645,5", None), ("abc", None), ("", None), ("nan", None), ("1e999", None)],
)  # fmt: skip
def test_numbers_are_read_as_people_type_them(text, number):
    assert read_number(text) == number


def test_a_number_is_written_so_that_it_can_be_typed_again():
    assert [typed(each, 4) for each in (645.0, 22.29041, -0.17, 1e6)] == [
        "645",
        "22.2904",
        "-0.17",
        "1000000",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("-5", "Spot must lie between 0.01 and 1,000 $; it stays at 100."),
     ("", "No number was given; Spot stays at 100."),
     ("1e12", "Spot must lie between 0.01 and 1,000 $; it stays at 100."),
     ("12,5", "“12,5” is no number, decimals take a point; Spot stays at 100."),
     ("<b>", "“<b>” is no number; Spot stays at 100.")],
)  # fmt: skip
def test_what_cannot_be_used_is_said_and_changes_nothing(text, sentence):
    taken, answered = [], []
    field = NumberField(
        "Spot", "$", value=100.0, bounds=(0.01, 1000.0), changed=taken.append,
        answered=lambda: answered.append(1), slider=(50.0, 150.0, 0.5),
    )  # fmt: skip
    field.input.value = text if text else " "
    assert field.problem == sentence and "<b>" not in field._said.object
    assert taken == [] and answered == [1] and field.slider.value == 100.0
    field.input.value = "200"
    assert field.problem == "" and taken == [200.0]
    assert field.slider.value == 200.0 and field.slider.end == 200.0


def test_a_slider_writes_its_number_and_takes_an_error_away():
    taken = []
    field = NumberField(
        "Spot", "$", value=100.0, bounds=(0.01, 1000.0), changed=taken.append, slider=(50.0, 150.0, 0.5)
    )
    field.input.value = "abc"
    field.slider.value = 120.5
    assert taken == [120.5] and field.input.value == "120.5" and field.problem == ""


def test_dividends_are_read_in_days_and_refused_with_an_example():
    assert dividends_of(" 73: 0.82, 146:0.9 ") == [(0.2, 0.82), (0.4, 0.9)]
    assert dividends_of("") == []
    for text in ("30", "x: 1", "30: ", "30: -1"):
        with pytest.raises(PricingInputError, match="dividend"):
            dividends_of(text)


def test_a_price_finds_the_volatility_that_gives_it_or_says_why_not():
    calculator = Calculator(spot=42.0, strike=40.0, days=182.5, volatility_percent=50.0, rate_percent=10.0)
    calculator.__panel__()
    calculator._asked.value = "4.759422"
    assert calculator.volatility_percent == pytest.approx(20.0, abs=1e-4)  # Hull
    assert "20.00 % a year gives 4.7594 $" in calculator._asked_words.object
    calculator._asked.value = "1"
    assert "no volatility gives it" in calculator._asked_words.object
    assert calculator.volatility_percent == pytest.approx(20.0, abs=1e-4)


def test_cash_dividends_lower_an_american_call_and_are_named():
    calculator = Calculator(spot=100.0, strike=100.0, days=180.0, model="american")
    calculator.__panel__()
    before = calculator.figures()["price"]
    calculator._cash.value = "30: 2"
    assert calculator.figures()["price"] < before - 0.5
    assert "cash dividends, spot model" in calculator._results.object
    calculator._cash.value = "30: x"
    assert "is no dividend" in calculator._cash_words.object
    calculator.model = "black_scholes"
    assert "phi" in calculator.figures(), "European options take a yield alone"

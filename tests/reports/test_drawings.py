"""Pictures as inline SVG: nothing is lost, nothing from outside runs, text can be read on its ground."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from workbench.reports import drawings
from workbench.reports.numbers import money, percent, points, shock, written


def series(values, start="2012-06-01"):
    return pd.Series(values, index=pd.bdate_range(start, periods=len(values), tz="UTC"), dtype="float64")


def test_numbers_have_true_minus_signs_groups_and_dashes():
    assert [written(-1234.56), written(1234.56, 2), written(5, signed=True), written(0, signed=True)] == [
        "−1,235", "1,234.56", "+5", "0",
    ]  # fmt: skip
    assert [written(None), written(np.nan), written("x"), money(None), percent(np.inf)] == ["–"] * 5
    assert [money(-7898.4), percent(0.0248, 2), points(-0.04), points(0.005), shock(-0.1), shock(0.025)] == [
        "$7,898", "2.48 %", "−4 pt", "+0.5 pt", "−10 %", "+2.5 %",
    ]  # fmt: skip


def test_a_rounded_zero_has_no_sign():
    assert written(-0.4) == "0"
    assert written(0.4, signed=True) == "0"


def test_every_picture_is_well_formed_and_summed_up():
    pictures = [
        drawings.waterfall([("AAPL", -5.0), ("IBM", 3.0)], summary="P&L"),
        drawings.price_line(
            series(np.linspace(400, 500, 64)), [drawings.Level(450, "−5 × 450 call")], summary="s"
        ),
        drawings.equity_over_drawdown(series(np.linspace(1, 2, 900)), summary="s"),
        drawings.sparkline(series([1.0, 2.0, 1.5])),
    ]
    for picture in pictures:
        root = ET.fromstring(str(picture))
        assert root.tag == "svg"
        assert root.get("aria-label") or root.get("aria-hidden")


@pytest.mark.parametrize(
    "values", [[5.0, 5.0, 5.0], [100.0, 1.0], [0.01, 0.02, 0.03], [1e9, 2e9], [430.0, 430.0]]
)
def test_flat_tiny_and_huge_series_can_be_drawn(values):
    for picture in (drawings.price_line(series(values)), drawings.equity_over_drawdown(series(values))):
        assert "nan" not in picture
        assert "inf" not in picture


def test_losses_are_hatched_gains_are_not():
    picture = drawings.waterfall([("AAPL", -5.0), ("IBM", 3.0)])
    assert picture.count("url(#loss-hatch)") == 1
    assert picture.count(f'fill="{drawings.GAIN}"') == 1


def test_names_are_escaped():
    picture = drawings.waterfall([("<script>", 1.0)], summary='"><script>')
    assert "<script" not in picture


def test_far_strikes_do_not_flatten_the_line():
    closes = series(np.linspace(95, 105, 60))
    picture = drawings.price_line(closes, [drawings.Level(300, "far"), drawings.Level(100, "near")])
    assert "near" in picture
    assert "far" not in picture


def test_labels_keep_apart():
    levels = [drawings.Level(100 + number / 10, f"L{number}") for number in range(6)]
    picture = drawings.price_line(series(np.linspace(95, 105, 60)), levels)
    places = sorted(float(y) for y in re.findall(r'y="([\d.]+)"[^>]*>L\d<', picture))
    assert np.diff(places).min() > 13


def test_thinning_keeps_every_extreme():
    generator = np.random.default_rng(1)
    values = generator.normal(size=5000).cumsum() + 500
    kept = drawings._thinned(values, 420)
    assert len(kept) < 900
    assert values[kept].min() == values.min()
    assert values[kept].max() == values.max()
    assert kept[0] == 0
    assert kept[-1] == 4999


def test_ticks_are_round_and_inside():
    assert drawings.nice_ticks(421, 458, 5) == [430.0, 440.0, 450.0]
    assert drawings.nice_ticks(0, 1, 4) == [0.0, 0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("share", np.linspace(-1, 1, 21))
def test_the_text_of_every_cell_can_be_read_on_its_ground(share):
    fill, ink = drawings.cell_colours(float(share), 1.0)
    assert drawings._contrast(fill, ink) >= 4.5


def test_zero_is_in_the_middle_of_the_colours():
    assert drawings.cell_colours(0.0, 10.0)[0] == drawings.DIVERGING[5]
    assert drawings.cell_colours(-10.0, 10.0)[0] == drawings.DIVERGING[0]
    assert drawings.cell_colours(0.0, 0.0)[0] == drawings.DIVERGING[5]

"""The look's own rules: contrast, colours that stay apart, figures that change their dress in the browser."""

import re

import numpy as np
import pytest
from bokeh.models import Axis, LinearAxis, Rect
from bokeh.plotting import figure

from workbench.plots import DARK, LIGHT, apply_theme, css_variables, paint, say, summary_of
from workbench.plots.theme import contrast, on_card, readable_ink, when_narrow

THEMES = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)


def test_contrast_of_black_and_white_is_21_as_wcag_defines():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.478, abs=1e-3)  # WebAIM's checker says 4.48


@THEMES
@pytest.mark.parametrize(
    "token", ["ink", "ink2", "ink3", "gain", "loss", "warn", "breach", "modelled", "stale"]
)
def test_text_can_be_read_on_a_card(theme, token):
    assert contrast(theme[token], theme["surface"]) >= 4.5


@THEMES
@pytest.mark.parametrize("token", ["gain", "loss", "warn", "breach", "modelled", "stale"])
def test_text_can_be_read_on_its_own_tint(theme, token):
    assert contrast(theme[token], theme[f"{token}-tint"]) >= 4.5


@THEMES
def test_borders_of_controls_and_axes_can_be_seen(theme):
    assert contrast(theme["line-strong"], theme["surface"]) >= 3


@THEMES
def test_every_number_of_a_heatmap_can_be_read(theme):
    for fill in theme.diverging:
        assert contrast(readable_ink(fill), fill) >= 4.8


def oklab(colour: str) -> np.ndarray:
    """Björn Ottosson (2020), A perceptual color space for image processing."""
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return lab_of(linear)


def lab_of(linear: np.ndarray) -> np.ndarray:
    lms = np.cbrt(
        np.array(
            [
                [0.4122214708, 0.5363325363, 0.0514459929],
                [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005],
            ]
        )
        @ linear
    )
    return (
        np.array(
            [
                [0.2104542553, 0.7936177850, -0.0040720468],
                [1.9779984951, -2.4285922050, 0.4505937099],
                [0.0259040371, 0.7827717662, -0.8086757660],
            ]
        )
        @ lms
    )


# Machado, Oliveira and Fernandes (2009), severity 1.0, for linear RGB.
SIMULATIONS = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


@THEMES
@pytest.mark.parametrize("eyes", SIMULATIONS)
def test_gain_and_loss_stay_apart_for_every_eye(theme, eyes):
    seen = []
    for token in ("gain", "loss"):
        rgb = np.array([int(theme[token][i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        seen.append(lab_of(np.clip(np.array(SIMULATIONS[eyes]) @ linear, 0, 1)))
    assert np.linalg.norm(seen[0] - seen[1]) >= 0.15
    assert np.linalg.norm(oklab(theme["gain"]) - oklab(theme["loss"])) >= 0.2


@THEMES
def test_both_themes_name_the_same_tokens(theme):
    assert theme.tokens.keys() == LIGHT.tokens.keys()
    assert all(re.fullmatch("#[0-9A-F]{6}", colour) for colour in theme.tokens.values())
    assert len(theme.diverging) == 11 and len(theme.series) == 5


def test_the_style_sheet_follows_the_reader_and_the_readers_choice():
    css = css_variables()
    assert css.count(f"--wb-ink:{LIGHT['ink']}") == 2 and css.count(f"--wb-ink:{DARK['ink']}") == 2
    assert "prefers-color-scheme:dark" in css and '[data-wb-theme="dark"]' in css


def drawn():
    plot = figure()
    line = plot.line([1, 2], [3, 4])
    paint(line.glyph, line_color="loss")
    return plot, line.glyph


@pytest.mark.parametrize("dark", [False, True])
def test_a_figure_is_dressed_throughout(dark):
    plot, line = drawn()
    theme = DARK if dark else LIGHT
    apply_theme(plot, dark=dark)
    assert plot.background_fill_color == theme["surface"]
    assert plot.toolbar_location is None and plot.outline_line_color is None
    assert line.line_color == theme["loss"]
    for axis in plot.select({"type": Axis}):
        assert axis.major_label_text_color == theme["ink2"]
        assert axis.major_label_text_font_size == "11px" and axis.minor_tick_line_color is None


def test_a_browser_can_undress_a_figure_by_the_names_it_remembers():
    """Each coloured property says its token in the model's tags: what a page's script reads."""
    plot, line = drawn()
    apply_theme(plot)
    assert line.tags == [{"workbench": {"line_color": "loss"}}]
    axis = plot.select_one({"type": LinearAxis, "id": plot.xaxis[0].id})
    assert axis.tags[0]["workbench"]["axis_line_color"] == "line-strong"
    apply_theme(plot, dark=True)
    assert line.line_color == DARK["loss"]


def test_colours_of_cells_come_from_the_column_of_the_theme():
    glyph = paint(Rect(), fill_color="field:fill")
    plot, _ = drawn()
    plot.add_glyph(glyph)
    apply_theme(plot, dark=True)
    assert glyph.fill_color.field == "fill_dark"


def test_tags_of_different_meaning_do_not_wipe_each_other():
    plot, line = drawn()
    say(plot, "One sentence.")
    when_narrow(plot, height=200)
    apply_theme(plot)
    say(plot, "Another one.")
    assert summary_of(plot) == "Another one."
    assert {"workbench-narrow": {"height": 200}} in plot.tags
    assert summary_of(line) == ""


@pytest.mark.parametrize("dark", [False, True])
def test_a_figure_on_a_card_lets_the_card_show_through(dark):
    plot, line = drawn()
    on_card(plot, dark=dark)
    assert plot.background_fill_color is None and plot.border_fill_color is None
    assert line.line_color == (DARK if dark else LIGHT)["loss"]

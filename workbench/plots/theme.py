"""The tokens of the look, light and dark, and the one function that dresses a Bokeh figure in them.

Colours are named by what they mean. A model's tag remembers which token each of its properties took, so a
page can change every figure between light and dark in the browser, without asking the kernel.
"""

from dataclasses import dataclass
from typing import Any

FONT = '-apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", Arial, sans-serif'
TAG = "workbench"
NARROW_TAG = "workbench-narrow"
NO_COLOUR = "none"


@dataclass(frozen=True, slots=True)
class Theme:
    """One set of colours.

    `tokens` by name, `diverging` from loss to gain, `series` for up to five lines, `levels` from low to high.
    """

    name: str
    tokens: dict[str, str]
    diverging: tuple[str, ...]
    series: tuple[str, ...]
    levels: tuple[str, ...]

    def __getitem__(self, token: str) -> str:
        return self.tokens[token]


def _hex(codes: str) -> tuple[str, ...]:
    return tuple(f"#{code}" for code in codes.split())


_NAMES = (
    *("page", "surface", "sunken", "line", "line-strong", "grid", "ink", "ink2", "ink3"),
    *("gain", "gain-tint", "loss", "loss-tint", "warn", "warn-tint", "breach", "breach-tint"),
    *("critical", "critical-fill", "critical-band", "modelled", "modelled-tint", "stale", "stale-tint"),
)

LIGHT = Theme(
    "light",
    dict(
        zip(
            _NAMES,
            _hex(
                "F4F6F8 FFFFFF EBEEF2 D9DFE6 7C8896 E6EAEE 17212B 455261 5F6D7C 1567AE DCEBF8 B0480A FBE6D6 "
                "8A5A00 FFF0C2 BE1E37 FBD9DD FFFFFF 5B0A2E E9B3C4 6A45A8 F0EAFA 4F5C6A E6E9ED"
            ),
            strict=True,
        )
    ),
    _hex("833B02 AE5517 D27C4A E8AB89 F5D7C7 F1F1EF CAE1F8 8FC0EF 509BDE 1D76BC 07558E"),
    _hex("17212B 0B7A75 B87F1A 7A2B63 7C8896"),
    _hex("E7FAF5 BEE3DB 98CCC1 74B4A9 549B91 3A827A 266862 1A4F4B 143735"),
)

DARK = Theme(
    "dark",
    dict(
        zip(
            _NAMES,
            _hex(
                "0E1318 161C23 1F2730 2C3641 708092 232C35 E8EDF2 B4BFCA 8E9BA9 6DB3F2 14304A F79A5B 432512 "
                "F2C14E 3A2E0C FF7B8A 4A1822 2A0414 FF9CC0 6B2545 BBA2F5 2A2142 8E9BA9 232B34"
            ),
            strict=True,
        )
    ),
    _hex("F9A779 DE844F 8F4C23 6B3818 4A2D1D 2A3037 20374E 1C4B73 276499 56A4EB 80C4FF"),
    _hex("E8EDF2 2FA79D E0B650 F0A6D2 708092"),
    _hex("082C2D 054343 065A59 17726F 2F8A84 4DA29A 6EB9B0 92D0C6 B8E6DD"),
)


def theme_of(dark: bool) -> Theme:
    """Return the dark theme or the light one."""
    return DARK if dark else LIGHT


def css_variables() -> str:
    """Return the tokens as CSS: light, dark by the reader's preference, and either when the page says so."""
    light, dark = (_declarations(theme) for theme in (LIGHT, DARK))
    return (
        f":root{{color-scheme:light;{light}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{color-scheme:dark;{dark}}}}}\n"
        f':root[data-wb-theme="light"]{{color-scheme:light;{light}}}\n'
        f':root[data-wb-theme="dark"]{{color-scheme:dark;{dark}}}\n'
    )


def _declarations(theme: Theme) -> str:
    tokens = {**theme.tokens, **{f"series-{i}": colour for i, colour in enumerate(theme.series, start=1)}}
    # The names of the two themes are set apart by weight and ink, so the page needs no script to mark one.
    for name in ("light", "dark"):
        tokens[f"weight-{name}"] = "650" if name == theme.name else "400"
        tokens[f"colour-{name}"] = theme["ink" if name == theme.name else "ink2"]
    return "".join(f"--wb-{name}:{value};" for name, value in tokens.items())


def paint(model: Any, **roles: str) -> Any:
    """Say which token each colour property of a Bokeh model takes; `apply_theme` puts the colours in.

    Parameters
    ----------
    model : bokeh.model.Model
        Any model with colour properties.
    **roles : str
        Property name to token, as in ``line_color="ink"``. ``"field:NAME"`` reads the colours from the
        columns ``NAME_light`` and ``NAME_dark`` of the glyph's data.

    Returns
    -------
    The same model.
    """
    kept = [tag for tag in model.tags if not (isinstance(tag, dict) and TAG in tag)]
    model.tags = [*kept, {TAG: {**_roles(model), **roles}}]
    return model


def on_card(figure: Any, *, dark: bool = False) -> Any:
    """Let the card behind a figure show through it; return the figure.

    Between device pixels a canvas keeps a trace of the colour that it was painted in before.
    """
    paint(figure, background_fill_color=NO_COLOUR, border_fill_color=NO_COLOUR)
    return apply_theme(figure, dark=dark)


def when_narrow(model: Any, **values: Any) -> Any:
    """Give properties of a Bokeh model another value on pages as narrow as a telephone; return the model."""
    kept = [tag for tag in model.tags if not (isinstance(tag, dict) and NARROW_TAG in tag)]
    model.tags = [*kept, {NARROW_TAG: values}]
    return model


def _roles(model: Any) -> dict[str, str]:
    for tag in model.tags:
        if isinstance(tag, dict) and TAG in tag:
            return dict(tag[TAG])
    return {}


def apply_theme(figure: Any, *, dark: bool = False) -> Any:
    """Dress a figure, and everything in it, in the tokens of the look.

    Walks the figure's models: document themes do not hold in Voila and in panes.

    Parameters
    ----------
    figure : bokeh.plotting.figure or bokeh.models.LayoutDOM
        Changed in place.
    dark : bool
        The dark tokens instead of the light ones.

    Returns
    -------
    The same figure.
    """
    theme = theme_of(dark)
    for model in figure.references():
        _set_plain_values(model)
        roles = {**_default_roles(model), **_roles(model)}
        if not roles:
            continue
        paint(model, **roles)
        for name, token in roles.items():
            if token == NO_COLOUR:
                setattr(model, name, None)
            elif token.startswith("field:"):
                setattr(model, name, {"field": f"{token.removeprefix('field:')}_{theme.name}"})
            else:
                setattr(model, name, theme[token] if token in theme.tokens else _series(theme, token))
    return figure


def _series(theme: Theme, token: str) -> str:
    return theme.series[int(token.removeprefix("series-")) - 1]


def _default_roles(model: Any) -> dict[str, str]:
    from bokeh.models import Axis, Grid, Plot

    if isinstance(model, Plot):
        return {"background_fill_color": "surface", "border_fill_color": "surface"}
    if isinstance(model, Axis):
        return {
            "axis_line_color": "line-strong",
            "major_tick_line_color": "line-strong",
            "major_label_text_color": "ink2",
            "axis_label_text_color": "ink2",
        }
    if isinstance(model, Grid):
        return {"grid_line_color": "grid"}
    return {}


def _set_plain_values(model: Any) -> None:
    """Set what is the same in light and dark: fonts, ticks, margins."""
    from bokeh.core.properties import value
    from bokeh.models import Axis, Plot, Text

    if isinstance(model, Plot):
        model.outline_line_color = None
        model.toolbar_location = None
        model.min_border = 4
    elif isinstance(model, Axis):
        model.minor_tick_line_color = None
        model.major_tick_in = 0
        model.major_tick_out = 4
        model.major_label_text_font = model.axis_label_text_font = FONT
        model.major_label_text_font_size = model.axis_label_text_font_size = "11px"
        model.axis_label_text_font_style = "normal"
        model.axis_label_standoff = 6
    elif isinstance(model, Text):
        # A plain string would be taken for the name of a column.
        model.text_font = value(FONT)


def blank_figure(**options: Any) -> Any:
    """Return an empty Bokeh figure as wide as its place, without tools; the pictures begin with it."""
    from bokeh.plotting import figure

    return figure(tools="", sizing_mode="stretch_width", **options)


def say(figure: Any, sentence: str) -> Any:
    """Give a figure its one-sentence summary, for readers who do not see it; return the figure."""
    kept = [tag for tag in figure.tags if not (isinstance(tag, dict) and "summary" in tag)]
    figure.tags = [*kept, {"summary": sentence}]
    return figure


def summary_of(figure: Any) -> str:
    """Return the sentence that `say` gave to a figure; empty if none."""
    for tag in figure.tags:
        if isinstance(tag, dict) and "summary" in tag:
            return str(tag["summary"])
    return ""


def contrast(first: str, second: str) -> float:
    """Return the WCAG 2.1 contrast ratio of two ``#rrggbb`` colours, 1 to 21."""
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


def readable_ink(fill: str) -> str:
    """Return light or dark ink, whichever contrasts more with the fill."""
    inks = (LIGHT["ink"], LIGHT["surface"])
    return max(inks, key=lambda ink: contrast(ink, fill))


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

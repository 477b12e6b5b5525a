"""What several pictures carry: the line of the spot, words at a curve, and columns that grow and shrink."""

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from workbench.plots.numbers import written
from workbench.plots.theme import paint

SPOT, SPOT_WORDS = "spot", "spot_words"
LABEL_PIXELS = "11px"
FIELDS = ("align", "baseline", "dx", "dy")
# Bokeh walks the whole document for each name, 25 ms on a full page; a slider asks for a dozen of them.
_FOUND: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()


def part_of(plot: Any, name: str) -> Any:
    """Return the part of a figure that has this name, found once; None where there is none yet."""
    found = _FOUND.setdefault(plot, {})
    if name not in found:
        part = plot.select_one({"name": name})
        if part is None:
            return None
        found[name] = part
    return found[name]


def mark_spot(plot: Any, spot: float, *, digits: int = 2, level: str = "spot") -> None:
    """Draw a vertical line at the spot, or move it there, with its price at the top.

    Parameters
    ----------
    plot : bokeh.plotting.figure
        Its y_range must be a `Range1d` that is already set: the words stand at its end.
    spot : float
        Price of the underlying.
    digits : int
        Digits after the point.
    level : str
        What the price is called: spot or forward.
    """
    from bokeh.models.annotations import Span

    words = spot_words(spot, digits, level=level)
    line = part_of(plot, SPOT)
    if line is None:
        line = Span(location=spot, dimension="height", line_width=1, name=SPOT)
        plot.add_layout(paint(line, line_color="ink2"))
        curve_words(plot, SPOT_WORDS, "ink", x_offset=5, y_offset=1, text_baseline="top")
    line.location = spot
    put_words(plot, SPOT_WORDS, [spot], [plot.y_range.end], [words])


def spot_words(spot: float, digits: int = 2, *, level: str = "spot") -> str:
    """Return what stands at the line of the spot."""
    return f"{level} {written(spot, digits)}"


def curve_words(plot: Any, name: str, ink: str, **options: Any) -> Any:
    """Add an empty set of words, to be put beside curves with `put_words`; return its renderer."""
    from bokeh.models import ColumnDataSource

    # An option of the words that is no plain value names a column, which `put_words` is given too.
    fields: dict[str, list[Any]] = {name: [] for name in FIELDS if name in options.values()}
    made = plot.text(
        "x",
        "y",
        text="text",
        text_font_size=LABEL_PIXELS,
        source=ColumnDataSource({"x": [], "y": [], "text": [], **fields}),
        name=name,
        # Words of an overlay are not cut at the frame: while a picture changes they leave marks outside it.
        level="glyph",
        **options,
    )
    paint(made.glyph, text_color=ink)
    return made


def put_words(plot: Any, name: str, x: Any, y: Any, text: Sequence[str], **more: Any) -> None:
    """Put words at places of the picture; `more` are further columns of their glyph."""
    put(plot, name, x=list(x), y=list(y), text=list(text), **more)


def put(plot: Any, name: str, **columns: Any) -> None:
    """Give the renderer of that name new columns, all at once."""
    part_of(plot, name).data_source.data = columns


def set_range(axis_range: Any, start: float, end: float) -> None:
    """Set both ends of a range in one message to the browser; resetting leads back here."""
    axis_range.update(start=start, end=end, reset_start=start, reset_end=end)

"""Pictures of a report as inline SVG: frames in, markup out, in the tokens of the look; names are escaped."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from workbench.reports.numbers import finite, written

INK, INK2, LINE, LINE_STRONG, GRID = "#17212B", "#455261", "#D9DFE6", "#7C8896", "#E6EAEE"
GAIN, LOSS, LOSS_TINT = "#1567AE", "#B0480A", "#FBE6D6"
DIVERGING = (
    "#833B02", "#AE5517", "#D27C4A", "#E8AB89", "#F5D7C7", "#F1F1EF",
    "#CAE1F8", "#8FC0EF", "#509BDE", "#1D76BC", "#07558E",
)  # fmt: skip
_HATCH = (
    '<pattern id="{id}" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="6" height="6" fill="{fill}"/><line x1="0" y1="0" x2="0" y2="6" stroke="{stroke}" '
    'stroke-width="1.4"/></pattern>'
)


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal mark beside a price line, such as a strike that the book holds."""

    value: float
    label: str


def waterfall(steps: Sequence[tuple[str, float]], *, width: int = 326, summary: str = "") -> Markup:
    """Draw how parts add up to a total, from zero, losses hatched.

    Parameters
    ----------
    steps : sequence of (name, amount)
        In drawing order; the total is drawn beneath them.
    """
    top = 6
    step = min(44, max(24, 200 // (len(steps) + 1)))
    ends = list(accumulate(amount for _, amount in steps))
    starts = [end - amount for end, (_, amount) in zip(ends, steps, strict=True)]
    total = ends[-1] if ends else 0.0
    low, high = min(0.0, *starts, *ends), max(0.0, *starts, *ends)
    left, right = 82.0, width - 66.0
    span = (high - low) or 1.0

    def x(value: Any) -> float:
        return float(left + (value - low) / span * (right - left))

    height = top * 2 + step * (len(steps) + 1)
    parts = [_HATCH.format(id="loss-hatch", fill=LOSS, stroke="#F5D7C7")]
    rows = [*zip([name for name, _ in steps], starts, ends, strict=True), ("Total", 0.0, total)]
    for number, (name, start, end) in enumerate(rows):
        y = top + step * number
        is_total = number == len(rows) - 1
        from_x, to_x = sorted((x(start), x(end)))
        fill = INK if is_total else (GAIN if end >= start else "url(#loss-hatch)")
        parts.append(_text(left - 10, y + step / 2 + 4, name, anchor="end", fill=INK if is_total else INK2))
        parts.append(
            f'<rect x="{from_x:.1f}" y="{y + step / 2 - 9:.1f}" width="{max(to_x - from_x, 1):.1f}" '
            f'height="18" fill="{fill}"/>'
        )
        if not is_total:
            below = x(end)
            parts.append(_line(below, y + step / 2 + 9, below, y + step * 1.5 - 9, LINE_STRONG, 1))
        parts.append(_text(to_x + 6, y + step / 2 + 4, written(end - start, signed=True), fill=INK))
    parts.append(_line(x(0.0), 2, x(0.0), height - 2, INK, 1.5))
    return _svg(parts, width, height, summary)


def price_line(
    closes: "pd.Series[float]",
    levels: Sequence[Level] = (),
    *,
    width: int = 326,
    height: int = 216,
    summary: str = "",
) -> Markup:
    """Draw recent closes with the last one marked, and levels at the right edge.

    Levels further than a quarter of the last close from it are left out: they would flatten the line.
    """
    values = closes.to_numpy("float64")
    last = float(values[-1])
    near = [level for level in levels if abs(level.value / last - 1) <= 0.25]
    seen = [*values.tolist(), *(level.value for level in near)]
    low, high = min(seen), max(seen)
    room = (high - low) * 0.07
    low, high = low - room, high + room
    ticks = nice_ticks(low, high, 5)
    left, right, top, bottom = 44.0, width - (112.0 if near else 8.0), 8.0, height - 24.0

    def y(value: Any) -> float:
        return float(bottom - (value - low) / ((high - low) or 1.0) * (bottom - top))

    xs = np.linspace(left, right, len(values))
    digits = 0 if float(ticks[0]).is_integer() and ticks[-1] - ticks[0] >= 4 else 2
    parts = []
    for tick in ticks:
        parts.append(_line(left, y(tick), right, y(tick), GRID, 1))
        parts.append(_text(left - 8, y(tick) + 4, written(tick, digits), anchor="end"))
    parts += _months(pd.DatetimeIndex(closes.index), xs, bottom + 4, right)
    parts.append(_path(xs, [y(value) for value in values], INK, 2.2))
    parts.append(f'<circle cx="{right:.1f}" cy="{y(last):.1f}" r="3.6" fill="{INK}"/>')
    for level, place in zip(near, _spread([y(level.value) for level in near], 14, top, bottom), strict=True):
        parts.append(_line(right + 1, y(level.value), right + 11, place, LINE_STRONG, 1.5))
        parts.append(_text(right + 16, place + 4, level.label, fill=INK))
    falling = len(values) > 4 and values[-1] < values[-5]
    parts.append(
        _text(
            right - 6, y(last) + (16 if falling else -9), written(last, 2), anchor="end", fill=INK, halo=True
        )
    )
    return _svg(parts, width, height, summary)


def equity_over_drawdown(
    equity: "pd.Series[float]", *, width: int = 688, height: int = 232, summary: str = ""
) -> Markup:
    """Draw an equity curve above its fall from the highest value until then, on one time axis."""
    values = equity.to_numpy("float64")
    fall = values / np.maximum.accumulate(values) - 1
    picks = _thinned(values, 420)
    times = pd.DatetimeIndex(equity.index)
    days = np.asarray((times - times[0]) / pd.Timedelta(days=1), dtype="float64")
    left, right = 62.0, width - 62.0
    scale = (right - left) / (float(days[-1]) or 1.0)
    xs = left + days * scale
    ticks = nice_ticks(float(values.min()), float(values.max()), 4)
    low, high = min(float(values.min()), ticks[0]), max(float(values.max()), ticks[-1])
    top, middle, base, bottom = 8.0, 140.0, 152.0, height - 22.0
    deepest = float(fall.min()) or -0.01

    def y(value: Any) -> float:
        return float(middle - (value - low) / ((high - low) or 1.0) * (middle - top))

    def z(value: Any) -> float:
        return float(base + value / deepest * (bottom - base))

    parts = [_HATCH.format(id="fall-hatch", fill=LOSS_TINT, stroke="#E8AB89")]
    for tick in ticks:
        parts.append(_line(left, y(tick), right, y(tick), GRID, 1))
        parts.append(_text(left - 8, y(tick) + 4, written(tick), anchor="end"))
    for value in (0.0, deepest):
        parts.append(_text(left - 8, z(value) + 4, f"{written(value * 100)} %", anchor="end"))
    area = [(xs[i], z(fall[i])) for i in picks]
    ring = " ".join(f"{a:.1f},{b:.1f}" for a, b in [(xs[0], base), *area, (xs[-1], base)])
    parts.append(f'<polygon points="{ring}" fill="url(#fall-hatch)" stroke="none"/>')
    parts.append(_path([a for a, _ in area], [b for _, b in area], LOSS, 1.2))
    parts.append(_line(left, base, right, base, LINE_STRONG, 1))
    parts.append(_path([xs[i] for i in picks], [y(values[i]) for i in picks], INK, 1.8))
    parts.append(f'<circle cx="{right:.1f}" cy="{y(values[-1]):.1f}" r="3" fill="{INK}"/>')
    parts.append(_text(right + 8, y(values[-1]) + 4, written(values[-1]), fill=INK))
    parts.append(_text(right + 8, (base + bottom) / 2 + 4, "drawdown", fill=LOSS))
    years = range(times[0].year + 1, times[-1].year + 1)
    skip = max(1, len(years) // 8)
    for year in list(years)[::skip]:
        place = left + (pd.Timestamp(year, 1, 1, tz=times.tz) - times[0]) / (times[-1] - times[0]) * (
            right - left
        )
        parts.append(_line(place, bottom, place, bottom + 4, LINE_STRONG, 1))
        parts.append(_text(place, bottom + 17, str(year), anchor="middle"))
    return _svg(parts, width, height, summary)


def sparkline(closes: "pd.Series[float]", *, width: int = 84, height: int = 20) -> Markup:
    """Draw recent closes small enough for a table's cell, the last one marked."""
    values = closes.to_numpy("float64")
    span = float(values.max() - values.min()) or 1.0
    xs = np.linspace(2, width - 4, len(values))
    ys = height - 3 - (values - values.min()) / span * (height - 6)
    parts = [_path(xs, ys, INK2, 1.2), f'<circle cx="{xs[-1]:.1f}" cy="{ys[-1]:.1f}" r="1.8" fill="{INK}"/>']
    return _svg(parts, width, height, "")


def cell_colours(value: float, largest: float) -> tuple[str, str]:
    """Return background and text colour of a heatmap's cell, on a range symmetric about zero."""
    share = value / largest if largest else 0.0
    fill = DIVERGING[int(np.clip(round(5 + 5 * share), 0, 10))]
    return fill, max((INK, "#FFFFFF"), key=lambda ink: _contrast(ink, fill))


def nice_ticks(low: float, high: float, count: int) -> list[float]:
    """Return about `count` round numbers, evenly spaced, that lie within the range."""
    span = (high - low) or max(abs(high), 1.0) / 10
    raw = span / count
    size = 10.0 ** np.floor(np.log10(raw))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= raw * (1 - 1e-9))
    first = np.ceil(low / step - 1e-9) * step
    ticks = [
        float(round(first + step * number, 10)) for number in range(int((high - first) / step + 1e-9) + 1)
    ]
    return ticks or [float(low)]


def _months(times: pd.DatetimeIndex, xs: Any, y: float, right: float) -> list[str]:
    """Mark the first session of each month, every other one where they stand close."""
    firsts = [i for i in range(1, len(times)) if times[i].month != times[i - 1].month]
    if len(firsts) > 5:
        firsts = firsts[:: len(firsts) // 4]
    parts = []
    for i in firsts:
        parts.append(_line(xs[i], y - 4, xs[i], y, LINE_STRONG, 1))
        if xs[i] < right - 14:
            parts.append(_text(xs[i], y + 13, f"{times[i]:%b}"))
    return parts


def _thinned(values: Any, most: int) -> list[int]:
    """Return places to draw: the lowest and highest of each stretch, so that no extreme is lost."""
    if len(values) <= most:
        return list(range(len(values)))
    keep = {0, len(values) - 1}
    for stretch in np.array_split(np.arange(len(values)), most // 2):
        part = values[stretch]
        keep |= {int(stretch[int(np.argmin(part))]), int(stretch[int(np.argmax(part))])}
    return sorted(keep)


def _spread(places: list[float], gap: float, top: float, bottom: float) -> list[float]:
    """Move labels apart until they are `gap` from each other, each as near to its mark as that allows."""
    order = np.argsort(places)
    moved = np.array(places, dtype="float64")
    for earlier, later in pairwise(order):
        moved[later] = max(moved[later], moved[earlier] + gap)
    if len(moved) and (excess := moved.max() - bottom) > 0:
        moved[order[-1]] -= excess
        for later, earlier in pairwise(order[::-1]):
            moved[earlier] = min(moved[earlier], moved[later] - gap)
    return [float(max(place, top)) for place in moved]


def _contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours by WCAG 2."""

    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _svg(parts: Sequence[str], width: float, height: float, summary: str) -> Markup:
    # A picture whose figures stand in a table beside it needs no second reading aloud.
    spoken = f'role="img" aria-label="{escape(summary)}"' if summary else 'aria-hidden="true"'
    return Markup(  # noqa: S704 - names are escaped in _text and here
        f'<svg {spoken} width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f"{''.join(parts)}</svg>"
    )


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", fill: str = INK2, halo: bool = False
) -> str:
    outline = ' paint-order="stroke" stroke="#FFFFFF" stroke-width="4"' if halo else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}"{outline}>{escape(text)}</text>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, stroke: str, width: float) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{stroke}" stroke-width="{width}"/>'


def _path(xs: Any, ys: Any, stroke: str, width: float) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True) if finite(y) is not None)
    return (
        f'<polyline points="{points}" fill="none" stroke="{stroke}" stroke-width="{width}" '
        'stroke-linejoin="round" stroke-linecap="round"/>'
    )

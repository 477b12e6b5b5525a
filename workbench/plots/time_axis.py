"""A time axis without gaps: bars stand side by side, whatever days or hours lie between them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.plots.theme import when_narrow

MOST_TICKS, MOST_NARROW = 12, 5

Ticks = list[tuple[int, str]]


def time_ticks(times: pd.DatetimeIndex, *, most: int = MOST_TICKS) -> Ticks:
    """Return the places that an axis of bars names, with their words: where a new day, month or year begins.

    Parameters
    ----------
    times : DatetimeIndex
        When the bars begin, ascending, naive and in the zone that is shown.
    most : int
        Ticks at most; the finest division that keeps to it is taken.

    Returns
    -------
    list of (place, words)
        Empty where all bars belong together.
    """
    found: Ticks = []
    for keys, words in _divisions(times):
        begins = np.flatnonzero(keys[1:] != keys[:-1]) + 1
        if len(begins) > most:
            continue
        if len(begins) > len(found):
            found = [(int(place), words(times, int(place))) for place in begins]
        if found:
            break
    return found


def _divisions(
    times: pd.DatetimeIndex,
) -> Sequence[tuple[Any, Callable[[pd.DatetimeIndex, int], str]]]:
    """Return ways to divide time, from fine to coarse: a number for each bar, and how to name a beginning."""
    days = np.asarray(times.normalize().as_unit("s").asi8)
    seconds = np.asarray((times - times.normalize()).total_seconds())
    years = np.asarray(times.year)
    months = years * 12 + np.asarray(times.month)
    weeks = np.asarray(times.to_period("W-SUN").asi8) if len(times) else days
    within: list[tuple[Any, Callable[[pd.DatetimeIndex, int], str]]] = [
        (days + seconds // step, _clock_words) for step in (300, 900, 1800, 3600, 7200)
    ]
    finer = within if seconds.any() else []
    # Bars that all begin with a month are months.
    of_days = (
        [] if len(times) > 1 and bool((times.day == 1).all()) else [(days, _day_words), (weeks, _day_words)]
    )
    return [
        *finer,
        *of_days,
        (months, _month_words),
        (years * 4 + (months - 1) % 12 // 3, _month_words),
        (years, _year_words),
        (years // 5, _year_words),
    ]


def _clock_words(times: pd.DatetimeIndex, place: int) -> str:
    new_day = times[place].date() != times[place - 1].date()
    return _day_words(times, place) if new_day else f"{times[place]:%H:%M}"


def _day_words(times: pd.DatetimeIndex, place: int) -> str:
    return f"{times[place].day} {times[place]:%b}"


def _month_words(times: pd.DatetimeIndex, place: int) -> str:
    new_year = times[place].year != times[place - 1].year
    return f"{times[place]:%Y}" if new_year else f"{times[place]:%b}"


def _year_words(times: pd.DatetimeIndex, place: int) -> str:
    return f"{times[place]:%Y}"


def name_places(plot: Any, ticks: Ticks, narrow: Ticks) -> None:
    """Give the x-axis of a figure these ticks, and fewer on a page as narrow as a telephone."""
    from bokeh.models import FixedTicker

    ticker = FixedTicker(ticks=[place for place, _ in ticks], minor_ticks=[])
    when_narrow(ticker, ticks=[place for place, _ in narrow])
    for axis in plot.xaxis:
        axis.ticker = ticker
        axis.major_label_overrides = dict([*narrow, *ticks])
    for grid in plot.xgrid:
        grid.ticker = ticker


def spread(levels: Sequence[float], gap: float) -> list[float]:
    """Return levels moved apart so that neighbours differ by `gap` at least, each as little as can be.

    Levels that are not finite stay as they are.
    """
    places = [place for place in np.argsort(levels, kind="stable") if np.isfinite(levels[place])]
    moved = [float(level) for level in levels]
    # Neighbours too near to one another form a block, centred on the mean of its members.
    blocks: list[list[int]] = []
    for place in places:
        blocks.append([place])
        while len(blocks) > 1:
            low, high = blocks[-2], blocks[-1]
            top = np.mean([levels[each] for each in low]) + gap * (len(low) - 1) / 2
            bottom = np.mean([levels[each] for each in high]) - gap * (len(high) - 1) / 2
            if bottom - top >= gap:
                break
            blocks[-2:] = [low + high]
    for block in blocks:
        begin = float(np.mean([levels[each] for each in block])) - gap * (len(block) - 1) / 2
        for number, place in enumerate(block):
            moved[place] = begin + gap * number
    return moved

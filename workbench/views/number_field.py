"""A number to type or to slide: what cannot be used is said below it, and the last good number stays."""

import re
from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
import panel as pn

from workbench.plots import written
from workbench.views.styles import style

ASKS = "workbench-asks"  # how theme.js finds inputs whose answer it waits for
GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")


def read_number(text: str) -> float | None:
    """Read a number as people type it; None where it is none.

    Examples
    --------
    >>> read_number("1,234.5"), read_number("−2"), read_number("645,5")
    (1234.5, -2.0, None)
    """
    plain = text.strip().replace("−", "-").removesuffix("%").strip()
    if GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    try:
        number = float(plain)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def typed(number: float, digits: int) -> str:
    """Write a number so that it can be typed again: no grouping, no zeros that say nothing."""
    text = f"{number:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class NumberField(pn.viewable.Viewer):
    """A label, an input, a slider where there is one, and a line for what was wrong with the last input.

    Parameters
    ----------
    label, unit : str
        Words before the input; the unit stands after a comma.
    value : float
        To begin with.
    bounds : (float, float)
        Lowest and highest number that is taken.
    changed : callable
        Is given each new number.
    answered : callable
        Is called when an input has been dealt with, also one that was refused.
    slider : (float, float, float), optional
        Ends and step; the ends follow a number that is typed beyond them.
    digits : int
        Digits after the point that the input shows.
    whole : bool
        Only whole numbers are taken.
    """

    def __init__(
        self,
        label: str,
        unit: str,
        *,
        value: float,
        bounds: tuple[float, float],
        changed: Callable[[float], None],
        answered: Callable[[], None] = lambda: None,
        slider: tuple[float, float, float] | None = None,
        digits: int = 4,
        whole: bool = False,
    ) -> None:
        super().__init__()
        self.label, self.unit = label, unit
        self.value, self.bounds, self.problem = value, bounds, ""
        self._changed, self._answered = changed, answered
        self._digits, self._whole = digits, whole
        self._setting = False
        self.input = pn.widgets.TextInput(
            label=self.words,
            value=typed(value, digits),
            tags=[ASKS],
            stylesheets=[style("controls", "small_controls")],
            css_classes=["wb-number"] if slider else ["wb-number", "wb-few"],
            sizing_mode="stretch_width",
            margin=0,
        )
        self.input.param.watch(lambda event: self._typed(event.new), "value")
        self.slider: Any = None
        if slider is not None:
            self.slider = pn.widgets.FloatSlider(
                label=self.words,
                start=slider[0],
                end=slider[1],
                step=slider[2],
                value=value,
                show_value=False,
                stylesheets=[style("controls")],
                css_classes=["wb-heard"],
                sizing_mode="stretch_width",
                margin=0,
            )
            self.slider.param.watch(lambda event: self._slid(event.new), "value")
        self._said = pn.pane.HTML(
            "", stylesheets=[style("parts", "options")], sizing_mode="stretch_width", margin=0, visible=False
        )
        parts = [each for each in (self.input, self.slider, self._said) if each is not None]
        self._page = pn.Column(
            *parts,
            css_classes=["wb-field"],
            stylesheets=[style("layout", "options_layout")],
            sizing_mode="stretch_width",
            margin=0,
        )

    @property
    def words(self) -> str:
        """The label with its unit."""
        return f"{self.label}, {self.unit}" if self.unit else self.label

    def show_if(self, wanted: bool) -> None:
        """Show the field or hide it."""
        self._page.visible = wanted

    def rename(self, label: str) -> None:
        """Give the field another label."""
        self.label = label
        self.input.label = self.words
        if self.slider is not None:
            self.slider.label = self.words

    def put(self, value: float, slider: tuple[float, float, float] | None = None) -> None:
        """Show a number that came from elsewhere, and other ends of the slider."""
        self.value = value
        self._say("")
        self._setting = True
        try:
            self.input.value = typed(value, self._digits)
            if self.slider is not None:
                start, end, step = slider or (self.slider.start, self.slider.end, self.slider.step)
                self.slider.param.update(start=min(start, value), end=max(end, value), step=step, value=value)
        finally:
            self._setting = False

    def __panel__(self) -> Any:
        return self._page

    def _typed(self, text: str) -> None:
        if self._setting:
            return
        try:
            number = read_number(text)
            why = self._refused(text, number)
            self._say(why)
            if not why and number is not None and number != self.value:
                self.put(number)
                self._changed(number)
        finally:
            self._answered()

    def _slid(self, number: float) -> None:
        if self._setting or number == self.value:
            return
        low, high = self.bounds
        self.value = float(np.clip(number, low, high))
        self._say("")
        self._setting = True
        try:
            self.input.value = typed(self.value, self._digits)
        finally:
            self._setting = False
        self._changed(self.value)

    def _refused(self, text: str, number: float | None) -> str:
        value = typed(self.value, self._digits).replace("-", "−")
        if not text.strip():
            return f"No number was given; {self.label} stays at {value}."
        if number is None:
            hint = ", decimals take a point" if "," in text else ""
            return f"“{text.strip()[:24]}” is no number{hint}; {self.label} stays at {value}."
        low, high = self.bounds
        if not low <= number <= high:
            unit = f" {self.unit}" if self.unit else ""
            return f"{self.label} must lie between {_end(low)} and {_end(high)}{unit}; it stays at {value}."
        if self._whole and number != round(number):
            return f"{self.label} must be a whole number; it stays at {value}."
        return ""

    def _say(self, problem: str) -> None:
        self.problem = problem
        self._said.object = f'<p class="wb-wrong" role="alert">{escape(problem)}</p>' if problem else ""
        self._said.visible = bool(problem)


def _end(number: float) -> str:
    return written(number, 0 if number == round(number) else 2)

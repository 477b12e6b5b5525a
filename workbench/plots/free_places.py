"""Where words can stand in a picture of curves without touching a curve, a line or other words."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from workbench.arrays import FloatArray

# Of 11 px words in our fonts, and their distance from what they name.
LETTER, LINE, GAP = 5.9, 13.0, 3.0
# Words are placed for this width, between a telephone's picture and a desk's.
WIDTH = 320.0
BROAD = 560.0  # for words that a narrow page shortens
PLACES = np.linspace(0.05, 0.95, 37)
LIFTS = (0.0, 4.0, 9.0, 16.0)
SAMPLES = 9
OUTSIDE = 5  # words that leave the picture are worse than words on a curve
HATCHED = 0.3  # words on hatching are harder to read, by so much of the width


@dataclass
class Plane:
    """What stands in a picture: its ranges, its size in pixels, curves, and boxes that are taken.

    Attributes
    ----------
    left, right, bottom, top : float
        Ranges of both axes, in data.
    height, width : float
        Pixels inside the axes.
    curves : list of (x, y)
        Ascending x; drawn lines that words must not cross.
    taken : list of (left, right, bottom, top)
        In data.
    hatched : (x, y) or None
        The area between zero and a curve below it, where words are harder to read.
    """

    left: float
    right: float
    bottom: float
    top: float
    height: float
    width: float = WIDTH
    curves: list[tuple[FloatArray, FloatArray]] = field(default_factory=list)
    taken: list[tuple[float, float, float, float]] = field(default_factory=list)
    hatched: tuple[FloatArray, FloatArray] | None = None

    def size(self, text: str) -> tuple[float, float]:
        """Return how wide and tall words are, in data."""
        wide = LETTER * len(text) / self.width * (self.right - self.left)
        return wide, self.pixels(LINE)

    def pixels(self, count: float) -> float:
        """Return so many pixels up, in data."""
        return count / self.height * (self.top - self.bottom)

    def take_line(self, x: float) -> None:
        """Keep words off a vertical line."""
        room = 3.0 / self.width * (self.right - self.left)
        self.taken.append((x - room, x + room, self.bottom, self.top))

    def take(self, x: float, y: float, text: str, *, align: str = "center") -> None:
        """Keep words off other words, which stand centred upon `y`, and on `x` as `align` says."""
        wide, tall = self.size(text)
        left = {"left": x, "center": x - wide / 2, "right": x - wide}[align]
        self.taken.append((left, left + wide, y - tall / 2, y + tall / 2))

    def name(self, text: str, x: FloatArray, y: FloatArray, *, near: Sequence[float]) -> tuple[float, float]:
        """Return the middle of words that name a curve, and keep others off them.

        Parameters
        ----------
        text : str
            The words.
        x, y : ndarray
            The curve that they name; one of `curves`.
        near : sequence of float
            Places where the words are wanted; of places that are equally free the nearest is taken.
        """
        wide, tall = self.size(text)
        across, up = self._around(wide, tall)
        along = self.left + PLACES * (self.right - self.left)
        on_curve = np.interp(along, x, y, left=np.nan, right=np.nan)
        x_mid = (along[:, None] + across).ravel()
        y_mid = (on_curve[:, None] + up).ravel()
        known = np.isfinite(y_mid)
        if not known.any():
            return float(x[len(x) // 2]), float(np.nan_to_num(y[len(y) // 2]))
        x_mid, y_mid = x_mid[known], y_mid[known]
        boxes = np.stack([x_mid - wide / 2, x_mid + wide / 2, y_mid - tall / 2, y_mid + tall / 2])
        away = np.min([np.abs(x_mid - place) for place in near], axis=0) / (self.right - self.left)
        far = np.broadcast_to(np.abs(up), (len(PLACES), len(up))).ravel()[known] / (self.top - self.bottom)
        cost = 100.0 * self._touches(boxes) + away + far + self._roughness(x_mid, y_mid)
        best = int(np.argmin(cost))
        left, right, bottom, top = (float(edge) for edge in boxes[:, best])
        self.taken.append((left, right, bottom, top))
        return float(x_mid[best]), float(y_mid[best])

    def _around(self, wide: float, tall: float) -> tuple[FloatArray, FloatArray]:
        """Return from a point of a curve to the middle of its words: above, below, and beside it."""
        ups = [tall / 2 + self.pixels(GAP + lift) for lift in LIFTS]
        aside = wide / 2 + GAP / self.width * (self.right - self.left)
        across = np.array([0.0] * (2 * len(ups)) + [aside, -aside])
        return across, np.array([sign * up for up in ups for sign in (1, -1)] + [0.0, 0.0])

    def _roughness(self, x: FloatArray, y: FloatArray) -> FloatArray:
        if self.hatched is None:
            return np.zeros(len(x))
        return np.where((np.interp(x, *self.hatched) < y) & (y < 0), HATCHED, 0.0)

    def beside(self, text: str, x: float, y: float, *, left_first: bool) -> tuple[bool, bool]:
        """Say on which side of a mark its words stand, and keep others off them.

        Parameters
        ----------
        text : str
            The words; narrow pages show fewer.
        x, y : float
            The mark.
        left_first : bool
            Left is as good as right where both are free; above is better than below.

        Returns
        -------
        (bool, bool)
            Left of the mark, below it.
        """
        span = self.right - self.left
        wide, tall, away = LETTER * len(text) / BROAD * span, self.pixels(LINE), 9.0 / BROAD * span
        rise = self.pixels(7.0)
        found: list[tuple[float, bool, bool, tuple[float, float, float, float]]] = []
        for rank, (other, below) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
            left = left_first != bool(other)
            near = x - away - wide if left else x + away
            low = y - rise - tall if below else y + rise
            box = (near, near + wide, low, low + tall)
            touched = float(self._touches(np.array(box)[:, None])[0])
            found.append((touched + 0.2 * rank, left, bool(below), box))
        _, left, is_below, box = min(found)
        self.taken.append(box)
        return left, is_below

    def _touches(self, boxes: FloatArray) -> FloatArray:
        """Count what each box touches; boxes are columns of left, right, bottom and top."""
        left, right, bottom, top = boxes
        outside = (left < self.left) | (right > self.right) | (bottom < self.bottom) | (top > self.top)
        touched: FloatArray = OUTSIDE * outside.astype(float)
        for other in self.taken:
            touched += (left < other[1]) & (right > other[0]) & (bottom < other[3]) & (top > other[2])
        at = left + (right - left) * np.linspace(0.0, 1.0, SAMPLES)[:, None]
        room = self.pixels(1.0)
        for x, y in self.curves:
            inside = np.interp(at, x, y, left=np.nan, right=np.nan)
            low = np.where(np.isnan(inside), np.inf, inside).min(axis=0)
            high = np.where(np.isnan(inside), -np.inf, inside).max(axis=0)
            touched += (low < top + room) & (high > bottom - room)
        return touched

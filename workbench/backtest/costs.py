"""What trading costs, and the prices at which orders fill."""

from dataclasses import dataclass

import numpy as np

from workbench.errors import BacktestInputError


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of one fill; the defaults are on purpose not free.

    Parameters
    ----------
    fee : float
        Commission as a fraction of the fill's value (0.001 is ten basis points).
    fixed_fee : float
        Commission per fill in money, added to the former.
    slippage : float
        How much worse than the bar's price a fill is, as a fraction of that price.

    Raises
    ------
    BacktestInputError
        If one is negative, no number, or a fraction of one or more.
    """

    fee: float = 0.001
    fixed_fee: float = 0.0
    slippage: float = 0.0005

    def __post_init__(self) -> None:
        for name, limit in (("fee", 1.0), ("fixed_fee", np.inf), ("slippage", 1.0)):
            value = require_number(name, getattr(self, name))
            if not 0 <= value < limit:
                kind = "money per fill" if name == "fixed_fee" else "a fraction (0.001 is 0.1 %)"
                raise BacktestInputError(f"`{name}` is {value:g}; give zero or more, as {kind}.")


def require_number(name: str, value: object) -> float:
    """Return `value` as a float, or say that it is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise BacktestInputError(f"`{name}` is {value!r}; give a number.")
    if not np.isfinite(value):
        raise BacktestInputError(f"`{name}` is {float(value):g}; give a finite number.")
    return float(value)

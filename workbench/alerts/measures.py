"""What a rule may watch of the book: names, words and units, as the desk's headline shows them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of the book: what people call it, and the unit of a rule's value."""

    label: str
    unit: str


MEASURES = {
    "value": Measure("book value", "$"),
    "pnl": Measure("P&L since the first fill", "$"),
    "day_pnl": Measure("P&L of the last session", "$"),
    "dollar_delta": Measure("net dollar delta", "$"),
    "dollar_gamma": Measure("dollar gamma", "$ per 1 % move"),
    "vega": Measure("vega", "$ per volatility point"),
    "theta": Measure("theta", "$ per calendar day"),
    "var": Measure("value at risk", "$ of loss"),
    "es": Measure("expected shortfall", "$ of loss"),
    "worst_scenario": Measure("P&L in the worst scenario", "$"),
}

"""Indicators of bars and the conditions between them."""

from workbench.signals.conditions import crossed_above, crossed_below
from workbench.signals.moving_averages import ema, moving_average_crossover, sma
from workbench.signals.oscillators import rsi
from workbench.signals.ranges import BollingerBands, atr, bollinger_bands, true_range
from workbench.signals.registry import indicator

__all__ = [
    "BollingerBands",
    "atr",
    "bollinger_bands",
    "crossed_above",
    "crossed_below",
    "ema",
    "indicator",
    "moving_average_crossover",
    "rsi",
    "sma",
    "true_range",
]

"""Indicators of bars, the conditions between them, and the tone of headlines."""

from workbench.signals.conditions import crossed_above, crossed_below
from workbench.signals.moving_averages import ema, moving_average_crossover, sma
from workbench.signals.oscillators import rsi
from workbench.signals.ranges import BollingerBands, atr, bollinger_bands, true_range
from workbench.signals.registry import indicator
from workbench.signals.sentiment import (
    LexiconScorer,
    Scores,
    SentimentScorer,
    aggregate_sentiment,
    sentiment_labels,
)
from workbench.signals.sentiment_accuracy import AlwaysNeutral, labelled_headlines, sentiment_accuracy

__all__ = [
    "AlwaysNeutral",
    "BollingerBands",
    "LexiconScorer",
    "Scores",
    "SentimentScorer",
    "aggregate_sentiment",
    "atr",
    "bollinger_bands",
    "crossed_above",
    "crossed_below",
    "ema",
    "indicator",
    "labelled_headlines",
    "moving_average_crossover",
    "rsi",
    "sentiment_accuracy",
    "sentiment_labels",
    "sma",
    "true_range",
]

"""Positions from fills, their profit and loss, and their exposure."""

from workbench.portfolio.book import BOOK_COLUMNS, Legs, legs_of
from workbench.portfolio.exposure import book_greeks, leg_greeks, trader_units
from workbench.portfolio.lots import Lots, positions_from_fills
from workbench.portfolio.pnl import period_pnl
from workbench.portfolio.positions import value_positions

__all__ = [
    "BOOK_COLUMNS",
    "Legs",
    "Lots",
    "book_greeks",
    "leg_greeks",
    "legs_of",
    "period_pnl",
    "positions_from_fills",
    "trader_units",
    "value_positions",
]

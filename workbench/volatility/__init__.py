"""Realised volatility and modelled option chains."""

from workbench.volatility.modelled_chain import (
    ModelledSmile,
    ModelledSpread,
    listed_strikes,
    modelled_chain,
)
from workbench.volatility.realized import realized_volatility

__all__ = ["ModelledSmile", "ModelledSpread", "listed_strikes", "modelled_chain", "realized_volatility"]

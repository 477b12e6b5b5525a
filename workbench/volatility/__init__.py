"""The volatility surface, model-free and realised variance, ranks, densities, and modelled option chains."""

from workbench.volatility.density import RiskNeutralDensity, risk_neutral_density
from workbench.volatility.modelled_chain import (
    ModelledSmile,
    ModelledSpread,
    listed_strikes,
    modelled_chain,
)
from workbench.volatility.rank import iv_percentile, iv_rank
from workbench.volatility.realized import realized_volatility
from workbench.volatility.smile import Smile, smile_measures
from workbench.volatility.surface import VolatilitySurface
from workbench.volatility.surface_fit import fit_surface
from workbench.volatility.svi import SviSlice, prove_butterflies, prove_calendar, ssvi_slice
from workbench.volatility.svi_fit import SviFit, fit_svi
from workbench.volatility.term_structure import TermSlope, term_slope, term_structure
from workbench.volatility.variance import variance_swap_rate
from workbench.volatility.vix import VixIndex, VixTerm, vix_index, vix_term

__all__ = [
    "ModelledSmile",
    "ModelledSpread",
    "RiskNeutralDensity",
    "Smile",
    "SviFit",
    "SviSlice",
    "TermSlope",
    "VixIndex",
    "VixTerm",
    "VolatilitySurface",
    "fit_surface",
    "fit_svi",
    "iv_percentile",
    "iv_rank",
    "listed_strikes",
    "modelled_chain",
    "prove_butterflies",
    "prove_calendar",
    "realized_volatility",
    "risk_neutral_density",
    "smile_measures",
    "ssvi_slice",
    "term_slope",
    "term_structure",
    "variance_swap_rate",
    "vix_index",
    "vix_term",
]

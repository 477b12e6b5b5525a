"""Scenarios, value at risk and expected shortfall of a book."""

from workbench.risk.cornish_fisher import CornishFisherMeasure, cornish_fisher_var
from workbench.risk.coverage import CoverageResult, coverage_test
from workbench.risk.parametric import ParametricMeasure, parametric_var
from workbench.risk.scenarios import revalue, scenario_grid, stress_legs
from workbench.risk.value_at_risk import RiskMeasure, historical_var

__all__ = [
    "CornishFisherMeasure",
    "CoverageResult",
    "ParametricMeasure",
    "RiskMeasure",
    "cornish_fisher_var",
    "coverage_test",
    "historical_var",
    "parametric_var",
    "revalue",
    "scenario_grid",
    "stress_legs",
]

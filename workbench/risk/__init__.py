"""Scenarios, value at risk and expected shortfall of a book."""

from workbench.risk.scenarios import revalue, scenario_grid, stress_legs
from workbench.risk.value_at_risk import RiskMeasure, historical_var

__all__ = ["RiskMeasure", "historical_var", "revalue", "scenario_grid", "stress_legs"]

"""The one object that every face holds."""

from workbench.desk.clock import AsOf
from workbench.desk.desk import Desk
from workbench.desk.frames import DeskFrame, Headline, RiskResult, StressResult
from workbench.desk.option_structure import StructureResult
from workbench.desk.option_surface import SurfaceResult

__all__ = [
    "AsOf",
    "Desk",
    "DeskFrame",
    "Headline",
    "RiskResult",
    "StressResult",
    "StructureResult",
    "SurfaceResult",
]

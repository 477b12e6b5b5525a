"""Alert rules, their evaluation, and the messages they make."""

from workbench.alerts.evaluation import Evaluation, Facts, FailedRun, Firing, Observation, PriceFact, evaluate
from workbench.alerts.measures import MEASURES
from workbench.alerts.messages import alert_message, alert_messages
from workbench.alerts.rules import AlertRule

__all__ = [
    "MEASURES",
    "AlertRule",
    "Evaluation",
    "Facts",
    "FailedRun",
    "Firing",
    "Observation",
    "PriceFact",
    "alert_message",
    "alert_messages",
    "evaluate",
]

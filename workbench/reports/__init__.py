"""Reports: run a notebook, draw its page, write its workbook, publish all three; never given a Desk."""

from workbench.reports.html import render_morning_risk
from workbench.reports.morning_risk import MorningRisk, write_morning_risk
from workbench.reports.pdf import can_print, print_pdf
from workbench.reports.publish import publish_folder, write_index
from workbench.reports.workbook import Sheet, write_workbook

__all__ = [
    "MorningRisk",
    "Sheet",
    "can_print",
    "print_pdf",
    "publish_folder",
    "render_morning_risk",
    "write_index",
    "write_morning_risk",
    "write_workbook",
]

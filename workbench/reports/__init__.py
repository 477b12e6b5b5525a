"""Reports: run a notebook, draw its page, write its workbook, publish all three; never given a Desk."""

from workbench.reports.data_quality import data_quality_report
from workbench.reports.data_report import DataReport, Section, render_data_report, write_data_report
from workbench.reports.html import render_morning_risk
from workbench.reports.ingest_daily import ingest_daily_report
from workbench.reports.morning_risk import MorningRisk, write_morning_risk
from workbench.reports.pdf import can_print, print_pdf
from workbench.reports.publish import publish_folder, write_index
from workbench.reports.workbook import Sheet, write_workbook

__all__ = [
    "DataReport",
    "MorningRisk",
    "Section",
    "Sheet",
    "can_print",
    "data_quality_report",
    "ingest_daily_report",
    "print_pdf",
    "publish_folder",
    "render_data_report",
    "render_morning_risk",
    "write_data_report",
    "write_index",
    "write_morning_risk",
    "write_workbook",
]

"""How the desk is, and whether every part of it is there."""

from typing import TYPE_CHECKING

import click

from workbench.cli.options import DeskCommand, home_of, pass_desk

if TYPE_CHECKING:
    from workbench.desk import Desk

MARKS = {"ok": "ok", "missing": "missing", "broken": "broken", "optional": "optional"}


@click.command(cls=DeskCommand)
@pass_desk
def status(desk: "Desk") -> None:
    """Show store size, freshness of each table, last runs and alerts."""
    from workbench.cli.show import show_frame, show_pairs

    state = desk.status()
    show_pairs(
        [
            ("Desk", str(state.home), ""),
            ("Clock", state.as_of.note, ""),
            ("Lake", f"{state.lake_bytes / 1e6:,.1f}", "MB"),
            ("Ledger", f"{state.ledger_bytes / 1e6:,.1f}", "MB"),
            ("Worker", state.worker or "not running", ""),
            ("Open alerts", str(state.open_alerts), ""),
        ],
        title=f"{state.name}, version {state.version}",
    )
    show_frame(
        state.tables,
        {
            "table": ("Table", ""),
            "rows": ("Rows", ",.0f"),
            "first": ("First", ""),
            "last": ("Last", ""),
            "recorded_at": ("Written, UTC", ""),
        },
        title="Tables of the lake",
    )
    from workbench.cli.alerts import ALERT_COLUMNS
    from workbench.cli.pipelines import RUN_COLUMNS

    show_frame(state.runs, RUN_COLUMNS, title="Last runs")
    show_frame(state.alerts.head(5), ALERT_COLUMNS, title="Last alerts")


@click.command(cls=DeskCommand)
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Look at every part: one line each, ok or what to do."""
    from workbench.desk.health import examine

    checks = examine(home_of(ctx))
    width = max(len(check.part) for check in checks)
    for check in checks:
        line = f"{check.part:<{width}}  {MARKS[check.state]:<8}  {check.found}"
        click.echo(line + (f"  →  {check.remedy}" if check.remedy else ""))
    wrong = [check.part for check in checks if check.state in ("missing", "broken")]
    if wrong:
        click.echo(f"{len(wrong)} of {len(checks)} parts need attention: {', '.join(wrong)}.")
        ctx.exit(1)
    click.echo("Everything the desk needs is here.")

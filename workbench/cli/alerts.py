"""The alert inbox and the rules behind it."""

from typing import TYPE_CHECKING

import click

from workbench.cli.options import DeskGroup, pass_desk

if TYPE_CHECKING:
    from workbench.desk import Desk

ALERT_COLUMNS = {
    "raised_at": ("Raised, UTC", ""),
    "severity": ("Severity", ""),
    "title": ("Alert", ""),
    "acknowledged_at": ("Acknowledged", ""),
    "id": ("Id", ""),
}


@click.group(cls=DeskGroup)
def alerts() -> None:
    """Read and acknowledge alerts."""


@alerts.command("list")
@click.option("--open", "open_only", is_flag=True, help="Only those that nobody has acknowledged.")
@pass_desk
def list_alerts(desk: "Desk", open_only: bool) -> None:
    """Show the alert inbox, newest first."""
    from workbench.cli.show import show_frame

    show_frame(desk.alerts(open_only=open_only), ALERT_COLUMNS, title="Alerts")


@alerts.command("ack")
@click.argument("alert_id")
@click.option("--by", default="desk", show_default=True, help="Who has seen it.")
@pass_desk
def acknowledge(desk: "Desk", alert_id: str, by: str) -> None:
    """Mark an alert as seen."""
    desk.acknowledge(alert_id, by=by)
    click.echo(f"Acknowledged {alert_id}.")


@click.group(cls=DeskGroup)
def rules() -> None:
    """Keep alert rules and check them."""


@rules.command("add")
@click.argument("path", type=click.Path())
@pass_desk
def add_rule(desk: "Desk", path: str) -> None:
    """Keep the rule document in PATH (JSON)."""
    import json
    from pathlib import Path

    from workbench.errors import RuleError

    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RuleError(f"There is no file {path}; give the path of a JSON document.") from error
    except (ValueError, RecursionError) as error:
        raise RuleError(f"{path} is not JSON: {error}.") from error
    click.echo(f"Kept as {desk.save_rule(document)}.")


@rules.command("check")
@click.option("--as-of", help="Session date or instant.")
@pass_desk
def check(desk: "Desk", as_of: str | None) -> None:
    """Evaluate every enabled rule and raise what is new."""
    outcome = desk.check_rules(as_of)
    click.echo(f"{len(outcome)} new alert(s).")
    for sentence in outcome.unknown:
        click.echo(f"Not known: {sentence}")

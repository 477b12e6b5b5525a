"""Pipelines: run one, see the runs, keep the schedules."""

from typing import TYPE_CHECKING, Any

import click

from workbench.cli.options import ROWS, DeskCommand, home_of, pass_desk

if TYPE_CHECKING:
    from workbench.desk import Desk

RUN_COLUMNS = {
    "pipeline": ("Pipeline", ""),
    "status": ("Status", ""),
    "started_at": ("Started, UTC", ""),
    "finished_at": ("Finished, UTC", ""),
    "scheduled_for": ("Scheduled for, UTC", ""),
    "id": ("Run", ""),
    "error": ("Error", ""),
}


def _instant(_ctx: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    import pandas as pd

    try:
        if text is not None:
            pd.Timestamp(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no time, as in 2026-11-20T13:55Z.") from error
    return text


# Arguments of `Desk.run` itself.
NOT_PARAMETERS = ("self", "pipeline", "scheduled_for", "on_progress")


@click.command(cls=DeskCommand)
@click.argument("pipeline")
@click.option("-p", "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="May be repeated.")
@click.option("--scheduled-for", hidden=True, callback=_instant, help="Set by the worker.")
@pass_desk
@click.pass_context
def run(
    ctx: click.Context, desk: "Desk", pipeline: str, parameters: tuple[str, ...], scheduled_for: str | None
) -> None:
    """Run PIPELINE now, as in `workbench run morning_risk -p as_of=2013-02-28`."""
    from workbench.cli.show import progress_bar

    values = dict(_assignment(text) for text in parameters)
    with progress_bar() as progress:
        task = progress.add_task(f"Running {pipeline}", total=None)
        outcome = desk.run(
            pipeline,
            scheduled_for=scheduled_for,
            on_progress=lambda done, total, _title="": progress.update(task, completed=done, total=total),
            **values,
        )
    click.echo(f"{outcome.pipeline} {outcome.status}: run {outcome.id}")
    for name, value in outcome.outputs.items():
        if isinstance(value, str):
            click.echo(f"  {name}: {value}")
    if outcome.status != "succeeded":
        click.secho(f"Error: {outcome.error}", err=True)
        ctx.exit(1)


@click.command(cls=DeskCommand)
@click.option("--last", type=ROWS, default=20, show_default=True, help="How many rows.")
@pass_desk
def runs(desk: "Desk", last: int) -> None:
    """Show the latest pipeline runs and their outcome."""
    from workbench.cli.show import show_frame

    show_frame(desk.runs(limit=last), RUN_COLUMNS, title="Pipeline runs")


@click.command(cls=DeskCommand)
@click.option("--once", is_flag=True, help="Do what is due now, then stop.")
@click.pass_context
def worker(ctx: click.Context, once: bool) -> None:
    """Keep the pipelines' schedules and deliver alerts until stopped (Ctrl-C)."""
    from workbench.settings import home_folder
    from workbench.worker import run_worker

    home = home_folder(home_of(ctx))
    if not once:
        click.echo(f"Worker of {home}; stop it with Ctrl-C.")
    run_worker(home, once=once)


def _assignment(text: str) -> tuple[str, Any]:
    """Read NAME=VALUE; a value that reads as JSON is one, anything else is text."""
    import json

    name, separator, value = text.partition("=")
    if not separator or not name.isidentifier():
        raise click.BadParameter(f"{text!r} is not NAME=VALUE, as in as_of=2013-02-28.")
    if name in NOT_PARAMETERS:
        raise click.BadParameter(f"{name!r} is no parameter of a notebook; leave it out.")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value

"""Backup, restore and upkeep of the stores."""

from typing import TYPE_CHECKING

import click

from workbench.cli.options import DAYS, DeskCommand, home_of, pass_desk

if TYPE_CHECKING:
    from workbench.desk import Desk


@click.command(cls=DeskCommand)
@click.argument("archive", type=click.Path())
@click.pass_context
def backup(ctx: click.Context, archive: str) -> None:
    """Write the whole desk into one ARCHIVE file; others may go on working meanwhile."""
    from datetime import UTC, datetime
    from pathlib import Path

    from workbench.settings import home_folder
    from workbench.store import export_desk

    manifest = export_desk(home_folder(home_of(ctx)), Path(archive), datetime.now(UTC))
    size = Path(archive).stat().st_size / 1e6
    click.echo(f"{archive}: {len(manifest.files):,} files, {size:,.1f} MB.")


@click.command(cls=DeskCommand)
@click.argument("archive", type=click.Path())
@click.pass_context
def restore(ctx: click.Context, archive: str) -> None:
    """Make a desk from ARCHIVE in the folder of --home, which must be empty or new."""
    from pathlib import Path

    from workbench.settings import home_folder
    from workbench.store import restore_desk

    manifest = restore_desk(Path(archive), home_folder(home_of(ctx)))
    click.echo(f"Restored {len(manifest.files):,} files; every hash is equal.")


@click.command(cls=DeskCommand)
@click.option("--keep-days", type=DAYS, default=7, show_default=True, help="Snapshots kept.")
@pass_desk
def compact(desk: "Desk", keep_days: int) -> None:
    """Merge small files of the lake and let old snapshots go; what was believed before stays readable."""
    before, after = desk.compact(keep_days=keep_days)
    click.echo(f"{before:,} files before, {after:,} after.")

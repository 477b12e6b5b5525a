"""The command line's front door."""

import importlib
from typing import Any

import click

from workbench import __version__
from workbench.cli.options import DeskGroup, prepare_streams

# Command to the module that defines it: a command's module loads when it is used, so that --help is quick.
COMMANDS = {
    "demo": "demo",
    "status": "state",
    "doctor": "state",
    "ingest": "data",
    "load": "data",
    "bars": "data",
    "quarantine": "data",
    "data": "data_upkeep",
    "connect": "connect",
    "disconnect": "connect",
    "connections": "connect",
    "stream": "stream",
    "quotes": "stream",
    "replay": "stream",
    "news": "news",
    "earnings": "news",
    "book": "book",
    "greeks": "book",
    "stress": "book",
    "grid": "book",
    "var": "book",
    "price": "price",
    "chain": "chain",
    "backtest": "research",
    "alerts": "alerts",
    "rules": "alerts",
    "run": "pipelines",
    "runs": "pipelines",
    "worker": "pipelines",
    "serve": "serving",
    "lab": "serving",
    "password": "serving",
    "backup": "store",
    "restore": "store",
    "compact": "store",
}


class LazyGroup(DeskGroup):
    """A group that imports a command's module when the command is asked for."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command line on streams that can take every character."""
        prepare_streams()
        return super().main(*args, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of a user's first day."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by name, importing its module."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"workbench.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find a command; a wrong name gets the nearest ones."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=3) if args else []
            hint = f" Did you mean {', '.join(near)}?" if near else ""
            raise click.UsageError(f"{error.message}{hint}", ctx) from error


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="workbench")
def main() -> None:
    """Workbench: an options and equities desk in Jupyter.

    Start with `workbench demo`; it needs no key and no network.
    """

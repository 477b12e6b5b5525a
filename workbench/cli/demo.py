"""The main job in one command."""

from contextlib import suppress

import click

from workbench.cli.options import DeskCommand, home_of


@click.command(cls=DeskCommand)
@click.pass_context
def demo(ctx: click.Context) -> None:
    """Make the demo desk: real sample prices, a book, its risk, a backtest, a report and an alert.

    Needs no key and no network. Run it again at any time: data stay, figures are computed anew.
    """
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from workbench.cli.show import console
    from workbench.desk.demo import STEPS, make_demo

    out = console()
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} {task.description}"),
        TimeElapsedColumn(),
        console=out,
        transient=out.is_terminal,
    ) as progress:
        task = progress.add_task("Starting", total=STEPS)

        def on_step(text: str) -> None:
            progress.update(task, description=text)
            progress.advance(task)
            if not out.is_terminal:
                # A reader that has enough, as `head` has, does not stop the work.
                with suppress(BrokenPipeError):
                    out.print(text)

        result = make_demo(home_of(ctx), on_step=on_step)
    result.desk.close()
    for line in result.lines():
        click.echo(line)

"""What every command shares: the desk's folder, the debug switch, and one sentence for an error."""

import codecs
import errno
import io
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import update_wrapper
from typing import Any

import click

from workbench.errors import WorkbenchError

FAILED = 1
LONGEST = 1_000
ROWS = click.IntRange(1, 1_000_000)
DAYS = click.IntRange(1, 36_500)
# What DuckDB makes of Ctrl-C.
_STOPPED_QUERY = "Query interrupted"
# What a terminal without Unicode gets instead; a lost minus would turn a loss into a gain.
_PLAIN = {"−": "-", "–": "-", "─": "-", "·": "|", "…": "...", "→": "->", "×": "x", "é": "e"}


def prepare_streams() -> None:
    """Let output that cannot show a character show a plain one instead of failing."""
    codecs.register_error("workbench", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="workbench")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(_PLAIN.get(letter, "?") for letter in lost), error.end


class DeskCommand(click.Command):
    """A command that knows ``--home`` and ``--debug`` and says errors in one sentence."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += [
            click.Option(
                ["--home"],
                envvar="WORKBENCH_HOME",
                type=click.Path(file_okay=True),
                help="Folder of the desk.  [default: ~/workbench-desk]",
            ),
            click.Option(
                ["--debug"],
                is_flag=True,
                envvar="WORKBENCH_DEBUG",
                help="Show the traceback of an error.",
            ),
        ]

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error becomes one sentence and a non-zero status."""
        home, debug = ctx.params.pop("home"), ctx.params.pop("debug")
        ctx.meta["workbench.home"] = home
        try:
            return super().invoke(ctx)
        except (click.exceptions.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:
            # The reader of our output went away, as `head` does; nothing is wrong. Python would still
            # write the rest of its buffer at the end, and complain.
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)
        except Exception as error:
            if isinstance(error, RuntimeError) and str(error) == _STOPPED_QUERY:
                raise click.Abort from error
            if debug:
                raise
            click.secho(f"Error: {sentence(error)}", err=True)
            ctx.exit(FAILED)


class DeskGroup(click.Group):
    """A group whose commands are desk commands."""

    command_class = DeskCommand
    group_class = type


def sentence(error: BaseException) -> str:
    """Say an error as one sentence: what, where, what to do; on one line, with no terminal codes."""
    text = re.sub(r"\s+", " ", _said(error)).strip()
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[:half]} … {text[-half:]}"


def _said(error: BaseException) -> str:
    if isinstance(error, WorkbenchError):
        return str(error)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "The disk is full; nothing was half-written. Free some space and run the command again."
    if isinstance(error, PermissionError):
        return f"No permission for {error.filename}; choose another folder with --home or change its owner."
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} cannot be used ({error.strerror}); name another, or mend it."
    if isinstance(error, MemoryError):
        return "The machine has no memory left for this; close other programs or ask for less."
    return f"{type(error).__name__}: {error}. This is a defect; run it again with --debug and report it."


def home_of(ctx: click.Context) -> str | None:
    """Return the folder given with ``--home`` or the environment, if any."""
    home: str | None = ctx.meta.get("workbench.home")
    return home


def pass_desk(function: Callable[..., Any]) -> Callable[..., Any]:
    """Open the desk of ``--home`` and hand it in as the first argument; close it afterwards."""

    @click.pass_context
    def with_desk(ctx: click.Context, /, *args: Any, **kwargs: Any) -> Any:
        from workbench.desk import Desk

        desk = Desk.open(home_of(ctx))
        ctx.call_on_close(desk.close)
        return ctx.invoke(function, desk, *args, **kwargs)

    return update_wrapper(with_desk, function)

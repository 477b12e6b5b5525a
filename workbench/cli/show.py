"""Frames and figures on a terminal: numbers right, text left, a true minus, units in the header."""

import io
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    import pandas as pd

WIDE = 160


class _Console(Console):
    def on_broken_pipe(self) -> None:
        # rich would end the process with status 1; that `head` has read enough is no failure.
        raise BrokenPipeError


def console(*, stderr: bool = False) -> Console:
    """Return a console; a pipe gets enough width that no figure is cut."""
    # A process may be started without them.
    stream = (sys.stderr if stderr else sys.stdout) or io.StringIO()
    return _Console(file=stream, width=None if stream.isatty() else WIDE, highlight=False)


def progress_bar() -> Progress:
    """Return a progress bar for long work: on the error stream, on a terminal alone, gone when done."""
    out = console(stderr=True)
    return Progress(console=out, transient=True, disable=not out.is_terminal)


def show_frame(
    frame: "pd.DataFrame",
    columns: Mapping[str, tuple[str, str]],
    *,
    title: str = "",
    note: str = "",
    total: str | None = None,
) -> None:
    """Print a frame as a table.

    Parameters
    ----------
    frame : DataFrame
        Its index is a column when it has a name.
    columns : mapping
        Column of the frame to its header with unit and its number format; ``""`` marks text.
    title, note : str
        Above and below the table.
    total : str, optional
        Label of a last row that is set off, when the first column has it.
    """
    out = console()
    table = Table(box=SIMPLE_HEAD, title=title or None, title_justify="left", caption=note or None)
    table.caption_justify = "left"
    body = frame.reset_index() if frame.index.name or frame.index.nlevels > 1 else frame
    shown = {name: spec for name, spec in columns.items() if name in body.columns}
    for header, spec in shown.values():
        table.add_column(header, justify="left" if spec == "" else "right", no_wrap=spec != "")
    for record in body[list(shown)].to_dict("records"):
        cells = [_cell(record[name], spec) for name, (_, spec) in shown.items()]
        last = total is not None and str(next(iter(record.values()))) == total
        table.add_row(*cells, style="bold" if last else None)
    if body.empty:
        out.print(Text(f"{title}: nothing yet." if title else "Nothing yet."))
    else:
        out.print(table)


def show_pairs(rows: Iterable[tuple[str, str, str]], *, title: str = "", note: str = "") -> None:
    """Print label, value and unit, one line each."""
    table = Table(box=SIMPLE_HEAD, title=title or None, title_justify="left", caption=note or None)
    table.caption_justify = "left"
    table.add_column("Figure")
    table.add_column("Value", justify="right", no_wrap=True)
    table.add_column("Unit")
    for label, value, unit in rows:
        table.add_row(Text(label), Text(value), Text(unit))
    console().print(table)


def _cell(value: Any, spec: str) -> Text:
    # A price of one option needs no desk, and waits for neither.
    import pandas as pd

    from workbench.desk.frames import format_number

    if value is None or value is pd.NaT or (isinstance(value, float) and pd.isna(value)):
        return Text("–")
    if isinstance(value, pd.Timestamp):
        return Text(f"{value:%Y-%m-%d}" if value == value.normalize() else f"{value:%Y-%m-%d %H:%M}")
    if spec:
        return Text(format_number(float(value), spec))
    # Names come from people's files: a control character would steer the terminal.
    return Text("".join(letter if letter.isprintable() else "?" for letter in str(value)))

"""Run a notebook by papermill: our interpreter, one time limit for the whole run, one sentence on failure."""

import importlib.util
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError

from workbench.errors import (
    ArgumentError,
    MissingKernelError,
    PipelineError,
    PipelineTimeoutError,
)
from workbench.redaction import redact

Progress = Callable[[int, int, str], None]
"""Called before each code cell with its number (from 1), the count of code cells, and its heading."""

OWN_KERNEL = "python3"
PARAMETERS_TAG = "parameters"
LEAST_TIMEOUT = 0.05
_ENGINE = "workbench"
_SECRET_NAME = re.compile(
    r"token|passwo?r?d|passphrase|secret|credential|api_?key|access_?key|private_?key|signing_?key",
    re.IGNORECASE,
)

_log = logging.getLogger("workbench.reports.kernel")
# Python prints warnings of loggers without a handler to the terminal; a failure is told by our error instead.
_log.addHandler(logging.NullHandler())


def execute_notebook(
    path: Path,
    output_path: Path,
    parameters: Mapping[str, object] | None = None,
    *,
    kernel: str | None = None,
    time_limit: float = 600.0,
    on_progress: Progress | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run a notebook with parameters and keep the executed copy, complete or partial.

    Parameters
    ----------
    path : Path
        The notebook; its first cell tagged ``parameters`` holds the defaults.
    output_path : Path
        Where the executed notebook is written, cell by cell, so that a failed run leaves what it did.
    parameters : mapping, optional
        Values for names that the tagged cell assigns: None, bool, int, float, text, dates, paths, and lists
        and mappings of these.
    kernel : str, optional
        Name of an installed kernel. Empty runs the interpreter of this process, whatever is installed.
    time_limit : float
        Seconds for the whole run, kernel start included.
    on_progress : callable, optional
        Called before each code cell with its number, their count and the heading above it.
    folder : Path, optional
        Working folder of the kernel; by default the folder of `output_path`.
    environment : mapping, optional
        Variables that the kernel sees beside those of this process.

    Raises
    ------
    ArgumentError
        If a parameter is not one of the notebook's, names a secret, or cannot be written into a notebook.
    PipelineError
        If the notebook cannot be read, a cell raised, or the kernel died.
    PipelineTimeoutError
        If the time limit came first.
    MissingKernelError
        If there is no kernel to run it.
    """
    deadline = time.monotonic() + time_limit
    notebook = _read(path)
    values = _checked_parameters(notebook, parameters or {}, path)
    _require_kernel(kernel)
    output_path.parent.mkdir(parents=True, exist_ok=True)
    clock = _RunClock(deadline=deadline, time_limit=time_limit)
    # What the kernel itself complains of belongs to a failure, not to the terminal.
    complaints = output_path.with_suffix(".log")
    try:
        with complaints.open("wb") as stderr:
            executed = papermill.execute_notebook(
                _literal(path),
                _literal(output_path),
                parameters=values,
                engine_name=_ENGINE,
                kernel_name=kernel or OWN_KERNEL,
                language="python",
                progress_bar=False,
                run_clock=clock,
                on_progress=on_progress,
                own_interpreter=kernel is None,
                kernel_options={
                    "cwd": str(folder or output_path.parent),
                    "env": {**os.environ, **(environment or {})},
                    "stderr": stderr,
                },
            )
    except PapermillExecutionError as error:
        raise PipelineError(_failure(path, error.source, error.ename, error.evalue)) from error
    except CellTimeoutError as error:
        raise PipelineTimeoutError(
            f"`{path.stem}` was ended at its time limit of {round(time_limit, 1):g} s, in the cell "
            f"{_quoted(clock.cell_source)}; give it more time, or see its partial notebook."
        ) from error
    except DeadKernelError as error:
        raise PipelineError(
            f"The kernel of `{path.stem}` died in the cell {_quoted(clock.cell_source)}: it was killed or "
            "ran out of memory. See its partial notebook."
        ) from error
    except NoSuchKernel as error:
        raise MissingKernelError(
            f"There is no kernel `{kernel}`; `jupyter kernelspec list` shows those that are installed."
        ) from error
    except RuntimeError as error:
        # nbclient says with a plain RuntimeError that a kernel never answered.
        if clock.cell_source is None:
            raise MissingKernelError(
                f"The kernel for `{path.stem}` did not start: {error}. "
                f"`{sys.executable} -m pip install --force-reinstall ipykernel` may mend it."
            ) from error
        raise
    _require_complete(executed, path)
    complaints.unlink(missing_ok=True)


def check_parameters(path: Path, parameters: Mapping[str, object]) -> None:
    """Refuse parameters that a notebook cannot be run with, before anything is run or written.

    Raises
    ------
    ArgumentError
        If one is not in the notebook's tagged cell, names a secret, or has a type that a cell cannot hold.
    PipelineError
        If the notebook cannot be read.
    """
    _checked_parameters(_read(path), parameters, path)


def is_secret_name(name: str) -> bool:
    """Return whether a parameter of that name would hold a secret, as in ``api_key`` or ``access_token``."""
    return _SECRET_NAME.search(name) is not None


def parameter_names(path: Path) -> list[str]:
    """Return the names that a notebook's tagged parameters cell assigns, in its order.

    Raises
    ------
    PipelineError
        If the notebook cannot be read.
    """
    return _parameter_names(_read(path))


class _RunClock:
    """The time that a run has left, and the cell that it is in."""

    def __init__(self, *, deadline: float, time_limit: float) -> None:
        self.deadline = deadline
        self.time_limit = time_limit
        self.cell_source: str | None = None

    def remaining(self, _cell: object = None) -> float:
        # nbclient reads zero as "no limit", so what is left never becomes zero.
        return max(self.deadline - time.monotonic(), LEAST_TIMEOUT)


class _OwnInterpreter(KernelSpecManager):
    """A kernel list of one: this process's interpreter, whatever `python3` is installed for the user."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(
            argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            display_name="Workbench",
            language="python",
            name=kernel_name,
        )


class _Client(PapermillNotebookClient):
    """papermill's client with one limit for all cells, progress, and an honest mark on a timed-out cell."""

    def __init__(
        self,
        manager: Any,
        *,
        run_clock: _RunClock,
        on_progress: Progress | None,
        own_interpreter: bool,
        **options: Any,
    ) -> None:
        super().__init__(manager, timeout_func=run_clock.remaining, **options)
        self._run_clock = run_clock
        self._on_progress = on_progress
        self._own_interpreter = own_interpreter

    def create_kernel_manager(self) -> Any:
        manager = super().create_kernel_manager()
        if self._own_interpreter:
            manager.kernel_spec_manager = _OwnInterpreter()
        return manager

    def output(self, outs: Any, msg: dict[str, Any], display_id: str, cell_index: int) -> Any:
        # What a cell shows is kept and published, so a secret must not get that far.
        msg = {**msg, "content": _without_secrets(msg["content"])}
        return super().output(outs, msg, display_id, cell_index)

    def papermill_execute_cells(self) -> None:
        cells = self.nb.cells
        count = sum(_is_step(cell) for cell in cells)
        step, heading = 0, ""
        for index, cell in enumerate(cells):
            if cell.cell_type == "markdown":
                heading = _heading(cell.source) or heading
            if _is_step(cell):
                step += 1
                self._run_clock.cell_source = cell.source
                if self._on_progress is not None:
                    self._on_progress(step, count, heading)
            try:
                self.nb_man.cell_start(cell, index)
                self.execute_cell(cell, index)
            except CellExecutionError as error:
                self.nb_man.cell_exception(cell, cell_index=index, exception=error)
                break
            except BaseException as error:
                # Without this mark papermill would call the cell, and all after it, completed.
                self.nb_man.cell_exception(cell, cell_index=index, exception=error)
                raise
            finally:
                self.nb_man.cell_complete(cell, cell_index=index)


class _Engine(NBClientEngine):
    """Hands papermill's notebook to our client."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        *,
        run_clock: _RunClock,
        on_progress: Progress | None,
        own_interpreter: bool,
        kernel_options: dict[str, Any],
        **_options: Any,
    ) -> Any:
        client = _Client(
            nb_man,
            run_clock=run_clock,
            on_progress=on_progress,
            own_interpreter=own_interpreter,
            startup_timeout=max(int(run_clock.remaining()), 1),
            kernel_name=kernel_name,
            log=_log,
        )
        return client.execute(**kernel_options)


papermill_engines.register(_ENGINE, _Engine)


def _read(path: Path) -> Any:
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError as error:
        raise PipelineError(f"There is no notebook at {path}; give the path of an .ipynb file.") from error
    except OSError as error:
        raise PipelineError(f"{path} cannot be read: {error.strerror}; give an .ipynb file.") from error
    except (ValueError, TypeError, KeyError, AttributeError, nbformat.ValidationError) as error:
        # nbformat trusts that JSON of a notebook is a notebook's.
        raise PipelineError(
            f"{path} is not a notebook that can be read; save it again from JupyterLab."
        ) from error


def _checked_parameters(notebook: Any, parameters: Mapping[str, object], path: Path) -> dict[str, object]:
    known = _parameter_names(notebook)
    for name in parameters:
        _refuse_secret(name)
        if name not in known:
            names = ", ".join(f"`{each}`" for each in known) or "none"
            raise ArgumentError(f"`{path.stem}` has no parameter `{name}`; it has {names}.")
    return {name: _plain(value, name) for name, value in parameters.items()}


def _refuse_secret(name: str) -> None:
    if is_secret_name(name):
        raise ArgumentError(
            f"`{name}` looks like a secret, and parameters are written into the report's notebook; "
            "keep it in the environment or the keyring and read it there."
        )


def _parameter_names(notebook: Any) -> list[str]:
    import ast

    for cell in notebook.cells:
        if PARAMETERS_TAG in cell.get("metadata", {}).get("tags", []):
            names: list[str] = []
            try:
                statements = ast.parse(cell.source).body
            except SyntaxError as error:
                raise PipelineError(
                    f"The parameters cell {_quoted(cell.source)} is not Python ({error.msg}); mend it."
                ) from error
            for statement in statements:
                if isinstance(statement, ast.Assign):
                    names += [target.id for target in statement.targets if isinstance(target, ast.Name)]
                elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                    names.append(statement.target.id)
            return names
    return []


def _plain(value: object, name: str) -> object:
    """Return a parameter as what papermill can write into a cell."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        for key in value:
            _refuse_secret(str(key))
        return {str(key): _plain(each, f"{name}.{key}") for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each, name) for each in value]
    raise ArgumentError(
        f"Parameter `{name}` is a {type(value).__name__}; give text, a number, a date, a list or a mapping."
    )


def _require_kernel(kernel: str | None) -> None:
    if kernel is None and importlib.util.find_spec("ipykernel") is None:
        raise MissingKernelError(
            f"{sys.executable} has no ipykernel, so no notebook can run; "
            f"`{sys.executable} -m pip install ipykernel` mends it."
        )


def _require_complete(notebook: Any, path: Path) -> None:
    """Refuse to call a run good that left cells out, as after ``sys.exit(0)`` in a cell."""
    for cell in notebook.cells:
        if _is_step(cell) and cell.get("execution_count") is None:
            raise PipelineError(
                f"`{path.stem}` stopped before the cell {_quoted(cell.source)}; a cell above it ended the "
                "kernel's work early. See its partial notebook."
            )


def _failure(path: Path, source: str, name: str, value: str) -> str:
    what = f"{name}: {_one_line(value)}" if value else name
    return f"`{path.stem}` failed in the cell {_quoted(source)} with {what}"


def _without_secrets(content: Mapping[str, Any]) -> dict[str, Any]:
    """Redact the text of an output: what was printed, shown or raised; pictures stay as they are."""
    clean = dict(content)
    for name in ("text", "evalue"):
        if isinstance(clean.get(name), str):
            clean[name] = redact(clean[name])
    if isinstance(clean.get("traceback"), list):
        clean["traceback"] = [redact(str(line)) for line in clean["traceback"]]
    if isinstance(clean.get("data"), Mapping):
        clean["data"] = {
            kind: redact(value) if kind.startswith("text/") and isinstance(value, str) else value
            for kind, value in clean["data"].items()
        }
    return clean


def _quoted(source: str | None) -> str:
    """Return the first line of code of a cell, short enough for a sentence."""
    lines = [line.strip() for line in (source or "").splitlines()]
    line = redact(next((line for line in lines if line and not line.startswith("#")), ""))
    return f"`{line[:60]}…`" if len(line) > 60 else f"`{line}`"


def _one_line(text: str, width: int = 500) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[:width]}…"


def _is_step(cell: Any) -> bool:
    return cell.cell_type == "code" and bool(cell.source.strip())


def _heading(markdown: str) -> str:
    for line in markdown.splitlines():
        if line.startswith("#"):
            return line.lstrip("#").strip()
    return ""


def _literal(path: Path) -> str:
    """Return a path that papermill's own formatting leaves as it is."""
    return str(path).replace("{", "{{").replace("}", "}}")

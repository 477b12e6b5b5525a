"""A desk that is open: its stores and settings, its clock, its role, and the trace that writing leaves."""

from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd

from workbench.desk.clock import AsOf, InstantLike, resolve_as_of
from workbench.desk.health import require_whole
from workbench.desk.logs import bind_correlation_id, configure_logging, correlation_id, get_logger
from workbench.errors import PermissionDeniedError
from workbench.settings import DeskSettings, load_settings, make_home
from workbench.store import Lake, Ledger


class OpenedDesk:
    """What every question to a desk needs; the classes that answer them inherit it."""

    def __init__(self, home: Path, settings: DeskSettings, lake: Lake, ledger: Ledger, role: str) -> None:
        self.home = home
        self.settings = settings
        self.role = role
        self._lake = lake
        self._ledger = ledger
        self._log = get_logger("desk")

    @classmethod
    def open(cls, home: str | PathLike[str] | None = None, *, role: str | None = None) -> Self:
        """Open the desk in `home`, making it when it is not there.

        Parameters
        ----------
        home : path, optional
            Folder of the desk; else ``WORKBENCH_HOME``, else ``~/workbench-desk``.
        role : {"viewer", "trader"}, optional
            A viewer may read, a trader may also write; the setting ``role`` unless given.

        Raises
        ------
        DeskHomeError
            If the folder cannot hold a desk, or holds a damaged one.
        DeskVersionError
            If a newer version made the desk.
        SettingsError
            If a setting has a value that cannot be used.
        """
        folder = make_home(home)
        require_whole(folder)
        settings = load_settings(folder)
        configure_logging(folder, settings.logs.level)
        bind_correlation_id()
        store = settings.store
        lake = Lake.open(
            folder / "lake",
            threads=store.threads,
            memory_limit=store.memory_limit,
            lock_timeout=store.lock_timeout_seconds,
        )
        try:
            ledger = Ledger.open(folder / "ledger.sqlite")
        except BaseException:
            lake.close()
            raise
        chosen = "viewer" if "viewer" in (role, settings.role) else "trader"
        return cls(folder, settings, lake, ledger, chosen)

    def close(self) -> None:
        """Release the desk's files."""
        self._lake.close()
        self._ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Desk({str(self.home)!r}, {self.as_of().note})"

    @staticmethod
    def now() -> pd.Timestamp:
        """Return the wall clock in UTC."""
        return pd.Timestamp(datetime.now(UTC))

    def as_of(self, as_of: InstantLike = None) -> AsOf:
        """Return the instant that `as_of` means: a session's close for a date, the desk's clock for None."""
        return resolve_as_of(as_of, self.settings, self.now())

    def _require_trader(self, action: str) -> None:
        if self.role != "trader":
            raise PermissionDeniedError(
                f"Your role is {self.role}: it may read the desk, not {action}. "
                "Open the desk as trader in a session of your own."
            )

    def _wrote(self, action: str, details: dict[str, Any]) -> None:
        self._ledger.audit.append(action, self.role, details, correlation_id(), self.now())
        self._log.info(action, **details)

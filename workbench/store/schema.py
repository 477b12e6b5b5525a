"""Bring the ledger's tables to the version of this package, one process at a time."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from workbench.errors import DeskHomeError, DeskVersionError, StorageFullError
from workbench.store.database import Database
from workbench.store.failures import is_storage_full, translate
from workbench.store.lock import StoreLock

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["HEAD", "MIGRATIONS", "is_current", "refuse_newer", "upgrade"]

HEAD = "0002"
"""The newest migration; asking Alembic for it would cost every opening of a desk its import."""
MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_SECONDS = 30.0


def is_current(path: Path) -> bool:
    """Say whether a ledger is there, with the tables of this version."""
    return _revision(path) == HEAD


def upgrade(path: Path, *, read_only: bool, lock_timeout: float) -> None:
    """Run the migrations that a ledger lacks, under a lock, each in its own transaction.

    Raises
    ------
    DeskVersionError
        If a newer version made the ledger; or if it is older and may not be changed.
    StorageFullError
        If there is no room.
    """
    try:
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
            with StoreLock(path.with_name(path.name + ".lock")).hold("migrating the ledger", lock_timeout):
                _upgrade(path)
            return
    except OSError as error:
        if isinstance(error, StorageFullError) or not is_storage_full(error):
            raise
        raise translate(error, path) from error
    refuse_newer(path)
    raise DeskVersionError(
        f"The ledger {path} was made by an older version; "
        "open the desk once as trader to bring it up to date."
    )


def _upgrade(path: Path) -> None:
    from alembic import command

    found = _revision(path)
    if found == HEAD:
        return
    refuse_newer(path)
    database = Database(path)
    try:
        with database.engine.connect() as connection, connection.begin():
            config = _alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        failure = translate(error, path)
        if failure is error:
            raise
        raise failure from error
    finally:
        database.close()


def _alembic_config() -> "Config":
    from alembic.config import Config

    config = Config()
    # A percent sign in the folder's name would be read as a placeholder.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def refuse_newer(path: Path) -> None:
    """Refuse a ledger whose version this package does not know.

    Raises
    ------
    DeskVersionError
        Then.
    """
    from alembic.script import ScriptDirectory

    found = _revision(path)
    known = {script.revision for script in ScriptDirectory.from_config(_alembic_config()).walk_revisions()}
    if found is not None and found not in known:
        raise DeskVersionError(
            f"The ledger {path} has version {found}, which this version of Workbench does not know; "
            "install the version that made it."
        )


def _revision(path: Path) -> str | None:
    if not path.exists() or path.stat().st_size == 0:
        return None
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise translate(error, path) from error
    except sqlite3.DatabaseError as error:
        raise DeskHomeError(f"{path} is no ledger ({error}); restore the desk from a backup.") from error
    return str(row[0]) if row else None

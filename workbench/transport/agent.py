"""How the desk names itself to services; some refuse callers without a name."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def user_agent() -> str:
    """Return product and version, as in ``workbench-desk/0.1.0``."""
    try:
        return f"workbench-desk/{version('workbench-desk')}"
    except PackageNotFoundError:  # a checkout that is on the path and not installed
        return "workbench-desk/0"

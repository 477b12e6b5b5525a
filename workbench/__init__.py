"""Workbench: an options and equities desk in Jupyter.

``Desk.open()`` is where everything starts; heavy packages load when they are used.
"""

from typing import TYPE_CHECKING, Any

from workbench import errors

if TYPE_CHECKING:
    from workbench.desk import Desk

__version__ = "0.1.0"
__all__ = ["Desk", "__version__", "errors"]


def __getattr__(name: str) -> Any:
    if name == "Desk":
        from workbench.desk import Desk

        return Desk
    raise AttributeError(f"module 'workbench' has no attribute {name!r}")

"""One call that shows a view wherever its notebook runs: Voila, JupyterLab, or plain Python.

Voila needs Panel's messages sent as widgets and its scripts loaded by address; JupyterLab needs them in
the page. `serve` knows which, so a dashboard's notebook stays one line.
"""

import os
from typing import Any, Literal

Place = Literal["voila", "lab", "plain"]


def where() -> Place:
    """Return where this kernel's output is shown."""
    # Voila sets the first for a kernel that it starts for a request, the second for one it keeps ready.
    if os.environ.get("SERVER_SOFTWARE", "").startswith("voila") or "VOILA_PREHEAT" in os.environ:
        return "voila"
    try:
        from IPython import get_ipython
    except ImportError:
        return "plain"
    shell = get_ipython()
    return "lab" if shell is not None and hasattr(shell, "kernel") else "plain"


def prepare() -> Place:
    """Load Panel's extension as the place needs it; calling it again changes nothing."""
    import panel as pn

    place = where()
    if place == "voila":
        pn.extension("tabulator", comms="ipywidgets", inline=False, notifications=False)
    elif place == "lab":
        pn.extension("tabulator", inline=True, notifications=False)
    return place


def serve(view: Any) -> Any:
    """Show a view as a page; the last line of a dashboard's notebook.

    Parameters
    ----------
    view : panel.viewable.Viewer
        The dashboard's view.

    Returns
    -------
    The view, which the notebook displays.

    Examples
    --------
    >>> serve(BookView(desk=Desk.open()))  # doctest: +SKIP
    """
    prepare()
    return view

"""Print a report to PDF by Chromium, where there is one; a report never needs it."""

import importlib.util
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_PATIENCE_MS = 60_000


def find_browser() -> str | None:
    """Return the path of an installed Chromium or Chrome; None when there is none."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def can_print() -> bool:
    """Return whether a PDF can be made here: playwright (the ``pdf`` extra) and a browser are installed."""
    return importlib.util.find_spec("playwright") is not None and find_browser() is not None


def print_pdf(page: Path, path: Path) -> str | None:
    """Print an HTML report, with its own page size and footers; return why there is no PDF, or None.

    Parameters
    ----------
    page : Path
        A self-contained HTML file; the browser is kept offline and runs no script.
    path : Path
        The PDF, which appears whole or not at all.
    """
    browser = find_browser()
    if browser is None:
        return "no Chromium is installed"
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed: pip install -e '.[pdf]'"
    # playwright's plain interface refuses a thread with an event loop, which a kernel's main thread has.
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(_print, browser, page, path).result()


def _print(browser: str, page: Path, path: Path) -> str | None:
    from playwright.sync_api import Error, sync_playwright

    # Chromium refuses its sandbox to the superuser; the page is ours and has no script.
    options = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    temporary = path.with_name(f".{path.name}.new")
    try:
        with sync_playwright() as play:
            running = play.chromium.launch(executable_path=browser, args=options, timeout=_PATIENCE_MS)
            try:
                tab = running.new_context(offline=True, java_script_enabled=False).new_page()
                tab.goto(page.absolute().as_uri(), timeout=_PATIENCE_MS)
                tab.pdf(path=str(temporary), prefer_css_page_size=True, print_background=True)
            finally:
                running.close()
    except Error as error:
        temporary.unlink(missing_ok=True)
        return f"Chromium could not print it: {str(error).splitlines()[0]}"
    temporary.replace(path)
    return None

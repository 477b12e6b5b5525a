"""Measure how long until the book can be used: its table visible, its slider answering, kernel pre-heated.

Run it on a quiet machine, with a desk that exists and Chromium installed::

    python benchmarks/dashboard.py --home ~/workbench-desk --visits 5

Each visit is a browser that has been here before (assets from its cache) or, for the first, one that has
not. Times are wall clock from the click; "ready" is when a row of the table can be seen. The peer is the
same page from a kernel that was not kept ready.
"""

import argparse
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

TOKEN = "benchmark-token-0123456789"
PROGRAM = """
import sys
from workbench.server import serve_dashboards
serve_dashboards(sys.argv[1], port=0, token=sys.argv[2], preheated_kernels=int(sys.argv[3]),
                 on_ready=lambda url: print(url, flush=True))
"""
SHADOWS = """
(query) => { const found = []; const look = (root) => { found.push(...root.querySelectorAll(query));
for (const each of root.querySelectorAll("*")) if (each.shadowRoot) look(each.shadowRoot); };
look(document); return found; }
"""


def start_server(home: Path, kernels: int) -> tuple[subprocess.Popen[str], str]:
    """Start a server and return its process and address."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(home), TOKEN, str(kernels)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    url = process.stdout.readline().strip().split("?")[0]
    threading.Thread(target=process.stdout.read, daemon=True).start()
    return process, url


def visit(page, url: str) -> dict[str, float]:
    """Open the book once; seconds until the table is visible, until the slider has answered, and bytes."""
    started = time.perf_counter()
    answer = page.goto(f"{url}voila/render/book.ipynb?token={TOKEN}", wait_until="commit", timeout=60_000)
    page.wait_for_selector(".tabulator-row", timeout=60_000)
    ready = time.perf_counter()
    page.locator(".noUi-handle").first.focus()
    moved = time.perf_counter()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(
        f"() => ({SHADOWS})('[data-figure=scenario_pnl]').some((e) => Number(e.dataset.value) !== 0)",
        timeout=60_000,
        polling=20,
    )
    done = time.perf_counter()
    return {
        "ready_s": ready - started,
        "slider_s": done - moved,
        "usable_s": done - started,
        "html_kb": len(answer.body()) / 1000,
    }


def measure(browser, home: Path, *, kernels: int, visits: int, rest: float) -> list[dict[str, float]]:
    """Return one record a visit; between visits the server has time to keep a kernel ready."""
    process, url = start_server(home, kernels)
    try:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        records = []
        for _ in range(visits):
            time.sleep(rest)
            page = context.new_page()
            records.append(visit(page, url))
            page.close()
        context.close()
        return records
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def main() -> None:
    """Measure and print."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--home", type=Path, default=Path(os.environ.get("WORKBENCH_HOME", "~/workbench-desk"))
    )
    parser.add_argument("--visits", type=int, default=5)
    parser.add_argument("--rest", type=float, default=12.0, help="seconds between visits")
    options = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("no Chromium: apt-get install chromium")
    load = re.split(r"\s+", Path("/proc/loadavg").read_text())[0]
    print(f"{os.cpu_count()} cores, load {load} before the run")
    print(f"{'':24}{'ready, s':>10}{'slider, s':>11}{'usable, s':>11}{'HTML, kB':>10}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, kernels in (("pre-heated kernel", 1), ("cold kernel (peer)", 0)):
            records = measure(
                browser, options.home.expanduser(), kernels=kernels, visits=options.visits, rest=options.rest
            )
            for label, chosen in ((f"{name}, first", records[:1]), (f"{name}, again", records[1:])):
                if chosen:
                    middle = {key: statistics.median(r[key] for r in chosen) for key in chosen[0]}
                    figures = (
                        f"{middle['ready_s']:10.2f}{middle['slider_s']:11.2f}"
                        f"{middle['usable_s']:11.2f}{middle['html_kb']:10.0f}"
                    )
                    print(f"{label:24}{figures}")
        browser.close()


if __name__ == "__main__":
    main()

"""The market page in a real browser: what is held, what is chosen, quotes that move until they are cut."""

import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.browser.conftest import serve_desk
from tests.servers.feed import PlainServer
from workbench import Desk
from workbench.settings import write_settings

MARKET = "voila/render/market.ipynb"
PROJECT = Path(__file__).resolve().parents[2]
DEEP = """
(query) => {
  const found = [];
  const look = (root) => {
    found.push(...root.querySelectorAll(query));
    for (const each of root.querySelectorAll("*")) if (each.shadowRoot) look(each.shadowRoot);
  };
  look(document);
  return found;
}
"""


def click(page, words):
    page.locator(f'[data-say="{words}"]').first.click()


@pytest.fixture
def opened(open_page):
    """What opens the page and waits until its kernel has been told so."""

    def opener(path=MARKET, **options):
        watched = open_page(path, wait_for=".wb-quotes", **options)
        watched.page.wait_for_function(
            "() => window.workbench.tagged('workbench-opened').some((each) => each.value > 0)", timeout=60_000
        )
        return watched

    return opener


def wait_for_text(page, query, text, seconds=60):
    page.wait_for_function(
        f"([query, text]) => ({DEEP})(query).some((e) => e.textContent.includes(text))",
        arg=[query, text],
        timeout=seconds * 1000,
    )


def text_of(page, query):
    return page.evaluate(f"(query) => ({DEEP})(query)[0]?.textContent ?? ''", query)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_opens_whole_and_asks_no_other_host(open_page, scheme):
    watched = open_page(MARKET, scheme=scheme, wait_for=".wb-quotes")
    watched.page.wait_for_selector("canvas", timeout=60_000)
    watched.page.wait_for_timeout(1500)
    assert watched.page.evaluate("document.documentElement.scrollHeight") <= 930
    assert watched.page.locator("nav a[aria-current=page]").inner_text() == "Market"
    watched.keep(f"market_{scheme}")
    watched.must_be_clean()


def test_chart_symbol_and_cell_answer_a_click(opened, demo_desk):
    watched = opened()
    page = watched.page
    click(page, "span 5Y")
    wait_for_text(page, "h2", "AAPL, weekly bars")
    click(page, "indicator rsi")
    page.wait_for_selector('[data-say="indicator rsi"][aria-pressed=true]', timeout=60_000)
    click(page, "symbol IBM")
    wait_for_text(page, "h1", "IBM")
    last = demo_desk.bars("IBM", adjust="splits")["close"].iloc[-1]
    page.wait_for_function(
        f"(last) => ({DEEP})('[data-figure=last]').some((e) => Number(e.dataset.value) === last)",
        arg=float(last),
        timeout=60_000,
    )
    click(page, "cell 2013-02-01 IBM")
    wait_for_text(page, "h2", "IBM, Feb 2013")
    watched.keep("market_ibm")
    watched.must_be_clean()


def test_a_tap_on_the_map_opens_the_month(opened):
    watched = opened()
    page = watched.page
    page.wait_for_timeout(1500)
    canvas = page.locator("canvas").last.bounding_box()
    page.mouse.click(canvas["x"] + canvas["width"] * 0.4, canvas["y"] + 14)
    page.wait_for_function(
        f"() => ({DEEP})('.wb-month h2').some((e) => /^AAPL, .*20(0|10)/.test(e.textContent))", timeout=60_000
    )
    watched.must_be_clean()


def test_an_address_may_name_the_symbol(opened):
    watched = opened(f"{MARKET}?symbol=MSFT")
    wait_for_text(watched.page, "h1", "MSFT")
    watched.must_be_clean()


def test_on_a_telephone_the_page_is_one_column(open_page):
    watched = open_page(MARKET, width=390, height=844, wait_for=".wb-quotes")
    watched.page.wait_for_timeout(1500)
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= 390
    watched.keep("market_phone")
    watched.must_be_clean()


# -- live --------------------------------------------------------------------------------------------


class LiveMarket:
    """A desk whose market never closes, a feed that moves, and the stream's own process."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with Desk.open(home) as desk:
            desk.load_bars(daily_bars("AAPL", 200.0), source="test file")
            desk.load_bars(daily_bars("MSFT", 400.0), source="test file")
        write_settings(home, {"market.calendar": "24/7", "stream.lake_seconds": 1.0})
        self.server = PlainServer()
        self.price = 200.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._trade)
        self._held = ExitStack()
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self):
        self._held.enter_context(self.server)
        self._thread.start()
        script = PROJECT / "tests" / "desk" / "stream_process.py"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("WORKBENCH_")}
        self.process = subprocess.Popen(
            [sys.executable, str(script), str(PROJECT), str(self.home), self.server.http_url,
             self.server.ws_url, "", "AAPL"],
            env=environment,
        )  # fmt: skip
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._held.close()

    def _trade(self):
        steps = np.random.default_rng(7)
        number = 0
        while not self._stop.wait(0.1):
            number += 1
            self.price = round(self.price + float(steps.normal(0, 0.05)), 2)
            now = time.time_ns()
            self.server.emit("trades", ("AAPL", now, str(number), self.price, 100.0, ""))
            self.server.emit(
                "quotes",
                ("AAPL", now, number, round(self.price - 0.01, 2), round(self.price + 0.01, 2), 1.0, 2.0),
            )

    def cut(self):
        """The service dies: its sockets fall, and nobody answers at its address any more."""
        self._held.close()


def daily_bars(symbol, price):
    """A year of days that a market without weekends has, to yesterday."""
    days = pd.date_range(
        end=pd.Timestamp.now("UTC").normalize() - pd.Timedelta(days=1), periods=365, tz="UTC"
    )
    close = price + 3 * np.sin(np.arange(365) / 9)
    return pd.DataFrame(
        {
            "symbol": symbol, "time": days.as_unit("us"), "open": close - 0.4, "high": close + 1.0,
            "low": close - 1.0, "close": close, "volume": 1e6,
        }
    )  # fmt: skip


@pytest.fixture
def live_market(tmp_path):
    with LiveMarket(tmp_path / "desk") as market:
        yield market


def test_quotes_move_and_when_the_server_is_cut_the_page_says_stale(opened, live_market):
    with serve_desk(live_market.home) as address:
        watched = opened(at=address)
        page = watched.page
        row = "tr[data-symbol=AAPL]"
        wait_for_text(page, f"{row} [data-cell=state]", "live", 60)
        prices = set()
        page.wait_for_function(
            f"() => {{ window.seenPrices ??= new Set(); window.seenPrices.add(({DEEP})"
            f"('{row} [data-cell=bid]')[0].textContent); return window.seenPrices.size >= 6; }}",
            timeout=60_000,
        )
        prices = page.evaluate("[...window.seenPrices].map(Number)")
        assert all(150 < price < 250 for price in prices)
        assert " s" in text_of(page, f"{row} [data-cell=age]")
        wait_for_text(page, ".wb-chip", "Plain feed: live")
        # The line of the chart stands at the price that the table shows.
        line, shown = page.evaluate(
            f"() => [window.workbench.tagged('workbench-live-line')[0].location, "
            f"Number(({DEEP})('{row} [data-cell=last]')[0].textContent)]"
        )
        assert line == shown
        assert text_of(page, "tr[data-symbol=MSFT] [data-cell=state]") == "held"
        watched.keep("market_live")
        live_market.cut()
        wait_for_text(page, f"{row} [data-cell=state]", "stale", 15)
        assert page.evaluate(f"({DEEP})('{row}')[0].classList.contains('quiet')")
        page.wait_for_timeout(600)
        watched.keep("market_stale")
        before = text_of(page, f"{row} [data-cell=age]")
        page.wait_for_function(
            f"(before) => ({DEEP})('{row} [data-cell=age]')[0].textContent !== before",
            arg=before,
            timeout=10_000,
        )
        watched.must_be_clean()

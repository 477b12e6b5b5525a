"""The page of the morning risk report: self-contained, derived from its figures, and safe to show."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from workbench.reports.html import render_morning_risk
from workbench.reports.pdf import can_print, find_browser, print_pdf


class Page(HTMLParser):
    """The text of a page and the tags and attributes that it uses."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.in_style = False
        self.feed(page)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

        self.in_style = tag == "style"

    def handle_endtag(self, tag):
        self.in_style = False

    def handle_data(self, data):
        if not self.in_style:
            self.words.append(data)


def test_the_page_asks_nothing_of_anyone_and_runs_no_script(morning_risk):
    page = render_morning_risk(morning_risk)
    parsed = Page(page)
    assert parsed.tags.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "base", "form"})
    addresses = [
        value for name, value in parsed.attributes if name in {"src", "href", "action", "data", "xlink:href"}
    ]
    assert all(value.startswith("#") for value in addresses)
    assert not [name for name, _ in parsed.attributes if name.startswith("on")]
    assert "http" not in re.sub(r"http-equiv", "", page)
    assert not re.search(r"url\((?!#)|@import", page)
    assert len(page) < 200_000


def test_the_headline_figures_stand_on_the_page_as_they_are(morning_risk):
    text = Page(render_morning_risk(morning_risk)).text
    for shown in (
        "−7,898",
        "+4,210",
        "152,340",
        "498,760",
        "17,362",
        "21,904",
        "−96,900",
        "VaR 99 %",
        "ES 99 %",
    ):
        assert shown in text
    assert "As of Fri 1 Mar 2013, 16:00 New York" in text
    assert "Source: bokeh_sampledata (Quandl WIKI, public domain); modelled chain" in text
    assert "sample data" in text
    assert "modelled" in text
    assert "Run 0123456789abcdef · Workbench 0.1.0 · snapshot 42" in text


def test_minus_signs_are_true_ones(morning_risk):
    text = Page(render_morning_risk(morning_risk)).text
    assert not re.search(r"(?<![\w-])-\d", text)


@pytest.mark.parametrize(
    ("day_pnl", "sentence"),
    [
        (-7898.4, "The book lost $7,898 on Friday."),
        (1234.0, "The book gained $1,234 on Friday."),
        (0.2, "The book did not move on Friday."),
        (np.nan, "What the book made on Friday is not known."),
    ],
)
def test_the_message_tells_the_day_from_its_figure(with_headline, day_pnl, sentence):
    data = with_headline(day_pnl=day_pnl)
    assert data.message.startswith(sentence)
    assert sentence in Page(render_morning_risk(data)).text


@pytest.mark.parametrize(
    ("spot", "volatility", "pnl", "sentence"),
    [
        (-0.10, 0.12, -96_900.0, "A 10 % fall with volatility 12 points higher would cost $96,900."),
        (0.08, -0.04, -500.0, "An 8 % rise with volatility 4 points lower would cost $500."),
        (0.0, 0.01, -5.0, "Unchanged prices with volatility 1 point higher would cost $5."),
        (-0.025, 0.0, -1.0, "A 2.5 % fall would cost $1."),
        (0.0, 0.0, 0.0, "None of 55 scenarios loses money."),
    ],
)
def test_the_message_tells_the_worst_scenario_from_its_figures(
    with_headline, spot, volatility, pnl, sentence
):
    data = with_headline(worst_spot=spot, worst_volatility=volatility, worst_pnl=pnl)
    assert data.message.endswith(sentence)


def test_an_empty_book_has_a_page_that_says_so(morning_risk):
    nothing = replace(
        morning_risk,
        positions=morning_risk.positions.iloc[:0],
        greeks=morning_risk.greeks.iloc[:0],
        grid=pd.DataFrame(),
        closes={},
        backtest=None,
        alerts=pd.DataFrame(),
    )
    text = Page(render_morning_risk(nothing)).text
    assert "The book is empty." in text
    assert "No alert is open" in text


def test_text_from_outside_is_escaped_wherever_it_shows(morning_risk):
    attack = "<script>alert(1)</script>\"'&"
    positions = morning_risk.positions.assign(underlying=attack, description=attack, price_status=attack)
    alerts = morning_risk.alerts.assign(title=attack, body=attack, severity=attack, acknowledged_by=attack)
    data = replace(
        morning_risk,
        positions=positions,
        greeks=morning_risk.greeks.rename(index=lambda name: attack if name != "Book" else name),
        closes={attack: morning_risk.closes["AAPL"]},
        alerts=alerts,
        backtest={**morning_risk.backtest, "strategy": attack, "symbol": attack},
        headline=replace(
            morning_risk.headline,
            source=attack,
            findings=(attack,),
            as_of=replace(morning_risk.headline.as_of, text="</style>" + attack, label=attack),
        ),
        desk_name=attack,
        run_id=attack,
    )
    page = render_morning_risk(data)
    assert "<script" not in page
    assert page.count("</style>") == 1
    assert page.count("&lt;script&gt;") > 8


def test_the_same_data_give_the_same_bytes_apart_from_the_run_stamp(morning_risk):
    first = render_morning_risk(morning_risk)
    assert first == render_morning_risk(morning_risk)
    other = render_morning_risk(replace(morning_risk, run_id="another"))
    assert first.replace("0123456789abcdef", "") == other.replace("another", "")


def test_the_worst_cell_is_underlined_and_now_is_framed_once(morning_risk):
    page = render_morning_risk(morning_risk)
    assert re.findall(r'<b class="worst">(.*?)</b>', page) == ["−96.9"]
    assert re.findall(r'class="now">(.*?)</td>', page) == ["0.0"]


def test_nothing_later_than_the_report_is_on_it(morning_risk):
    text = Page(render_morning_risk(morning_risk)).text
    assert "A later one" not in text
    assert "1 alert is open" in text
    assert "SMA 20/100 crossover on AAPL returned 1,289 %" in text
    curve = [*morning_risk.backtest["equity_curve"], {"date": "2013-03-04", "value": 1.0}]
    later = replace(morning_risk, backtest={**morning_risk.backtest, "equity_curve": curve})
    assert "SMA 20/100" not in Page(render_morning_risk(later)).text


def test_missing_figures_are_dashes_never_zero(morning_risk):
    page = render_morning_risk(morning_risk)
    row = re.search(r'<th scope="row">IBM 22 Jun 13 200 C.*?</tr>', page, re.DOTALL)
    assert row is not None
    assert row.group().count("<td>–</td>") == 2
    assert "earlier price" in row.group()
    assert "1 position is left out of Greeks, scenarios and VaR" in page


def test_what_is_assumed_is_said(morning_risk):
    options = morning_risk.positions["kind"].ne("share")
    count = int(options.sum())
    text = Page(render_morning_risk(morning_risk)).text
    assert f"{count} American with early exercise, 0 European by Black-Scholes-Merton" in text
    assert f"tell the forward of {count} of {count} options" in text
    assert "interest rate 0.10 %, and" in text
    mixed = morning_risk.positions.copy()
    at = options[options].index[0]
    mixed.loc[at, "exercise"], mixed.loc[at, "carry"] = "european", "assumed"
    text = Page(render_morning_risk(replace(morning_risk, positions=mixed))).text
    assert f"{count - 1} American with early exercise, 1 European by Black-Scholes-Merton" in text
    assert f"tell the forward of {count - 1} of {count} options" in text
    assert "last 500 sessions" in text


def test_the_sum_of_the_parts_is_the_total(morning_risk):
    """The waterfall's steps add up to the day's P&L, also when a closed position made part of it."""
    page = render_morning_risk(
        replace(morning_risk, headline=replace(morning_risk.headline, day_pnl=-8898.4))
    )
    told = re.search(r'aria-label="P&amp;L by underlying in dollars: (.*?)\."', page)
    assert told is not None
    steps = dict(re.findall(r"(\w+) ([−+]\d[\d,]*\d)", told.group(1)))
    assert steps == {"AAPL": "−6,460", "IBM": "−1,968", "GOOG": "+530", "Closed": "−1,000"}


@pytest.mark.browser
def test_it_prints_as_two_a4_pages_with_footers(morning_risk, tmp_path):
    if not can_print():
        pytest.skip("needs playwright and Chromium: pip install -e '.[dev]' and apt-get install chromium")
    page = tmp_path / "report.html"
    page.write_text(render_morning_risk(morning_risk), encoding="utf-8")
    assert print_pdf(page, tmp_path / "report.pdf") is None
    data = (tmp_path / "report.pdf").read_bytes()
    assert data.startswith(b"%PDF")
    assert data.count(b"/Type /Page\n") == 2 or b"/Count 2" in data
    # A4 in points.
    assert re.search(rb"/MediaBox \[0 0 59[45](\.\d+)? 84[12](\.\d+)?\]", data)


@pytest.mark.browser
def test_a_real_browser_asks_no_one_and_has_nothing_to_complain_of(morning_risk, tmp_path):
    if not can_print():
        pytest.skip("needs playwright and Chromium: pip install -e '.[dev]' and apt-get install chromium")
    from playwright.sync_api import sync_playwright

    page = tmp_path / "report.html"
    page.write_text(render_morning_risk(morning_risk), encoding="utf-8")
    requests, complaints = [], []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 390, "height": 800})
        tab.on("request", lambda request: requests.append(request.url))
        tab.on("console", lambda message: complaints.append(message.text))
        tab.goto(page.as_uri())
        width = tab.evaluate("document.documentElement.scrollWidth")
        browser.close()
    assert requests == [page.as_uri()]
    assert complaints == []
    assert width <= 390


def test_without_a_browser_there_is_a_reason_and_no_pdf(morning_risk, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not can_print()
    assert print_pdf(tmp_path / "report.html", tmp_path / "report.pdf") == "no Chromium is installed"
    assert not (tmp_path / "report.pdf").exists()

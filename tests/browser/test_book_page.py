"""The book in a real browser: no request elsewhere, fully styled, answering a slider, a click and a theme."""

import json
import re

import openpyxl
import pytest

from workbench.plots import DARK, LIGHT, written
from workbench.plots.numbers import TICK_CODE

BOOK = "voila/render/book.ipynb"

# Panel builds its parts in shadow roots: this looks through all of them.
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


MODELS = "Bokeh.documents.flatMap((d) => [...d._all_models.values()])"


def rgb(colour: str) -> str:
    return f"rgb({int(colour[1:3], 16)}, {int(colour[3:5], 16)}, {int(colour[5:7], 16)})"


def figures(page) -> dict[str, float]:
    return page.evaluate(
        f"() => Object.fromEntries(({DEEP})('[data-figure]')"
        ".map((e) => [e.dataset.figure, Number(e.dataset.value)]))"
    )


def computed(page, query: str, name: str) -> list[str]:
    return page.evaluate(
        f"([query, name]) => ({DEEP})(query).map((e) => getComputedStyle(e)[name])", [query, name]
    )


def bokeh(page, expression: str):
    """Evaluate with `all`, every Bokeh model of the page."""
    return page.evaluate(f"() => {{ const all = {MODELS}; return {expression}; }}")


def wait_for_figure(page, name: str, value: float):
    page.wait_for_function(
        f"([name, value]) => ({DEEP})(`[data-figure=${{name}}]`).some("
        "(e) => Math.abs(Number(e.dataset.value) - value) < 1e-6 * Math.max(1, Math.abs(value)))",
        arg=[name, value],
        timeout=30_000,
    )


def column(name: str) -> str:
    """Return JavaScript that reads a column of the data source `s`, kept as a map or as an object."""
    return f"[...(s.data.get?.('{name}') ?? s.data['{name}'])]"


def press(page, handle: int, key: str, times: int):
    page.locator(".noUi-handle").nth(handle).focus()
    for _ in range(times):
        page.keyboard.press(key)


def data_of(page, name: str, *columns: str):
    """Return columns of the data behind the renderer of that name."""
    wanted = ", ".join(column(each) for each in columns)
    found = f"all.find((m) => m.name === '{name}' && m.data_source)?.data_source"
    return bokeh(page, f"((s) => [{wanted}])({found})")


@pytest.fixture(scope="module")
def headline(demo_desk):
    return demo_desk.headline().figures()


def test_the_page_shows_the_desks_headline_and_asks_no_other_host(open_page, headline):
    watched = open_page(BOOK)
    shown = figures(watched.page)
    assert {name: shown[name] for name in headline} == pytest.approx(headline, rel=1e-12)
    watched.page.wait_for_timeout(1500)
    watched.keep("book_light")
    watched.must_be_clean()
    assert "token" not in watched.page.url, "the token has left the address bar"


def test_the_page_is_fully_styled(open_page):
    watched = open_page(BOOK)
    page = watched.page
    assert computed(page, "body", "backgroundColor") == [rgb(LIGHT["page"])]
    assert set(computed(page, ".wb-figures", "backgroundColor")) == {rgb(LIGHT["surface"])}
    assert rgb(LIGHT["loss"]) in computed(page, ".wb-value", "color")
    assert set(computed(page, ".wb-value", "fontSize")) == {"22px"}
    # The table's own style sheet has come, and ours over it.
    assert set(computed(page, ".tabulator", "position")) == {"relative"}
    assert set(computed(page, ".tabulator-tableholder .tabulator-row", "backgroundColor")) == {
        rgb(LIGHT["surface"])
    }
    assert rgb(LIGHT["loss"]) in computed(page, ".tabulator-cell .loss", "color")
    assert all("Segoe UI" in font for font in computed(page, "h1, h2, .tabulator-cell, td", "fontFamily"))
    assert page.evaluate("document.fonts.status") == "loaded"


def test_a_slider_changes_the_scenario_and_the_picture(open_page, demo_desk):
    watched = open_page(BOOK)
    page = watched.page
    press(page, 0, "ArrowLeft", 4)
    press(page, 1, "ArrowRight", 4)
    wait_for_figure(page, "scenario_pnl", demo_desk.stress(spot=-0.04, volatility=0.04).pnl)
    page.wait_for_timeout(500)
    assert data_of(page, "chosen", "x", "y") == [["−4 %"], ["+4 pt"]]
    text = " ".join(page.locator(".tabulator-calcs-bottom .tabulator-cell").all_inner_texts())
    assert written(demo_desk.stress(spot=-0.04, volatility=0.04).pnl) in text
    (before,) = data_of(page, "cells", "pnl")
    press(page, 2, "ArrowRight", 1)
    wait_for_figure(page, "scenario_pnl", demo_desk.stress(spot=-0.04, volatility=0.04, days=1).pnl)
    page.wait_for_timeout(500)
    (after,) = data_of(page, "cells", "pnl")
    assert after == pytest.approx(demo_desk.scenario_grid(days=1).to_numpy().ravel().tolist())
    assert after != before
    watched.keep("book_scenario")
    watched.must_be_clean()


def test_a_click_on_a_row_opens_its_underlying(open_page):
    watched = open_page(BOOK)
    page = watched.page
    page.locator(".tabulator-cell[tabulator-field=description]", has_text="IBM shares").click()
    label = "all.filter((m) => m.axis_label?.endsWith?.(', $')).map((m) => m.axis_label)"
    page.wait_for_function(
        f"() => {MODELS}.some((m) => m.axis_label === 'IBM, $')",
        timeout=30_000,
    )
    assert bokeh(page, label) == ["IBM, $"]
    page.wait_for_function(f"() => ({DEEP})('h2').some((e) => e.textContent === 'IBM')")
    watched.must_be_clean()


def test_headers_sort_by_true_numbers(open_page):
    watched = open_page(BOOK)
    page = watched.page
    page.locator(".tabulator-col[tabulator-field=value]").click()
    page.wait_for_timeout(500)
    texts = page.locator(".tabulator-tableholder .tabulator-cell[tabulator-field=value]").all_inner_texts()
    numbers = [float(text.replace("−", "-").replace(",", "")) for text in texts]
    assert len(numbers) > 5 and numbers in (sorted(numbers), sorted(numbers, reverse=True))
    assert page.locator(".tabulator-col[tabulator-field=value]").get_attribute("aria-sort") in (
        "ascending",
        "descending",
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_reader_can_change_between_light_and_dark(open_page, scheme):
    """The reader's preference first, then the choice; figures follow, and it is kept for the next visit."""
    watched = open_page(BOOK, scheme=scheme)
    page = watched.page
    page.wait_for_timeout(1000)
    themes = {"light": LIGHT, "dark": DARK}
    axis = "all.find((m) => m.axis_label === 'Change of implied volatility').axis_label_text_color"

    def check(name):
        assert computed(page, "body", "backgroundColor") == [rgb(themes[name]["page"])]
        assert bokeh(page, axis) == themes[name]["ink2"]
        assert (
            bokeh(page, "all.find((m) => m.name === 'cells' && m.glyph).glyph.fill_color.field")
            == f"fill_{name}"
        )

    check(scheme)
    other = "dark" if scheme == "light" else "light"
    page.get_by_role("button", name=other.capitalize(), exact=True).click()
    check(other)
    watched.keep(f"book_{scheme}_then_{other}")
    page.reload()
    page.wait_for_selector(".tabulator-row", timeout=60_000)
    page.wait_for_timeout(1000)
    check(other)
    watched.must_be_clean()


def test_on_a_telephone_the_page_is_one_column(open_page):
    watched = open_page(BOOK, width=390, height=844)
    page = watched.page
    page.wait_for_timeout(1500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    lefts = page.evaluate(f"() => ({DEEP})('.wb-card').map((e) => Math.round(e.getBoundingClientRect().x))")
    assert len(set(lefts)) == 1
    watched.keep("book_phone")
    headers = []
    for _ in range(160):  # a page that was kept ready is made anew once it is told that it is open
        headers = [
            each.inner_text() for each in page.locator(".tabulator-col-title").all() if each.is_visible()
        ]
        if headers == ["Position", "P&L, $", "State"]:
            break
        page.wait_for_timeout(250)
    assert headers == ["Position", "P&L, $", "State"]
    assert len(bokeh(page, "all.find((m) => m.factors && m.factors.includes('0 %')).factors")) <= 7
    low = page.evaluate(
        f"() => ({DEEP})('.bk-btn, .tabulator-row').filter((e) => e.offsetParent)"
        ".map((e) => e.getBoundingClientRect().height)"
    )
    assert min(low) >= 36
    watched.keep("book_phone")
    watched.must_be_clean()


@pytest.mark.parametrize(("button", "suffix"), [("Export CSV", "csv"), ("Export Excel", "xlsx")])
def test_the_book_can_be_taken_away(open_page, demo_desk, tmp_path, button, suffix):
    watched = open_page(BOOK)
    with watched.page.expect_download(timeout=30_000) as waiting:
        watched.page.get_by_text(button).click()
    file = tmp_path / f"book.{suffix}"
    waiting.value.save_as(file)
    assert re.fullmatch(rf"book-\d{{4}}-\d\d-\d\d\.{suffix}", waiting.value.suggested_filename)
    book = demo_desk.book()
    if suffix == "xlsx":
        sheet = openpyxl.load_workbook(file)["Positions"]
        names = [cell.value for cell in sheet[1]]
        values = [row[names.index("value")].value for row in sheet.iter_rows(min_row=2)]
    else:
        import pandas as pd

        values = pd.read_csv(file)["value"].tolist()
    assert values == pytest.approx(book["value"].tolist())
    watched.must_be_clean()


def test_numbers_on_axes_are_written_as_python_writes_them(open_page):
    numbers = [-1234.5, 0.0, 2.5, 3.5, 0.125, -0.4, 1e6, 7.125]
    page = open_page("", wait_for="h1").page
    told = page.evaluate(
        f"""() => {{ const write = new Function("tick", "digits", "signed", "unit", {json.dumps(TICK_CODE)});
        return {json.dumps(numbers)}.map((n) => [0, 1, 2].map((d) => write(n, d, true, ""))); }}"""
    )
    assert told == [[written(n, d, signed=True) for d in (0, 1, 2)] for n in numbers]


@pytest.mark.parametrize("path", ["", "workbench/reports/"])
def test_the_plain_pages_look_like_the_desk(open_page, path):
    watched = open_page(path, wait_for="table")
    assert computed(watched.page, ".wb-card", "backgroundColor") == [rgb(LIGHT["surface"])]
    watched.keep(f"plain_{path.strip('/').replace('/', '_') or 'list'}")
    watched.must_be_clean()


def test_a_report_opens_without_asking_anybody(open_page):
    watched = open_page("workbench/reports/", wait_for="table")
    watched.page.get_by_role("link", name="Report", exact=True).first.click()
    watched.page.wait_for_load_state("load")
    assert "/workbench/reports/morning_risk/" in watched.page.url
    watched.keep("report")
    watched.must_be_clean()


def test_keyboard_alone_reaches_every_control(open_page):
    watched = open_page(BOOK)
    page = watched.page
    page.wait_for_timeout(500)
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                """() => { let e = document.activeElement;
                while (e?.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
                return (e?.textContent || e?.className || e?.tagName || "").trim().slice(0, 40); }"""
            )
        )
    words = " ".join(reached)
    for name in ("Reports", "Light", "Dark", "Export CSV", "Export Excel", "noUi-handle", "AAPL"):
        assert name in words, name

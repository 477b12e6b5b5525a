"""The options page in a real browser: clicks and sliders answer with what the engines say."""

import pytest

from workbench.pricing import black_scholes_greeks, build_structure, payoff_summary

OPTIONS = "voila/render/options.ipynb"

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
    """Click the button that says these words."""
    page.locator(f'[data-say="{words}"]').first.click()


def wait_for_figure(page, name, value):
    page.wait_for_function(
        f"([name, value]) => ({DEEP})(`[data-figure=${{name}}]`).some("
        "(e) => Math.abs(Number(e.dataset.value) - value) < 1e-6 * Math.max(1, Math.abs(value)))",
        arg=[name, value],
        timeout=30_000,
    )


def wait_for_text(page, query, text):
    page.wait_for_function(
        f"([query, text]) => ({DEEP})(query).some((e) => e.textContent.includes(text))",
        arg=[query, text],
        timeout=30_000,
    )


@pytest.fixture
def opened(open_page):
    return open_page(OPTIONS, wait_for=".wb-chain")


@pytest.fixture(scope="module")
def chain(demo_desk):
    return demo_desk.chain("AAPL")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_opens_whole_and_asks_no_other_host(open_page, scheme, demo_desk):
    watched = open_page(OPTIONS, scheme=scheme, wait_for=".wb-chain")
    wait_for_figure(watched.page, "spot", float(demo_desk.chain("AAPL")["spot"].iloc[0]))
    watched.page.wait_for_timeout(1500)
    assert watched.page.evaluate("document.documentElement.scrollHeight") <= 930
    assert watched.page.locator("nav a[aria-current=page]").inner_text() == "Options"
    watched.keep(f"options_{scheme}")
    watched.must_be_clean()


def test_an_expiry_and_a_structure_answer_a_click(opened, chain, demo_desk):
    page = opened.page
    expiries = demo_desk.expiries("AAPL")["expiry"]
    click(page, "expiry 0")
    wait_for_text(page, "h2", f"Chain, {expiries[0].day} {expiries[0]:%b %Y}")
    click(page, "structure short_strangle")
    click(page, "structure iron_condor")
    legs = build_structure("iron_condor", chain, expiry=expiries[0], quantity=10)
    wait_for_figure(page, "max_loss", payoff_summary(legs).max_loss)
    opened.keep("options_condor")
    opened.must_be_clean()


def test_a_price_becomes_a_leg(opened):
    page = opened.page
    click(page, "clear")
    wait_for_text(page, ".wb-state", "No leg yet")
    page.locator(".wb-price button").first.click()
    page.wait_for_selector(".wb-chip-leg.sold", timeout=30_000)
    opened.must_be_clean()


def test_a_slider_changes_the_price_to_what_the_engine_says(opened):
    page = opened.page
    click(page, "part calculator")
    page.wait_for_selector(".wb-keys", timeout=30_000)
    page.get_by_role("button", name="European", exact=True).click()
    boxes = page.locator(".wb-card input.bk-input:visible")
    for place, text in enumerate(("430", "440", "73", "25", "0", "0")):
        boxes.nth(place).fill(text)
        boxes.nth(place).press("Enter")
    terms = {"rate": 0.0, "dividend_yield": 0.0, "greeks": ["price", "vega"], "units": "trader"}
    wait_for_figure(page, "price", float(black_scholes_greeks(430, 440, 0.2, 0.25, **terms)["price"]))
    handle = page.locator(".noUi-handle").nth(3)
    handle.focus()
    handle.press("ArrowRight")
    expected = black_scholes_greeks(430, 440, 0.2, 0.255, **terms)
    wait_for_figure(page, "price", float(expected["price"]))
    wait_for_figure(page, "vega", float(expected["vega"]))
    boxes.nth(0).fill("430,5")
    boxes.nth(0).press("Enter")
    wait_for_text(page, ".wb-wrong", "decimals take a point; Spot stays at 430.")
    wait_for_figure(page, "price", float(expected["price"]))
    opened.keep("options_calculator")
    opened.must_be_clean()


def test_headers_sort_the_chain_by_true_numbers(opened):
    page = opened.page
    click(page, "sort P-ask")
    page.wait_for_selector("th[aria-sort=descending]", timeout=30_000)
    texts = page.locator(".wb-chain tbody tr td:nth-last-child(4)").all_inner_texts()
    asks = [float(text.replace(",", "")) for text in texts]
    assert len(asks) > 5 and asks == sorted(asks, reverse=True)
    opened.must_be_clean()


def test_the_surface_opens(opened):
    click(opened.page, "part surface")
    wait_for_text(opened.page, "h2", "Implied volatility by expiry and delta")
    opened.page.wait_for_timeout(1500)
    opened.keep("options_surface")
    opened.must_be_clean()


def test_on_a_telephone_the_page_is_one_column(open_page):
    watched = open_page(OPTIONS, width=390, height=844, wait_for=".wb-chain")
    watched.page.wait_for_timeout(1500)
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= 390
    watched.keep("options_phone")
    watched.must_be_clean()

"""What the calculator shows and reads: its figures with their units, cash dividends as they are typed."""

from html import escape

from workbench.errors import PricingInputError
from workbench.plots import written
from workbench.pricing.by_model import OF_A_FORWARD, PricingModel
from workbench.views.book_parts import MODELLED, card_title_html
from workbench.views.number_field import read_number

DAYS_PER_YEAR = 365.0
# What is shown of each Greek: name in the engine, label, unit behind `units="trader"`, digits.
FIGURES = (
    ("price", "Price", "$ per share", 4),
    ("delta", "Delta", "shares per option", 4),
    ("gamma", "Gamma", "delta per $ 1", 5),
    ("vega", "Vega", "$ per vol point", 4),
    ("theta", "Theta", "$ per day", 4),
    ("rho", "Rho", "$ per 1 % of rate", 4),
)
FURTHER = (
    ("phi", "Phi", "$ per 1 % of yield", 4),
    ("vanna", "Vanna", "delta per vol point", 5),
    ("vomma", "Vomma", "vega per vol point", 5),
    ("charm", "Charm", "delta per day", 5),
    ("color", "Color", "gamma per day", 6),
    ("speed", "Speed", "gamma per $ 1", 6),
    ("veta", "Veta", "vega per day", 5),
    ("zomma", "Zomma", "gamma per vol point", 6),
    ("ultima", "Ultima", "vomma per vol point", 6),
    ("dual_delta", "Dual delta", "$ per $ 1 of strike", 4),
    ("dual_gamma", "Dual gamma", "per $ 1 of strike", 5),
)
MODEL_NAMES: dict[PricingModel, str] = {
    "black_scholes": "Black-Scholes-Merton",
    "american": "Andersen-Lake-Offengenden",
    "black76": "Black, on a forward",
    "bachelier": "Bachelier, on a forward",
}
# Why a price has no volatility, by the engine's status.
UNSOLVED = {
    "below_intrinsic": "{price} $ is no more than the least the option is worth, so no volatility gives it.",
    "above_bound": "{price} $ is more than the option can ever be worth, so no volatility gives it.",
    "no_time": "No time is left, so no volatility matters.",
}


def unit_of(unit: str, model: PricingModel) -> str:
    """Return a figure's unit under a model; Bachelier's volatility is in money, not in per cent."""
    return unit.replace("vol point", "$ 0.01 of volatility") if model == "bachelier" else unit


def dividends_of(text: str) -> list[tuple[float, float]]:
    """Read cash dividends as they are typed: days and amount with a colon, commas between.

    Returns
    -------
    list of (years, amount)

    Raises
    ------
    PricingInputError
        If a part is no pair of numbers, or one of them is below zero.

    Examples
    --------
    >>> dividends_of("73: 0.82, 146: 0.9")
    [(0.2, 0.82), (0.4, 0.9)]
    """
    found = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        days, colon, amount = (read_number(each) if each != ":" else each for each in part.partition(":"))
        if not colon or not isinstance(days, float) or not isinstance(amount, float):
            raise PricingInputError(
                f"“{part[:24]}” is no dividend; give days and amount with a colon, as in 30: 0.82, 121: 0.82."
            )
        if days < 0 or amount < 0:
            raise PricingInputError(f"“{part[:24]}” is below zero; dividends to come have days and amounts.")
        found.append((days / DAYS_PER_YEAR, amount))
    return found


def results_html(figures: dict[str, float], *, model: PricingModel, with_cash: str = "") -> str:
    """Return price and first Greeks, each with its unit under it and its exact value as `data-value`."""
    cells = "".join(
        f'<div class="wb-key"><dt>{escape(label)}</dt>'
        f'<dd><div class="wb-value" data-figure="{name}" data-value="{figures[name]!r}">'
        f'{written(figures[name], digits)}</div><div class="wb-unit">{escape(unit_of(unit, model))}</div>'
        "</dd></div>"
        for name, label, unit, digits in FIGURES
    )
    note = f"cash dividends, {with_cash} model" if with_cash else MODEL_NAMES[model]
    title = card_title_html("Price and Greeks", note, after=MODELLED)
    return f'{title}<dl class="wb-keys" aria-live="polite">{cells}</dl>'


def further_html(figures: dict[str, float], *, model: PricingModel) -> str:
    """Return the further Greeks as a table; those that the method does not give are left out."""
    rows = "".join(
        f'<tr><th scope="row">{escape(label)}</th><td data-figure="{name}" data-value="{figures[name]!r}">'
        f'{written(figures[name], digits)}</td><td class="wb-words">{escape(unit_of(unit, model))}</td></tr>'
        for name, label, unit, digits in FURTHER
        if name in figures
    )
    per = "forward" if model in OF_A_FORWARD else "spot"
    return (
        f'<div class="wb-title wb-next"><h2>Further Greeks</h2><span>per $ 1 is of the {per}</span>'
        '</div><table><thead><tr><th scope="col">Greek</th><th scope="col">Value</th>'
        f'<th scope="col" class="wb-words">Unit</th></tr></thead><tbody>{rows}</tbody></table>'
    )

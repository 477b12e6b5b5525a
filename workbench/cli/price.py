"""One option priced on the command line; needs no desk."""

import json
import math
import re
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.options import DeskCommand

if TYPE_CHECKING:  # the engines load where they are asked
    from workbench.pricing.by_model import PricingModel
    from workbench.pricing.greeks import Units

MODELS = ("black_scholes", "black76", "bachelier", "american")
FIRST = ("delta", "gamma", "vega", "theta", "rho")
# Unit of each figure in trader's and in natural units, per share of the underlying.
UNITS = {
    "price": ("a share", "a share"),
    "delta": ("per 1.00 of spot", "per 1.00 of spot"),
    "gamma": ("delta per 1.00 of spot", "delta per 1.00 of spot"),
    "vega": ("per volatility point", "per 1.00 of volatility"),
    "theta": ("per calendar day", "per year"),
    "rho": ("per 1 % of rate", "per 1.00 of rate"),
    "phi": ("per 1 % of yield", "per 1.00 of yield"),
    "vanna": ("delta per volatility point", "delta per 1.00 of volatility"),
    "vomma": ("vega per volatility point", "vega per 1.00 of volatility"),
    "charm": ("delta per calendar day", "delta per year"),
    "speed": ("gamma per 1.00 of spot", "gamma per 1.00 of spot"),
    "color": ("gamma per calendar day", "gamma per year"),
    "zomma": ("gamma per volatility point", "gamma per 1.00 of volatility"),
    "veta": ("vega per calendar day", "vega per year"),
    "ultima": ("vomma per volatility point", "vomma per 1.00 of volatility"),
    "dual_delta": ("per 1.00 of strike", "per 1.00 of strike"),
    "dual_gamma": ("dual delta per 1.00 of strike", "dual delta per 1.00 of strike"),
}
OF_A_FORWARD = ("black76", "bachelier")
DAYS_PER_YEAR = 365.0


class NumbersCommand(DeskCommand):
    """A command that takes -5 for a number: a forward may lie below zero."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let what looks like a negative number pass for an argument."""
        ctx.ignore_unknown_options = any(re.match(r"-\.?\d", each) for each in args)
        return super().parse_args(ctx, args)


@click.command(cls=NumbersCommand)
@click.argument("numbers", nargs=-1, type=float, required=True, metavar="SPOT STRIKE [YEARS] [VOLATILITY]")
@click.option("--days", type=float, help="Calendar days to expiry, instead of YEARS (days / 365).")
@click.option("--put", is_flag=True, help="A put; else a call.")
@click.option(
    "--rate",
    type=float,
    default=0.0,
    show_default=True,
    help="Interest a year, continuously compounded; 0.05 is 5 %.",
)
@click.option(
    "--yield",
    "dividend_yield",
    type=float,
    default=0.0,
    show_default=True,
    help="Dividend yield a year, continuously compounded.",
)
@click.option("--american", is_flag=True, help="May be exercised early; the same as --model american.")
@click.option(
    "--model",
    type=click.Choice(MODELS),
    default="black_scholes",
    show_default=True,
    help="For black76 and bachelier SPOT is the forward.",
)
@click.option(
    "--dividend", "dividends", multiple=True, metavar="YEARS:AMOUNT", help="A cash dividend; may be repeated."
)
@click.option(
    "--dividend-model",
    type=click.Choice(["spot", "escrowed"]),
    help="How cash dividends leave the spot; needed with --dividend.",
)
@click.option(
    "--greeks",
    default=",".join(FIRST),
    show_default=True,
    help="Names with commas between, 'all', or 'none'.",
)
@click.option(
    "--units",
    type=click.Choice(["trader", "natural"]),
    default="trader",
    show_default=True,
    help="Per day, point and per cent, or per 1.00 and year.",
)
@click.option(
    "--from-price", type=float, help="Find the volatility that gives this price; leave VOLATILITY out."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def price(
    numbers: tuple[float, ...],
    days: float | None,
    put: bool,
    rate: float,
    dividend_yield: float,
    american: bool,
    model: "PricingModel",
    dividends: tuple[str, ...],
    dividend_model: str | None,
    greeks: str,
    units: "Units",
    from_price: float | None,
    as_json: bool,
) -> None:
    """Price one option and show its Greeks, or find its implied volatility.

    Examples: workbench price 100 105 0.5 0.20 --rate 0.04 --american --put

    workbench price 100 105 --days 30 --from-price 1.25
    """
    spot, strike, years, volatility = _inputs(numbers, days, from_price)
    if american and model in OF_A_FORWARD:
        raise click.UsageError(f"--american prices on a spot, {model} on a forward; leave one of them out.")
    model = "american" if american else model
    cash = [_dividend(text) for text in dividends]
    if cash:
        _require_cash_model(model, dividend_model)
    if dividend_yield and model in OF_A_FORWARD:
        raise click.UsageError(f"--yield is in the forward already; leave it out with {model}.")
    document: dict[str, Any] = {
        "model": model,
        "right": "put" if put else "call",
        "forward" if model in OF_A_FORWARD else "spot": spot,
        "strike": strike,
        "years": years,
        "rate": rate,
    }
    if model not in OF_A_FORWARD:
        document["dividend_yield"] = dividend_yield
    if cash:
        document |= {"dividends": [list(each) for each in cash], "dividend_model": dividend_model}
    if from_price is not None:
        from workbench.pricing import implied_volatility

        found = implied_volatility(
            from_price,
            spot,
            strike,
            years,
            rate=rate,
            dividend_yield=dividend_yield,
            is_call=not put,
            model=model,
            dividends=cash or None,
            dividend_model=dividend_model,
        )
        volatility = float(found.volatility)
        document |= {"from_price": from_price, "status": str(found.status)}
    solved = not math.isnan(volatility)
    document["volatility"] = volatility if solved else None
    if solved:
        names = _names(greeks, model, with_cash=bool(cash))
        document["figures"] = _figures(
            model,
            (spot, strike, years, volatility),
            rate=rate,
            dividend_yield=dividend_yield,
            is_call=not put,
            dividends=cash,
            dividend_model=dividend_model,
            names=["price", *names],
            units=units,
        )
    if as_json:
        click.echo(json.dumps(document, indent=2))
    else:
        _show(document, units)
    if not solved:
        click.get_current_context().exit(1)


def _inputs(
    numbers: tuple[float, ...], days: float | None, from_price: float | None
) -> tuple[float, float, float, float]:
    """Return spot, strike, years and volatility (NaN where it is asked for)."""
    wanted = ["SPOT", "STRIKE"]
    wanted += [] if days is not None else ["YEARS"]
    wanted += [] if from_price is not None else ["VOLATILITY"]
    if len(numbers) != len(wanted):
        raise click.UsageError(
            f"{len(numbers)} number(s) were given; with these options they are {' '.join(wanted)}, "
            "as in: workbench price 100 105 0.5 0.20."
        )
    given = dict(zip(wanted, numbers, strict=True))
    years = days / DAYS_PER_YEAR if days is not None else given["YEARS"]
    return given["SPOT"], given["STRIKE"], years, given.get("VOLATILITY", float("nan"))


def _require_cash_model(model: str, dividend_model: str | None) -> None:
    if model != "american":
        raise click.UsageError("--dividend needs --american: the European models take a --yield.")
    if dividend_model is None:
        raise click.UsageError(
            "--dividend needs --dividend-model spot or escrowed; the two differ by per cents."
        )


def _dividend(text: str) -> tuple[float, float]:
    years, _, amount = text.partition(":")
    try:
        return float(years), float(amount)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not YEARS:AMOUNT, as in 0.25:1.00.") from error


def _names(text: str, model: "PricingModel", *, with_cash: bool) -> list[str]:
    """Return the names of the Greeks asked for."""
    word = text.strip().lower()
    if word == "none":
        return []
    if word == "all":
        from workbench.pricing.by_model import greeks_of

        return [name for name in greeks_of(model, with_cash=with_cash) if name != "price"]
    return [name.strip() for name in word.split(",") if name.strip()]


def _figures(
    model: "PricingModel",
    terms: tuple[float, float, float, float],
    *,
    rate: float,
    dividend_yield: float,
    is_call: bool,
    dividends: list[tuple[float, float]],
    dividend_model: str | None,
    names: list[str],
    units: "Units",
) -> dict[str, dict[str, Any]]:
    from workbench.pricing.by_model import greeks_by_model

    found = greeks_by_model(
        model,
        *terms,
        rate=rate,
        dividend_yield=dividend_yield,
        is_call=is_call,
        dividends=dividends or None,
        dividend_model=dividend_model,
        greeks=names,
        units=units,
    )
    place = 0 if units == "trader" else 1
    return {name: {"value": float(found[name]), "unit": _unit(name, model, place)} for name in names}


def _unit(name: str, model: str, place: int) -> str:
    unit = UNITS[name][place]
    if model in OF_A_FORWARD:
        unit = unit.replace("of spot", "of forward")
    if model == "bachelier":  # its volatility is in money
        unit = unit.replace("volatility point", "0.01 of volatility")
    return unit


def _show(document: dict[str, Any], units: str) -> None:
    from workbench.cli.show import show_pairs

    model, normal = document["model"], document["model"] == "bachelier"
    level = "forward" if "forward" in document else "spot"
    carry = f", yield {document['dividend_yield'] * 100:g} %" if document.get("dividend_yield") else ""
    title = (
        f"{document['right'].capitalize()} {document['strike']:g}, {level} {document[level]:g}, "
        f"{document['years'] * DAYS_PER_YEAR:g} days, rate {document['rate'] * 100:g} %{carry}; {model}"
    )
    rows = []
    if "status" in document:
        rows.append(("price", f"{document['from_price']:g}", "a share"))
        rows.append(("status", document["status"], ""))
    if document["volatility"] is not None:
        shown = (f"{document['volatility']:.6g}", "a year, in money") if normal else (
            f"{document['volatility'] * 100:.6g}", "% a year"
        )  # fmt: skip
        rows.append(("volatility", *shown))
    for name, figure in document.get("figures", {}).items():
        if name == "price" and "status" in document:
            continue
        rows.append((name.replace("_", " "), _written(figure["value"]), figure["unit"]))
    note = ""
    if "dividends" in document:
        paid = ", ".join(f"{amount:g} in {years:g} y" for years, amount in document["dividends"])
        note = f"cash dividends {paid}; {document['dividend_model']} model"
    show_pairs(rows, title=title, note=note)


def _written(value: float) -> str:
    return f"{value:.6g}".replace("-", "−")

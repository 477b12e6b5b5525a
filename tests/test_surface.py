"""What the package promises by name is there, documented, and spelled as promised."""

import importlib
import inspect
import pkgutil

import pytest

import workbench

ROOMS = sorted(
    module.name for module in pkgutil.iter_modules(workbench.__path__, "workbench.") if module.ispkg
)

PROMISED = {
    "ingest": ["provider", "symbols", "start", "end", "interval"],
    "load": ["path_or_frame", "kind", "source", "columns", "time_zone", "encoding"],
    "load_bars": ["frame", "source", "interval"],
    "bars": ["symbols", "start", "end", "interval", "adjust", "known_at"],
    "cache_stats": [],
    "chain": ["symbol", "as_of", "expiry", "known_at"],
    "expiries": ["symbol", "as_of"],
    "quotes": ["symbols"],
    "feeds": [],
    "replay": ["day", "speed", "symbols", "kinds"],
    "surface": ["symbol", "as_of"],
    "structure": ["symbol", "name", "as_of", "expiry", "days", "delta", "width", "strikes", "quantity"],
    "book": ["as_of"],
    "book_greeks": ["by", "as_of"],
    "stress": ["spot", "volatility", "days", "as_of"],
    "value_at_risk": ["confidence", "method", "horizon_days", "as_of"],
    "run": ["pipeline", "parameters"],
    "fetch_news": ["provider", "symbols", "start", "end"],
    "news": ["symbols", "start", "end", "as_of", "known_at"],
    "sentiment": ["symbols", "start", "end", "as_of", "known_at", "scorer"],
    "earnings": ["symbols", "start", "end", "as_of", "known_at", "revisions"],
    "alerts": [],
    "runs": [],
    "status": [],
}


OPTION = ["spot", "strike", "years", "volatility", "rate", "dividend_yield", "is_call"]
FORWARD = ["forward", "strike", "years", "volatility", "rate", "is_call"]
DIVIDENDS = ["dividends", "dividend_model", "accuracy"]
CHOICE = ["greeks", "units"]
PRICING = {
    "black_scholes_price": [*OPTION, "out"],
    "black_scholes_greeks": [*OPTION, *CHOICE, "out"],
    "black76_price": FORWARD,
    "black76_greeks": [*FORWARD, *CHOICE],
    "bachelier_price": FORWARD,
    "bachelier_greeks": [*FORWARD, *CHOICE],
    "implied_volatility": ["price", *OPTION[:3], *OPTION[4:], "model", *DIVIDENDS[:2]],
    "american_price": [*OPTION, *DIVIDENDS],
    "american_greeks": [*OPTION, *DIVIDENDS, *CHOICE],
    "dividend_price": [*OPTION, *DIVIDENDS, "american"],
    "dividend_value": [*OPTION, *DIVIDENDS, "american"],
    "dividend_greeks": [*OPTION, *DIVIDENDS, "american", *CHOICE],
    "binomial_price": [*OPTION, "american", "steps", "tree"],
}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_holds_what_it_promises(room):
    """Every name in `__all__` exists and has a docstring; `__init__` holds no logic."""
    module = importlib.import_module(room)
    assert module.__doc__
    for name in module.__all__:
        thing = getattr(module, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert inspect.getdoc(thing), f"{room}.{name}"


@pytest.mark.parametrize("method", sorted(PROMISED))
def test_the_desk_keeps_its_promised_signatures(method):
    """The first promises of the package: grow them, do not bend them."""
    signature = inspect.signature(getattr(workbench.Desk, method))
    assert set(PROMISED[method]) <= set(signature.parameters)
    assert inspect.getdoc(getattr(workbench.Desk, method))


@pytest.mark.parametrize("name", sorted(PRICING))
def test_pricing_keeps_its_promised_signatures(name):
    """The nouns may be given by place, in this order; everything after them by name."""
    from workbench import pricing

    assert name in pricing.__all__
    parameters = inspect.signature(getattr(pricing, name)).parameters
    promised = PRICING[name]
    nouns = promised[: promised.index("rate")]
    assert list(parameters)[: len(nouns)] == nouns
    for keyword in promised[len(nouns) :]:
        assert parameters[keyword].kind is inspect.Parameter.KEYWORD_ONLY, keyword


def test_errors_carry_a_base_and_a_builtin():
    """Every error is a WorkbenchError and also what a caller would expect."""
    from workbench import errors

    found = [
        thing
        for thing in vars(errors).values()
        if inspect.isclass(thing) and thing.__module__ == errors.__name__
    ]
    for error in found:
        assert issubclass(error, errors.WorkbenchError)
        if error is not errors.WorkbenchError:
            assert len(error.__mro__) > 4, error

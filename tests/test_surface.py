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
    "book": ["as_of"],
    "book_greeks": ["by", "as_of"],
    "stress": ["spot", "volatility", "days", "as_of"],
    "value_at_risk": ["confidence", "method", "horizon_days", "as_of"],
    "run": ["pipeline", "parameters"],
    "alerts": [],
    "runs": [],
    "status": [],
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


def test_errors_carry_a_base_and_a_builtin():
    """Every error is a WorkbenchError and also what a caller would expect."""
    from workbench import errors

    found = [thing for thing in vars(errors).values() if inspect.isclass(thing)]
    for error in found:
        assert issubclass(error, errors.WorkbenchError)
        if error is not errors.WorkbenchError:
            assert len(error.__mro__) > 4, error

"""The examples in the engines' docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

ROOMS = ("workbench.pricing", "workbench.volatility", "workbench.portfolio", "workbench.risk")
MODULES = [
    module.name
    for room in ROOMS
    for module in pkgutil.iter_modules(importlib.import_module(room).__path__, prefix=f"{room}.")
]


@pytest.mark.parametrize("name", ["workbench.arrays", *MODULES])
def test_examples_show_what_happens(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0

"""Modelled chains keep the rules of real ones and say that they are modelled."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from workbench.errors import DataFormatError, MissingDataError
from workbench.market import OPTION_QUOTES, session_close
from workbench.providers import ModelledChainProvider, parse_chain

DAY = date(2013, 3, 1)


def model(symbol, day, bid=6.1):
    row = {column.name: np.nan for column in OPTION_QUOTES} | {
        "symbol": f"{symbol:<6}130420P00430000", "underlying": symbol, "time": session_close("XNYS", day),
        "expiry": pd.Timestamp("2013-04-20"), "strike": 430.0, "right": "P", "bid": bid, "ask": 6.3,
        "exercise": "american", "multiplier": 100.0, "modelled": False, "flag": None,
    }  # fmt: skip
    return pd.DataFrame([row])


def test_every_row_says_modelled_whatever_the_model_says():
    provider = ModelledChainProvider(model)
    chain = provider.chain("AAPL", DAY)
    assert chain["modelled"].all()
    assert list(chain.columns) == [column.name for column in OPTION_QUOTES]
    assert provider.modelled
    assert "modelled" in provider.label
    assert parse_chain(chain).rows["modelled"].all()


def test_a_row_that_cannot_be_stops_the_chain():
    provider = ModelledChainProvider(lambda symbol, day: model(symbol, day, bid=-1.0))
    with pytest.raises(
        DataFormatError, match=r"1 modelled quotes of AAPL on 2013-03-01 cannot be: `bid` is -1"
    ):
        provider.chain("AAPL", DAY)


def test_a_model_without_rows_is_told():
    provider = ModelledChainProvider(lambda symbol, day: model(symbol, day).iloc[:0])
    with pytest.raises(MissingDataError, match="makes no chain of AAPL"):
        provider.chain("AAPL", DAY)

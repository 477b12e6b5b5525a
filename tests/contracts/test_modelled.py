"""The provider of modelled chains keeps the contract of all providers, as far as its promise goes."""

from datetime import date

import pytest

from tests.contracts.provider_contract import Known, Promised, ProviderContract
from tests.providers.test_modelled import model
from workbench.providers import ModelledChainProvider


class TestModelled(ProviderContract):
    kinds = ("option_chain",)

    @pytest.fixture
    def promised(self):
        provider = ModelledChainProvider(model, underlyings=["AAPL", "IBM"], day=date(2013, 3, 1))
        known = Known({"symbol": "AAPL  130420P00430000", "bid": 6.1, "ask": 6.3, "modelled": True})
        return Promised(provider, "AAPL", "APPL", known={"option_chain": known})

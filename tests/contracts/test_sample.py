"""The provider of the sample's prices keeps the contract of all providers."""

import pytest

from tests.contracts.provider_contract import Promised, ProviderContract
from workbench.providers import SampleProvider


class TestSample(ProviderContract):
    kinds = ("bars", "corporate_actions")

    @pytest.fixture
    def promised(self):
        # Apple closed at 430.47 on 2013-03-01 (raw).
        return Promised(SampleProvider(), "AAPL", "APPL", "2000-03-01", "2013-03-01", ("2013-03-01", 430.47))

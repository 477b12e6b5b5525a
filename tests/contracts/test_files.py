"""The provider of the user's own files keeps the contract of all providers, by the day and by the minute."""

import pytest

from tests.contracts.provider_contract import Promised, ProviderContract
from tests.providers.test_files_provider import INTRADAY, QQQ, SPY
from workbench.providers import FilesProvider


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "etfs.csv").write_text(SPY)
    (tmp_path / "QQQ.csv").write_text(QQQ)
    (tmp_path / "minutes.csv").write_text(INTRADAY)
    return tmp_path


class TestFilesDaily(ProviderContract):
    kinds = ("bars", "corporate_actions")

    @pytest.fixture
    def promised(self, folder):
        known = ("2021-03-19", 389.48)
        return Promised(FilesProvider(folder), "SPY", "SPYY", "2021-03-18", "2021-03-22", known)


class TestFilesMinutes(ProviderContract):
    kinds = ("bars", "corporate_actions")

    @pytest.fixture
    def promised(self, folder):
        first, last = "2021-03-19 13:30", "2021-03-19 13:31"
        return Promised(FilesProvider(folder), "IWM", "IWN", first, last, (first, 2.0), "1m")

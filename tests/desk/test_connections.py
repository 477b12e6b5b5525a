"""Services of a desk: keys are proved before they are kept, and each state is told with what to do."""

from pathlib import Path

import pytest

from tests.servers.alpaca import KEYS, AlpacaServer
from tests.servers.alpaca_world import fill
from workbench import Desk
from workbench.desk.connections import in_words
from workbench.errors import ArgumentError, NeedsLoginError, PermissionDeniedError, UnknownProviderError
from workbench.providers import SERVICE_NAMES, vendor_of
from workbench.security import variable_name
from workbench.settings import ServiceSettings


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "desk"


@pytest.fixture
def alpaca(monkeypatch):
    with AlpacaServer() as server:
        fill(server)
        for name, address in (("DATA_URL", server.http_url), ("TRADING_URL", server.http_url)):
            monkeypatch.setenv(f"WORKBENCH_SERVICES__ALPACA__{name}", address)
        yield server


def test_every_service_says_what_it_is(home):
    """Name, label, credentials and help of each, and a state without a single call."""
    with Desk.open(home) as desk:
        frame = desk.connections()
    assert list(frame.index) == list(SERVICE_NAMES)
    for name in SERVICE_NAMES:
        vendor = vendor_of(name)
        assert vendor.name == name
        assert vendor.label
        assert vendor.help_url.startswith("https://")
        keyless = not any(part.required for part in vendor.credentials)
        assert frame.loc[name, "state"] == ("not_asked" if keyless else "not_connected")
    assert frame.loc["alpaca", "what_to_do"] == "workbench connect alpaca"


def test_keys_that_work_are_kept_and_found_again(home, alpaca):
    with Desk.open(home) as desk:
        connection = desk.connect("alpaca", **KEYS)
        assert connection.state == "connected"
        assert connection.next == "workbench ingest alpaca AAPL"
        assert "bars" in " ".join(connection.lines())
    with Desk.open(home) as again:
        assert again.connections().loc["alpaca", "state"] in ("connected", "market_closed")
        assert again.provider("alpaca").name == "alpaca"
        assert again.disconnect("alpaca")
        assert not again.disconnect("alpaca")
        assert again.connections().loc["alpaca", "state"] == "not_connected"
    found = b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file())
    assert KEYS["secret_key"].encode() not in found


def test_from_keys_to_bars_of_a_service(home, alpaca):
    """Apple's closes of the first week of February 2022, by the desk's own keys and addresses."""
    with Desk.open(home) as desk:
        desk.connect("alpaca", **KEYS)
        summary = desk.ingest("alpaca", ["AAPL"], start="2022-02-01", end="2022-02-07")
        assert summary.loc["AAPL", "new"] == 5
        assert desk.bars("AAPL", adjust=None)["close"].tolist() == [174.61, 175.84, 172.90, 172.39, 171.66]
        calls = len(alpaca.seen)
        assert desk.ingest("alpaca", ["AAPL"], start="2022-02-01", end="2022-02-07").empty
        assert len(alpaca.seen) == calls


def test_keys_that_do_not_work_are_not_kept(home, alpaca):
    with Desk.open(home) as desk:
        with pytest.raises(NeedsLoginError) as caught:
            desk.connect("alpaca", key_id=KEYS["key_id"], secret_key="wrong-secret-key")
        assert "wrong-secret-key" not in str(caught.value)
        assert desk.connections().loc["alpaca", "state"] == "not_connected"
        kept = desk.connect("alpaca", keep=True, key_id=KEYS["key_id"], secret_key="wrong-secret-key")
        assert kept.state == "needs_login"
        assert desk.connections().loc["alpaca", "state"] == "needs_login"


def test_the_environment_connects_without_a_file(home, alpaca, monkeypatch):
    for name, value in KEYS.items():
        monkeypatch.setenv(variable_name("alpaca", name), value)
    with Desk.open(home) as desk:
        assert "environment" in desk.connect("alpaca").place
        assert desk.connections().loc["alpaca", "keys"] == "environment"
    assert not (home / "secrets.sealed").exists()


def test_what_is_missing_or_strange_is_said_without_the_value(home):
    with Desk.open(home) as desk:
        with pytest.raises(ArgumentError, match="WORKBENCH_ALPACA_SECRET_KEY"):
            desk.connect("alpaca", key_id="PK123456789")
        with pytest.raises(ArgumentError, match="key_id, secret_key") as caught:
            desk.connect("alpaca", token="canary-55a1")
        assert "canary-55a1" not in str(caught.value)
        with pytest.raises(UnknownProviderError, match="alpaca"):
            desk.connect("alpacca")
        with pytest.raises(UnknownProviderError):
            desk.connect("sample")
    with Desk.open(home, role="viewer") as viewer, pytest.raises(PermissionDeniedError):
        viewer.connect("alpaca", key_id="a", secret_key="b")


def test_a_service_that_is_gone_is_unreachable_with_its_address_to_check(home, alpaca, monkeypatch):
    with Desk.open(home) as desk:
        desk.connect("alpaca", **KEYS)
    with AlpacaServer() as gone:
        monkeypatch.setenv("WORKBENCH_SERVICES__ALPACA__DATA_URL", gone.http_url)
    with Desk.open(home) as desk:
        summary = desk.ingest("alpaca", "AAPL", start="2026-01-05", end="2026-01-09")
        assert summary.complaints["state"].tolist() == ["unreachable"]
        row = desk.connections().loc["alpaca"]
    assert row["state"] == "unreachable"
    assert "docs/services.md" in row["what_to_do"]


def test_login_links_are_those_of_the_services(home, monkeypatch):
    monkeypatch.setenv("WORKBENCH_SERVICES__ZERODHA__LOGIN_URL", "https://kite.test/connect/login")
    with Desk.open(home) as desk:
        assert desk.login_link("zerodha", api_key="k1") == "https://kite.test/connect/login?v=3&api_key=k1"
        assert desk.login_link("ibkr").startswith("https://localhost:5000")
        assert desk.login_link("alpaca") == ""


def test_states_are_words():
    assert in_words("rate_limited") == "rate limited"
    assert in_words("market_closed") == "market closed"


def test_every_address_and_key_stands_in_the_one_table():
    """docs/services.md: each setting with its variable and default, each credential with its variable."""
    text = (Path(__file__).parents[2] / "docs" / "services.md").read_text()
    services = ServiceSettings()
    for name in SERVICE_NAMES:
        section = getattr(services, name)
        for field in type(section).model_fields:
            default = getattr(section, field)
            shown = ", ".join(default) if isinstance(default, tuple) else str(default)
            variable = f"WORKBENCH_SERVICES__{name}__{field}".upper()
            cell = f"`{shown}`" if shown else "empty"
            assert f"| `services.{name}.{field}` | `{variable}` | {cell} |" in text
        for part in vendor_of(name).credentials:
            assert f"`{variable_name(name, part.name)}`" in text


def test_keys_that_cannot_be_read_are_a_state_of_their_services_alone(home, alpaca):
    with Desk.open(home) as desk:
        desk.connect("alpaca", **KEYS)
        (home / "secrets.sealed").write_bytes(b"damaged")
        frame = desk.connections()
    row = frame.loc["alpaca"]
    assert (row["state"], row["keys"]) == ("not_connected", "cannot be read")
    assert "secrets.sealed" in row["detail"]
    assert "readable" in row["what_to_do"]
    assert frame.loc["rss", "state"] == "not_asked"

"""The gateway's session: what it needs, what ends it, what the desk must not do to it."""

import ipaddress
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.servers.base import Answer
from tests.servers.ibkr import ACCOUNT, SESSION, IbkrServer
from workbench.errors import (
    NeedsLoginError,
    RateLimitedError,
    SecretsError,
    ServiceAnswerError,
    ServiceUnavailableError,
)
from workbench.settings import IbkrSettings
from workbench.transport import Transport
from workbench.vendors.ibkr import IbkrClient, our_symbol, their_symbol

LOGIN = "https://localhost:5000"


@pytest.fixture
def server():
    with IbkrServer() as server:
        yield server


@pytest.fixture(autouse=True)
def opened():
    """Close the clients that a test made."""
    client.made = []
    yield
    for each in client.made:
        each.close()


def client(server, keys=None, **options):
    settings = IbkrSettings(gateway_url=f"{server.http_url}/v1/api", login_url=LOGIN)
    found = IbkrClient(settings, keys, Transport(), **options)
    client.made.append(found)
    return found


def paths(server):
    return [request.path.removeprefix("/v1/api") for request in server.seen]


def test_the_accounts_are_asked_for_before_anything_else(server):
    server.add_share("AAPL")
    client(server).get("/trsrv/stocks", [("symbols", "AAPL")])
    assert paths(server) == ["/iserver/auth/status", "/iserver/accounts", "/trsrv/stocks"]


def test_a_session_that_stands_is_not_asked_about_at_every_call(server):
    shared = client(server)
    for _ in range(3):
        shared.get("/trsrv/stocks", [("symbols", "AAPL")])
    assert paths(server).count("/iserver/auth/status") == 1


def test_a_login_without_a_brokerage_session_gets_one_and_pushes_nobody_out(server):
    """The server asserts that the call says compete: false."""
    server.authenticated = False
    assert ACCOUNT in client(server).check()
    assert paths(server) == ["/iserver/auth/status", "/iserver/auth/ssodh/init", "/iserver/accounts"]


def test_a_session_that_another_program_holds_is_left_to_it(server):
    server.authenticated, server.competing = False, True
    transport = Transport()
    settings = IbkrSettings(gateway_url=f"{server.http_url}/v1/api", login_url=LOGIN)
    with pytest.raises(NeedsLoginError, match="holds it now; close that one first") as caught:
        IbkrClient(settings, None, transport).check()
    assert transport.states.get("ibkr").state == "needs_login"
    assert LOGIN in str(caught.value)
    assert paths(server) == ["/iserver/auth/status"]


def test_a_session_that_does_not_come_needs_a_login_with_its_page(server):
    server.authenticated = server.opens_session = False
    with pytest.raises(NeedsLoginError, match=f"Log in on {LOGIN}") as caught:
        client(server).check()
    assert caught.value.state == "needs_login"
    assert "once a day" in str(caught.value)


def test_nobody_logged_in_is_a_state_with_the_page_to_log_in_on(server):
    server.logged_in = False
    shared = client(server)
    with pytest.raises(NeedsLoginError, match=f"Log in on {LOGIN}"):
        shared.get("/trsrv/stocks")
    assert len(server.seen) == 1
    # After the morning's login everything goes on.
    server.logged_in = True
    assert shared.get("/trsrv/stocks", [("symbols", "AAPL")]) == {}


def test_a_gateway_that_does_not_run_is_told_as_that(server):
    shared = client(server)
    server.__exit__(None, None, None)
    with pytest.raises(ServiceUnavailableError, match="Is the Client Portal gateway running at http://127"):
        shared.check()
    server.__enter__()


def test_a_session_lost_between_two_calls_is_opened_again_once(server):
    shared = client(server)
    shared.check()
    server.bad.refusal = (400, {"error": "Bad Request: no bridge", "statusCode": 400})
    server.bad.only = lambda request: "stocks" in request.path and len(server.calls("/stocks")) == 1
    assert shared.get("/trsrv/stocks", [("symbols", "AAPL")]) == {}
    assert paths(server).count("/iserver/auth/status") == 2
    assert paths(server).count("/trsrv/stocks") == 2


def test_past_its_limit_the_gateway_is_left_alone_for_a_quarter_of_an_hour(server):
    """It closes an address out for 15 minutes, and calls before that prolong it."""
    shared = client(server)
    shared.check()
    server.seen.clear()
    server.bad.limit(600)
    server.limit_headers = lambda seconds: {}
    for _ in range(3):
        with pytest.raises(RateLimitedError) as caught:
            shared.get("/trsrv/stocks", [("symbols", "AAPL")])
    assert caught.value.retry_at > datetime.now(UTC) + timedelta(minutes=14)
    assert len(server.seen) == 1


def test_the_session_id_comes_from_a_tickle_and_is_a_secret(server):
    assert client(server).tickle() == SESSION
    from workbench.redaction import redact

    assert SESSION not in redact(f"cookie is {SESSION}")


@pytest.mark.parametrize("body", [{}, [], {"session": None}, {"iserver": {"authStatus": "odd"}}])
def test_a_tickle_without_a_session_is_a_bad_answer(server, body):
    server._tickle = lambda request: Answer(body)
    with pytest.raises(ServiceAnswerError, match="no session"):
        client(server).tickle()


@pytest.mark.parametrize("status", [{}, [], None, {"authenticated": "yes"}])
def test_a_status_of_another_shape_is_no_session(server, status):
    server._status = lambda: status
    with pytest.raises((NeedsLoginError, ServiceAnswerError)):
        client(server).check()


def test_no_more_than_five_histories_are_under_way_at_once(server):
    busy, most, guard = 0, 0, threading.Lock()

    def history(request):
        nonlocal busy, most
        with guard:
            busy += 1
            most = max(most, busy)
        time.sleep(0.05)
        with guard:
            busy -= 1
        return Answer({"data": []})

    server._iserver_marketdata_history = history
    shared = client(server)
    threads = [threading.Thread(target=shared.history, args=([("conid", 1)],)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most <= 5
    assert len(server.calls("/history")) == 8


def test_contract_ids_are_kept_for_the_next_process(server):
    kept = []
    first = client(server, save=kept.append)
    first.remember({"AAPL": 265598, "BRK.B": 72063691})
    first.remember({"AAPL": 265598})
    assert len(kept) == 1
    assert client(server, kept[-1]).conids == {"AAPL": 265598, "BRK.B": 72063691}
    assert client(server, {"conids": "{broken"}).conids == {}
    assert client(server, {"conids": '{"AAPL": "x"}'}).conids == {}


def test_what_is_kept_fits_one_entry_of_a_keyring_and_no_answer_is_lost_with_it(server):
    kept = []
    first = client(server, save=kept.append)
    first.remember({f"SPY   300118C{strike:08d}": 700_000_000 + strike for strike in range(500)})
    assert len(kept[0]["conids"]) <= 2_000
    assert client(server, kept[0]).conids["SPY   300118C00000499"] == 700_000_499

    def full(keys):
        raise SecretsError("The keyring takes no more.")

    again = client(server, save=full)
    again.remember({"AAPL": 265598})
    assert again.conids["AAPL"] == 265598


# -- its own certificate -----------------------------------------------------------------------------------


@pytest.fixture
def own_certificate(tmp_path):
    """A certificate that nobody vouches for, as the gateway has one."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "gateway.pem"
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    private = key.private_bytes(encoding, form, serialization.NoEncryption())
    file.write_bytes(private + certificate.public_bytes(encoding))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def test_the_gateways_own_certificate_is_taken_on_this_machine(own_certificate):
    with IbkrServer(tls=own_certificate) as server:
        assert server.http_url.startswith("https://")
        assert ACCOUNT in client(server).check()


def test_everywhere_else_certificates_are_checked():
    checked = []

    class Noting(Transport):
        def client(self, base_url, **options):
            checked.append((base_url, options["verify"]))
            return super().client(base_url, **options)

    for url in (
        "https://localhost:5000/v1/api",
        "https://127.0.0.1:5000/v1/api",
        "https://gateway.example/v1/api",
    ):
        IbkrClient(IbkrSettings(gateway_url=url), None, Noting()).close()
    assert [verify for _, verify in checked] == [False, False, True]


@pytest.mark.parametrize(
    ("gateway", "stream"),
    [
        ("https://localhost:5000/v1/api", "wss://localhost:5000/v1/api/ws"),
        ("http://127.0.0.1:9000/v1/api/", "ws://127.0.0.1:9000/v1/api/ws"),
    ],
)
def test_the_stream_is_beside_the_gateway(gateway, stream):
    found = IbkrClient(IbkrSettings(gateway_url=gateway), None, Transport())
    assert found.stream_url == stream
    found.close()


# -- symbols -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("AAPL", "AAPL"),
        ("BRK.B", "BRK B"),
        ("SPX", "SPX"),
        ("SPXW  261120P06850000", "SPXW  261120P06850000"),
    ],
)
def test_symbols_are_written_both_ways(ours, theirs):
    assert their_symbol(ours) == theirs
    assert our_symbol(theirs) == ours

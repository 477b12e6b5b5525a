"""Ports that are taken, TLS with a login, JupyterLab, and how a server ends."""

import asyncio
import signal
import socket
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import websockets

from workbench.errors import PortInUseError, ServerSettingsError
from workbench.security import hash_password
from workbench.server.runtime import listen, note_path, running_server, write_note


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1, signed by itself, and its key."""
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return folder / "cert.pem", folder / "key.pem"


def test_with_tls_and_a_password_the_pages_open_by_either(run_server, tmp_path, certificate):
    options = {
        "certificate": str(certificate[0]),
        "private_key": str(certificate[1]),
        "password_hash": hash_password("correct horse"),
        "preheated_kernels": 0,
    }
    trusted = ssl.create_default_context(cafile=str(certificate[0]))
    with run_server("dashboards", tmp_path, **options) as server:
        assert server.url.startswith("https://")
        with httpx.Client(verify=trusted) as reader:
            assert reader.get(server.at("/")).status_code == 403
            assert server.log_in(reader, "wrong horse").status_code == 401
            answer = server.log_in(reader, "correct horse")
            assert "Secure" in answer.headers["set-cookie"]
            assert reader.get(server.at("/")).status_code == 200
        assert httpx.get(server.known("/"), verify=trusted).status_code == 200
        with pytest.raises(httpx.HTTPError):
            httpx.get(server.at("/").replace("https", "http"))


def test_a_server_ends_cleanly_and_takes_its_note_along(run_server, tmp_path):
    with run_server("dashboards", tmp_path, preheated_kernels=0) as server:
        assert running_server(tmp_path, "dashboards").url == server.url
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(20) == 0
        assert not any("Traceback" in line for line in server.written)
    assert not note_path(tmp_path, "dashboards").exists()


def test_jupyterlab_opens_with_the_token_only_and_keeps_a_users_notebooks(run_server, tmp_path):
    with run_server("lab", tmp_path) as server:
        for path in (
            "/lab",
            "/tree",
            "/voila/render/x.ipynb",
            "/workbench/reports/",
            "/workbench/assets/static/x/page.css",
            "/api/contents",
            "/api/kernels",
            "/files/01_start_here.ipynb",
        ):
            answer = httpx.get(server.at(path))
            assert answer.status_code == 403, path
            assert "location" not in answer.headers, path
            assert server.token not in answer.text
        started = httpx.post(server.known("/api/kernels"), json={"name": "python3"}, timeout=30)
        assert started.status_code == 201

        async def knock():
            address = server.at(f"/api/kernels/{started.json()['id']}/channels").replace("http", "ws", 1)
            with pytest.raises(websockets.InvalidStatus) as refused:
                async with websockets.connect(address):
                    pass
            return refused.value.response.status_code

        assert asyncio.run(knock()) == 403
        assert httpx.get(server.known("/lab")).status_code == 200
        assert "Reports" in httpx.get(server.known("/workbench/reports/")).text
        names = [entry["name"] for entry in httpx.get(server.known("/api/contents")).json()["content"]]
        assert "01_start_here.ipynb" in names


def test_a_port_of_another_program_is_named_with_what_to_do(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"Port {port} is in use by another program; choose another"):
            listen("127.0.0.1", port, home=tmp_path, kind="dashboards")


def test_our_own_server_on_the_port_is_recognised_and_its_address_given(tmp_path):
    sockets = listen("127.0.0.1", 0, home=tmp_path, kind="dashboards")
    port = sockets[0].getsockname()[1]
    write_note(tmp_path, "dashboards", url=f"http://127.0.0.1:{port}/", port=port)
    with pytest.raises(PortInUseError, match=rf"this desk's own server.*open http://127.0.0.1:{port}/"):
        listen("127.0.0.1", port, home=tmp_path, kind="dashboards")
    sockets[0].close()


def test_a_note_that_a_kill_left_behind_is_not_believed(tmp_path):
    finished = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    note = write_note(tmp_path, "lab", url="http://127.0.0.1:1/", port=1)
    text = note_path(tmp_path, "lab").read_text()
    note_path(tmp_path, "lab").write_text(text.replace(str(note.process), finished.stdout.strip()))
    assert running_server(tmp_path, "lab") is None
    note_path(tmp_path, "lab").write_text("{}")
    assert running_server(tmp_path, "lab") is None


def test_a_host_that_is_no_address_of_this_machine_is_named(tmp_path):
    with pytest.raises(ServerSettingsError, match="is no address of this machine"):
        listen("no-such-host.invalid", 0, home=tmp_path, kind="dashboards")

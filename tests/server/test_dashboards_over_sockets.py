"""`workbench serve` as strangers and readers meet it: a real Voila, asked over real sockets."""

import asyncio
import json
import re
import uuid

import httpx
import pytest
import websockets

from workbench.server.runtime import note_path

REPORT = "<html><body>the morning's figures</body></html>"


@pytest.fixture(scope="module")
def server(run_server, demo_home, tmp_path_factory):
    """One server on a demo desk, with a report of our own whose names need escaping."""
    import shutil

    home = shutil.copytree(demo_home, tmp_path_factory.mktemp("served") / "desk")
    folder = home / "reports" / "a<b>c" / "run-1"
    folder.mkdir(parents=True)
    (folder / "report.html").write_text(REPORT)
    (folder / "secret.toml").write_text("no = 'report'")
    (home / "reports" / "a<b>c" / ".half").mkdir()
    (home / "reports" / "a<b>c" / ".half" / "report.html").write_text(REPORT)
    (folder / "outside.html").symlink_to(home / "settings.toml")
    with run_server("dashboards", home) as running:
        yield running


@pytest.fixture(scope="module")
def page(server):
    """The book's page as one reader got it, with the reader's cookies."""
    with httpx.Client(timeout=60) as reader:
        answer = reader.get(server.known("/voila/render/book.ipynb"))
        assert answer.status_code == 200
        config = re.search(
            r'id="jupyter-config-data" type="application/json">(.*?)</script>', answer.text, re.S
        )
        yield answer, json.loads(config.group(1)), dict(reader.cookies)


CLOSED = (
    "/",
    "/voila/render/book.ipynb",
    "/voila/render/nothing.ipynb",
    "/workbench/reports/",
    "/workbench/reports/a%3Cb%3Ec/run-1/report.html",
    "/voila/static/voila.js",
    "/voila/templates/workbench/static/x.js",
    "/api/kernels/00000000-0000-0000-0000-000000000000",
)


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize("token", ["", "?token=", "?token=wrong", "?token=test-token-0123456789abcde"])
def test_without_the_token_every_page_answers_403_itself(server, path, token):
    answer = httpx.get(server.at(path) + token)
    assert answer.status_code == 403
    assert "location" not in answer.headers
    for inside in ("jupyter-config-data", "morning", server.token, "kernelId"):
        assert inside not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_no_other_verb_gets_in_either(server, method):
    answer = httpx.request(method, server.at("/voila/render/book.ipynb"))
    assert answer.status_code in (403, 405)


def test_the_token_opens_a_page_and_is_then_kept_as_a_cookie(server):
    with httpx.Client() as reader:
        first = reader.get(server.known("/"))
        assert first.status_code == 200
        assert "Book and risk" in first.text
        assert server.token not in first.text
        cookie = first.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
        assert reader.get(server.at("/")).status_code == 200


def test_a_header_opens_a_page_too(server):
    answer = httpx.get(server.at("/"), headers={"Authorization": f"token {server.token}"})
    assert answer.status_code == 200


def test_a_login_takes_the_token_and_refuses_a_wrong_one(server):
    with httpx.Client() as reader:
        assert server.log_in(reader, "wrong").status_code == 401
        assert reader.get(server.at("/")).status_code == 403
        answer = server.log_in(reader, server.token, after="/workbench/reports/")
        assert (answer.status_code, answer.headers["location"]) == (302, "/workbench/reports/")
        assert reader.get(server.at("/workbench/reports/")).status_code == 200


def test_a_login_without_its_hidden_field_is_refused(server):
    assert httpx.post(server.at("/login"), data={"password": server.token}).status_code == 403


def test_a_login_sends_nobody_to_another_host(server):
    with httpx.Client() as reader:
        assert server.log_in(reader, server.token, after="//evil.example/x").headers["location"] == "/"


def test_another_host_name_is_refused_on_loopback(server):
    answer = httpx.get(server.known("/"), headers={"Host": "rebound.example"})
    assert answer.status_code == 403


def test_the_page_is_small_and_names_no_other_host(page):
    answer, config, _ = page
    assert len(answer.content) < 200_000
    tags = re.findall(r"<(?:script|link|img)[^>]*?(?:src|href)=\"([^\"]+)\"", answer.text)
    assert tags and all(not tag.startswith(("http", "//")) for tag in tags)
    assert answer.headers["cache-control"].startswith("no-cache")
    assert config["baseUrl"] == "/"


def test_every_asset_of_the_page_may_be_kept_for_a_year(server, page):
    answer, _, cookies = page
    tags = re.findall(r"<(?:script|link)[^>]*?(?:src|href)=\"(/[^\"]+)\"", answer.text)
    assert len(tags) > 8
    for tag in tags:
        asset = httpx.get(server.at(tag), cookies=cookies)
        assert asset.status_code == 200, tag
        assert "max-age=31536000" in asset.headers["cache-control"], tag
        assert "immutable" in asset.headers["cache-control"], tag


@pytest.mark.parametrize(
    "path",
    [
        "/workbench/assets/static/x/../book.py",
        "/workbench/assets/static/x/%2e%2e/book.py",
        "/workbench/assets/static/x/..%2fbook.py",
        "/workbench/assets/panel/1/dist/%2e%2e/config.py",
        "/workbench/assets/static/x//etc/passwd",
        "/workbench/assets/labextensions/x/%2e%2e/%2e%2e/%2e%2e/pyvenv.cfg",
        "/voila/files/book.ipynb",
    ],
)
def test_no_asset_route_leaves_its_folder(server, path):
    answer = httpx.get(server.known(path))
    assert answer.status_code in (403, 404)


def test_the_index_of_reports_escapes_what_it_lists(server):
    text = httpx.get(server.known("/workbench/reports/")).text
    assert "a&lt;b&gt;c" in text and "a<b>c" not in text
    assert "morning_risk" in text
    assert "half" not in text and "secret" not in text


def test_a_report_is_a_document_of_its_own(server):
    answer = httpx.get(server.known("/workbench/reports/a%3Cb%3Ec/run-1/report.html"))
    assert answer.text == REPORT
    policy = answer.headers["content-security-policy"]
    assert "sandbox" in policy and "allow-same-origin" not in policy and "default-src 'none'" in policy


@pytest.mark.parametrize(
    "path",
    [
        "a%3Cb%3Ec/run-1/secret.toml",
        "a%3Cb%3Ec/run-1/outside.html",
        "a%3Cb%3Ec/.half/report.html",
        "../settings.toml",
        "%2e%2e/settings.toml",
        "a%3Cb%3Ec/%2e%2e/%2e%2e/settings.toml",
        "a%3Cb%3Ec/run-1/nothing.html",
        "a%3Cb%3Ec/run-1",
        "%00/x/report.html",
    ],
)
def test_nothing_but_reports_leaves_the_reports_folder(server, path):
    assert httpx.get(server.known(f"/workbench/reports/{path}")).status_code in (400, 404)


def kernel_socket(server, kernel, **options):
    address = server.at(f"/api/kernels/{kernel}/channels").replace("http", "ws", 1)
    return websockets.connect(address, **options)


def message(kind: str, content: dict) -> str:
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": kind,
        "username": "",
        "session": "s",
        "version": "5.3",
        "date": "",
    }
    return json.dumps(
        {
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": content,
            "channel": "shell",
            "buffers": [],
        }
    )


def test_the_kernel_socket_answers_403_without_the_token(server, page):
    async def knock(**options):
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with kernel_socket(server, page[1]["kernelId"], **options):
                pass
        return refused.value.response.status_code

    assert asyncio.run(knock()) == 403
    assert asyncio.run(knock(additional_headers={"Authorization": "token wrong"})) == 403
    # A page of another origin has the reader's cookie, but may not use it.
    cookie = "; ".join(f"{name}={value}" for name, value in page[2].items())
    assert asyncio.run(knock(additional_headers={"Cookie": cookie}, origin="https://evil.example")) == 403


def test_a_viewer_cannot_run_code_in_the_kernel(server, page, tmp_path):
    """The kernel answers what a page needs, and never sees a request to execute."""
    trace = tmp_path / "executed"
    code = f"open({str(trace)!r}, 'w').close()"

    async def talk():
        headers = {"Authorization": f"token {server.token}"}
        answers = []
        async with kernel_socket(server, page[1]["kernelId"], additional_headers=headers) as socket:
            await socket.send(
                message("execute_request", {"code": code, "silent": False, "store_history": False})
            )
            await socket.send(message("kernel_info_request", {}))
            while "kernel_info_reply" not in answers:
                answers.append(json.loads(await asyncio.wait_for(socket.recv(), 20))["header"]["msg_type"])
        return answers

    answers = asyncio.run(talk())
    assert "execute_reply" not in answers
    assert not trace.exists()


def test_the_note_of_a_running_server_holds_no_secret(server):
    note = note_path(server.home, "dashboards").read_text()
    assert server.token not in note
    assert json.loads(note)["url"] == server.url


def test_the_token_is_in_no_line_that_the_server_wrote(server):
    httpx.get(server.known("/nothing-here"))
    told = [line for line in server.written if server.token in line]
    assert len(told) == 1, "only the line for the person who started it"

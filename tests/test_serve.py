"""A directory over HTTP: the headers and types that browsers insist on, and nothing from outside of it."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from smolkit import cli
from smolkit.errors import SmolkitError
from smolkit.serve import address, open_server, serving


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A page, a file of each kind, and a secret beside them."""
    root = tmp_path / "site"
    (root / "onnx").mkdir(parents=True)
    (root / "index.html").write_text("<p>hello</p>")
    for name in ("a.js", "b.mjs", "c.wasm", "d.json", "e.css", "onnx/model.onnx", "onnx/model.onnx_data", ".hidden"):
        (root / name).write_bytes(name.encode())
    (tmp_path / "secret.txt").write_text("secret")
    (root / "out.txt").symlink_to(tmp_path / "secret.txt")
    (root / "up").symlink_to(tmp_path)
    (root / "loop").symlink_to("loop")
    return root


@pytest.fixture
def connection(site: Path) -> Iterator[http.client.HTTPConnection]:
    with serving(site) as url:
        connection = http.client.HTTPConnection(str(urlsplit(url).netloc), timeout=10)
        yield connection
        connection.close()


def get(
    connection: http.client.HTTPConnection, path: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html?device=wasm", "text/html; charset=utf-8"),
        ("/a.js", "text/javascript; charset=utf-8"),
        ("/b.mjs", "text/javascript; charset=utf-8"),
        ("/c.wasm", "application/wasm"),
        ("/d.json", "application/json; charset=utf-8"),
        ("/e.css", "text/css; charset=utf-8"),
        ("/./onnx/model.onnx", None),
        ("/onnx/model.onnx", "application/octet-stream"),
        ("/onnx/model.onnx_data", "application/octet-stream"),
    ],
)
def test_a_file_has_its_type_and_the_page_is_isolated(
    connection: http.client.HTTPConnection, path: str, kind: str | None
) -> None:
    status, headers, body = get(connection, path)
    if kind is None:  # browsers take such steps out before they ask
        assert status == 404
        return
    assert status == 200
    assert headers["content-type"] == kind
    assert int(headers["content-length"]) == len(body) > 0
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/nothing", "/onnx", "/onnx/", "/.hidden", "/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt",
        "/onnx/../../secret.txt", "//secret.txt", "/out.txt", "/up/secret.txt", "/loop", "/a%00.js", "/..\\secret.txt",
        "/" + "x" * 5000,
    ],
)  # fmt: skip
def test_what_is_not_a_file_of_the_directory_is_not_found(connection: http.client.HTTPConnection, path: str) -> None:
    status, headers, body = get(connection, path)
    assert status == 404
    assert b"secret" not in body.replace(b"secret.txt", b"")
    assert headers["cross-origin-embedder-policy"] == "require-corp"


def test_one_connection_serves_many_requests_and_unchanged_files_are_not_sent_again(
    connection: http.client.HTTPConnection, site: Path
) -> None:
    _, headers, body = get(connection, "/a.js")
    first = connection.sock
    assert get(connection, "/a.js", **{"If-None-Match": headers["etag"]})[::2] == (304, b"")
    assert get(connection, "/a.js", "HEAD")[::2] == (200, b"")
    assert connection.sock is first
    (site / "a.js").write_bytes(b"changed")
    assert get(connection, "/a.js", **{"If-None-Match": headers["etag"]})[::2] == (200, b"changed")
    assert body == b"a.js"
    assert get(connection, "/a.js", "POST")[0] == 501


def test_what_cannot_be_served_is_one_line(tmp_path: Path, site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["serve", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err == f"smolkit: {tmp_path / 'none'}: no such directory.\n"
    assert cli.run(["serve", str(tmp_path)]) == 2
    assert "holds no index.html, so there is no page to serve. Name a directory" in capsys.readouterr().err
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert cli.run(["serve", str(site), "--port", str(port)]) == 2
    assert f"cannot serve at 127.0.0.1:{port} (Address already in use). Name another" in capsys.readouterr().err
    with pytest.raises(SmolkitError, match=r"cannot serve at no\.such\.host\.invalid:0"):
        open_server(site, host="no.such.host.invalid")
    assert cli.run(["serve", str(site), "--port", "70000"]) == 2


def test_the_command_prints_where_it_answers(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("http.server.ThreadingHTTPServer.serve_forever", interrupted)
    assert cli.run(["serve", str(site), "--port", "0"]) == 130
    assert capsys.readouterr().out.startswith(f"{site} answers at http://localhost:")


def test_the_address_is_one_that_browsers_trust(site: Path) -> None:
    server = open_server(site)
    assert address(server) == f"http://localhost:{server.server_address[1]}/"
    server.server_close()

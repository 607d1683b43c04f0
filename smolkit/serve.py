"""A directory over HTTP on this machine, as a static Space serves it: for trying an exported page.

Files are sent with the headers that WebAssembly threads need (cross-origin isolation) and the types that browsers
insist on. Only files inside the directory are sent: no listings, no hidden files, no links that lead out of it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

from smolkit.errors import SmolkitError

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}
"""What is not here, weights above all, is application/octet-stream."""

HEADERS = {
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # kept, but asked for again: the next export may lie at the same address
    "X-Content-Type-Options": "nosniff",
}
_IDLE_SECONDS = 60


def open_server(directory: Path, *, host: str = "127.0.0.1", port: int = 0) -> ThreadingHTTPServer:
    """A server that has its port and does not answer yet: call `serve_forever`, then `server_close`.

    Port 0 takes any free one. Raises SmolkitError where the directory has no page or the address cannot be had.
    """
    where = str(directory)
    if not directory.is_dir():
        raise SmolkitError("no such directory", where=where)
    if not (directory / "index.html").is_file():
        fix = "Name a directory that `smolkit export --target webgpu --page` wrote"
        raise SmolkitError("holds no index.html, so there is no page to serve", where=where, fix=fix)
    root = directory.resolve()

    class Handler(_Handler):
        directory = root

    try:
        return _Server((host, port), Handler)
    except (OSError, OverflowError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        raise SmolkitError(f"cannot serve at {host}:{port} ({reason})", fix="Name another --port or --host") from exc


def address(server: ThreadingHTTPServer) -> str:
    """Where a server answers, as a browser on this machine writes it."""
    host, port = str(server.server_address[0]), server.server_address[1]
    # Browsers trust localhost without https.
    return f"http://{'localhost' if host in ('0.0.0.0', '127.0.0.1') else host}:{port}/"


@contextmanager
def serving(directory: Path, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve in the background for as long as the block runs; yields the address."""
    server = open_server(directory, host=host, port=port)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield address(server)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle of a file is no error; others keep their traceback."""
        import sys

        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    directory: Path
    protocol_version = "HTTP/1.1"
    server_version = "smolkit"
    sys_version = ""
    timeout = _IDLE_SECONDS

    def do_GET(self) -> None:
        self.respond(with_body=True)

    def do_HEAD(self) -> None:
        self.respond(with_body=False)

    def respond(self, *, with_body: bool) -> None:
        path = self.find()
        if path is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            tag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
            if self.headers.get("If-None-Match") == tag:
                self.send_response(HTTPStatus.NOT_MODIFIED)
                self.send_header("ETag", tag)
                self.end_headers()
                return
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", TYPES.get(path.suffix.lower(), "application/octet-stream"))
            self.send_header("Content-Length", str(status.st_size))
            self.send_header("Last-Modified", formatdate(status.st_mtime, usegmt=True))
            self.send_header("ETag", tag)
            self.end_headers()
            if with_body:
                shutil.copyfileobj(stream, self.wfile, 1 << 20)

    def find(self) -> Path | None:
        """The file that the request names, or None: outside of the directory, hidden, or not there."""
        parts = unquote(urlsplit(self.path).path).split("/")
        if any(part.startswith(".") or "\0" in part or "\\" in part for part in parts):
            return None
        try:
            path = self.directory.joinpath(*filter(None, parts)).resolve(strict=True)
            if path.is_dir():
                path = (path / "index.html").resolve(strict=True)
        except (OSError, RuntimeError, ValueError):
            return None
        return path if path.is_file() and path.is_relative_to(self.directory) else None

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged."""

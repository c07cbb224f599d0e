"""A web server of the tests that misbehaves in the ways real ones do."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PAGE = b"# Leave\n\nEverybody has 25 days of leave a year.\n"
BOMB = gzip.compress(b"\0" * 50_000_000)


class Server(ThreadingHTTPServer):
    """`text` and `etag` are what /page says; `asked` are the request headers it saw; `over` ends what never ends."""

    daemon_threads = True
    text = PAGE
    etag = '"1"'

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[dict[str, str]] = []
        self.over = threading.Event()
        self.sent = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        self.server.asked.append({name.lower(): value for name, value in self.headers.items()})
        name = self.path.strip("/").partition("?")[0].replace("-", "_").partition(".")[0]
        try:
            getattr(self, f"say_{name}")()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer(self, body: bytes, content_type: str = "text/markdown; charset=utf-8", **headers: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for header, value in headers.items():
            self.send_header(header.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def redirect(self, to: str) -> None:
        self.send_response(302)
        self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def say_page(self) -> None:
        if self.headers.get("If-None-Match") == self.server.etag:
            self.send_response(304)
            self.end_headers()
            return
        self.answer(self.server.text, ETag=self.server.etag, Last_Modified="Fri, 20 Nov 2026 08:00:00 GMT")

    def say_moved(self) -> None:
        self.redirect("/page")

    def say_loop(self) -> None:
        self.redirect("/loop")

    def say_to_private(self) -> None:
        self.redirect("http://10.0.0.1/secret")

    def say_to_metadata(self) -> None:
        self.redirect("http://169.254.169.254/latest/meta-data/")

    def say_to_file(self) -> None:
        self.redirect("file:///etc/passwd")

    def say_huge(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(10 * 1024**3))
        self.end_headers()
        self.pour(b"x" * 65_536)

    def say_endless(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Connection", "close")
        self.end_headers()
        self.pour(b"More and more. " * 4_000)

    def say_trickle(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Connection", "close")
        self.end_headers()
        self.pour(b"x", every=0.05)

    def say_trickling_headers(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        self.pour(b"x", every=0.05)

    def say_silent(self) -> None:
        self.server.over.wait(10)
        self.close_connection = True

    def say_gzip_bomb(self) -> None:
        self.answer(BOMB, Content_Encoding="gzip")

    def say_gzip(self) -> None:
        self.answer(gzip.compress(PAGE), Content_Encoding="gzip")

    def say_zip(self) -> None:
        self.answer(b"PK\x03\x04" + b"\0" * 100)

    def say_pdf(self) -> None:
        self.answer(b"%PDF-1.7", "application/pdf")

    def say_broken(self) -> None:
        self.answer(b"# Leave\n\nCaf\xe9 \xff\xfe hours\n")

    def say_binary(self) -> None:
        self.answer(b"GIF89a\x00\x01\x00", "text/plain")

    def say_latin(self) -> None:
        self.answer("# Café\n\nOpen.\n".encode("latin-1"), "text/plain; charset=ISO-8859-1")

    def say_sign_in(self) -> None:
        page = "<html><head><title>Log in</title></head><body><form><input type=password></form></body></html>"
        self.answer(page.encode(), "text/html")

    def say_to_sign_in(self) -> None:
        self.redirect("/sign-in")

    def say_web(self) -> None:
        self.answer(WEB.encode(), "text/html; charset=utf-8")

    def say_deep(self) -> None:
        self.answer(b"<div>" * 100_000 + b"<p>Deep." + b"</div>" * 100_000, "text/html")

    def say_forbidden(self) -> None:
        self.send_error(403)

    def say_gone(self) -> None:
        self.send_error(404)

    def say_trouble(self) -> None:
        self.send_error(503)

    def say_empty(self) -> None:
        self.answer(b"  \n")

    def say_nonsense(self) -> None:
        self.wfile.write(b"220 mail.example.org ESMTP\r\n")
        self.close_connection = True

    def pour(self, part: bytes, every: float = 0.0) -> None:
        while not self.server.over.is_set():
            self.wfile.write(part)
            self.server.sent += len(part)
            if every:
                time.sleep(every)
        self.close_connection = True


WEB = """<!doctype html><html><head><title>Leave</title><style>p{}</style></head><body>
<nav><a href="/">Home</a></nav><main><h1>Leave</h1><p>Everybody has <strong>25 days</strong> of
leave a year, see <a href="https://example.org/law">the law</a>.</p>
<ul><li>Part-time: in proportion</li><li>First year:<ol><li>a twelfth a month</li></ol></li></ul>
<table><tr><th>Years</th><th>Days</th></tr><tr><td>5</td><td>27</td></tr></table>
<script>alert(1)</script></main><footer>Imprint</footer></body></html>"""

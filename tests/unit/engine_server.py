# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine on a local socket, which answers what a test gives it, runs commands, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import http.server
import io
import json
import socketserver
import struct
import tarfile
import threading
import typing as t
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

# An answer's content: bytes as they are, an iterator of them without a known end, none, or else JSON.
Content = t.Any
# What a question's answer is made of when it is not always the same: its parameters and its body.
Answering = t.Callable[[dict[str, str], t.Any], tuple[int, Content]]


def framed(*frames: tuple[int, bytes]) -> bytes:
    """The stream of a log or a command: each part of standard output (1) or error (2) has its length before it."""
    return b"".join(struct.pack(">BxxxL", stream, len(data)) + data for stream, data in frames)


def packed(content: bytes, kind: bytes = tarfile.REGTYPE) -> bytes:
    """The archive in which the engine gives a file."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as writer:
        member = tarfile.TarInfo("file")
        member.size, member.type, member.linkname = len(content), kind, "elsewhere"
        writer.addfile(member, io.BytesIO(content))
    return archive.getvalue()


class Ran(t.NamedTuple):
    """A command that was run."""

    container: str
    wanted: dict[str, t.Any]
    typed: bytes


class EngineServer:
    """The answers by `METHOD /path`, and what came of them."""

    def __init__(self, folder: Path) -> None:
        self.address = f"unix://{folder}/docker.sock"
        self.answers: dict[str, tuple[int, Content] | Answering] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        # What a command prints, as the engine frames it, and how it ends.
        self.prints: t.Callable[[Ran], bytes] = lambda _ran: b""
        self.ends: t.Callable[[], int | None] = lambda: 0
        self.ran: list[Ran] = []
        # How many bytes of its standard input a command reads.
        self.reads: int | t.Callable[[Ran], int] = -1

    def containers(self, project: str, **services: dict[str, t.Any]) -> None:
        """List one container for each service, named after it, and describe it in full."""
        listed = []
        for service, description in services.items():
            labels = {"com.docker.compose.project": project, "com.docker.compose.service": service}
            listed.append({"Id": service, "Names": [f"/{project}-{service}"], "Created": 1, "State": "running", "Labels": labels})
            listed[-1].update(description.pop("Short", {}))
            self.answers[f"GET /containers/{service}/json"] = (200, description)
        self.answers["GET /containers/json"] = (200, listed)

    def create(self, container: str, wanted: dict[str, t.Any]) -> tuple[int, Content]:
        """Make ready to run a command."""
        self.ran.append(Ran(container, wanted, b""))
        return 201, {"Id": "job"}

    def answer(self, method: str, path: str, parameters: dict[str, str], body: t.Any) -> tuple[int, Content]:
        """What the engine says."""
        found = self.answers.get(f"{method} {path}")
        if found is not None:
            return found(parameters, body) if callable(found) else found
        kind, identity, action = [*path.split("/")[1:], "", ""][:3]
        if (method, kind, action) == ("POST", "containers", "exec"):
            return self.create(unquote(identity), body)
        if (method, kind, action) == ("GET", "exec", "json"):
            return 200, {"ExitCode": self.ends()}
        return 404, {"message": f"No such container: {identity}"}


def _handler(engine: EngineServer) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            address = urlsplit(self.path)
            given = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "null")
            parameters = dict(parse_qsl(address.query))
            engine.asked.append((f"{self.command} {address.path}", parameters))
            # Who asked reads as much as is wanted, and goes.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                if address.path == "/exec/job/start" and f"POST {address.path}" not in engine.answers:
                    self.run()
                else:
                    self.say(*engine.answer(self.command, address.path, parameters, given))

        do_GET = do_POST = respond

        def run(self) -> None:
            self.send_response(101, "UPGRADED")
            self.send_header("Connection", "Upgrade")
            self.send_header("Upgrade", "tcp")
            self.end_headers()
            if engine.ran[-1].wanted["AttachStdin"]:
                most = engine.reads if isinstance(engine.reads, int) else engine.reads(engine.ran[-1])
                engine.ran[-1] = engine.ran[-1]._replace(typed=self.rfile.read(most))
            self.wfile.write(engine.prints(engine.ran[-1]))
            self.close_connection = True

        def say(self, status: int, content: Content) -> None:
            self.send_response(status)
            if isinstance(content, Iterator):
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True
                for block in content:
                    self.wfile.write(block)
                return
            data = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
            if status not in (204, 304):
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def address_string(self) -> str:
            return "local"

        def log_message(self, format: str, *args: t.Any) -> None:
            """Keep the test's output clean."""

    return Handler


@contextlib.contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    """Answer in a thread of its own."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def engine_in(folder: Path) -> Iterator[EngineServer]:
    """An engine at a socket in the folder."""
    engine = EngineServer(folder)
    with serving(socketserver.ThreadingUnixStreamServer(str(folder / "docker.sock"), _handler(engine))):
        yield engine


@contextlib.contextmanager
def engine_at_port(folder: Path) -> Iterator[EngineServer]:
    """An engine at a port."""
    engine = EngineServer(folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(engine))
    engine.address = f"tcp://127.0.0.1:{server.server_port}"
    with serving(server):
        yield engine

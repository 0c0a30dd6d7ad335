"""The tools of MCP's own makers against `sos mcp` and `/mcp`: the Inspector, and the conformance suite."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sos.stores.memory.store import MemoryStore
from sos.testing.world import World
from sos.tools.table import TOOLS
from tests.faces.served import Served, served
from tests.shell import Shell

from .npm_tools import install, node_folder

INSPECTOR, CONFORMANCE = "2.12.0", "0.1.16"
SCENARIOS = ("server-initialize", "ping", "tools-list", "resources-list")
"""Those of the suite that ask for no prompts, logs and test tools that only its own example server has."""


@pytest.fixture(scope="session")
def inspector() -> Path:
    return install("mcp-inspector", "@modelcontextprotocol/inspector", INSPECTOR)


@pytest.fixture(scope="session")
def conformance() -> Path:
    return install("mcp-conformance", "@modelcontextprotocol/conformance", CONFORMANCE)


@pytest.fixture
def server() -> Iterator[Served]:
    with served(World(MemoryStore())) as made:
        yield made


@pytest.fixture
def shell(home: Any) -> Shell:
    made = Shell(home)
    made.join("aa", "--skill", "review")
    made.join("bb")
    return made


def run(modules: Path, program: str, *words: str, **extra: str) -> subprocess.CompletedProcess[str]:
    path = f"{node_folder(modules)}:{os.environ.get('PATH', '')}"
    return subprocess.run(
        [modules / ".bin" / program, *words],
        env={**os.environ, "PATH": path, **extra},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def inspect(modules: Path, target: list[str], *words: str, **extra: str) -> Any:
    """What the Inspector's command line says of one method, as JSON."""
    done = run(modules, "mcp-inspector", "--cli", *words, *target, **extra)
    assert done.returncode == 0, (done.stdout, done.stderr)
    return json.loads(done.stdout)


Reply = tuple[int, list[tuple[str, str]], bytes]


@contextmanager
def proxied(answer: Callable[[BaseHTTPRequestHandler, bytes], Reply]) -> Iterator[str]:
    """A URL whose requests a function answers."""

    class Passing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            status, headers, data = answer(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in {"connection", "content-length", "date", "server", "transfer-encoding"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_DELETE = do_POST  # noqa: N815  # so the library calls them

        def log_message(self, *_: object) -> None:
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Passing)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    yield f"http://localhost:{proxy.server_port}/mcp"
    proxy.shutdown()
    proxy.server_close()


@contextmanager
def bearing(server: Served) -> Iterator[str]:
    """`/mcp`, with a token for whoever asks: the suite has none."""
    token = server.token()

    def passed(asked: BaseHTTPRequestHandler, body: bytes) -> Reply:
        asking = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        given = {name: value for name, value in asked.headers.items() if name.lower() != "connection"}
        asking.request(asked.command, asked.path, body, {**given, "Authorization": f"Bearer {token}"})
        found = asking.getresponse()
        reply = (found.status, found.getheaders(), found.read())
        asking.close()
        return reply

    with proxied(passed) as url:
        yield url


@contextmanager
def bridged(shell: Shell) -> Iterator[str]:
    """`sos mcp`, its lines carried over HTTP: the suite starts no program."""
    command = [sys.executable, "-m", "sos", "mcp", "--as", "aa"]
    loop = subprocess.Popen(command, env=shell.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert loop.stdin is not None
    assert loop.stdout is not None
    into, out, one = loop.stdin, loop.stdout, threading.Lock()

    def carried(asked: BaseHTTPRequestHandler, body: bytes) -> Reply:
        if asked.command != "POST":
            return 405, [], b""
        with one:
            into.write(json.dumps(json.loads(body)).encode() + b"\n")
            into.flush()
            if "id" not in json.loads(body):
                return 202, [], b""
            return 200, [("Content-Type", "application/json")], out.readline()

    with proxied(carried) as url:
        yield url
    into.close()
    assert loop.wait(20) == 0
    out.close()


@pytest.fixture(params=["stdio", "http"])
def target(request: pytest.FixtureRequest, shell: Shell, server: Served) -> list[str]:
    if request.param == "stdio":
        return ["-e", f"SOS_HOME={shell.root}", "--", sys.executable, "-m", "sos", "mcp", "--as", "aa"]
    return [f"{server.url}/mcp", "--header", f"Authorization: Bearer {server.token()}"]


@pytest.mark.promise("MCP-007", "MCP-005")
def test_the_inspector_lists_calls_and_reads(inspector: Path, target: list[str]) -> None:
    listed = inspect(inspector, target, "--method", "tools/list", "--strict")
    assert [tool["name"] for tool in listed["tools"]] == [tool.name for tool in TOOLS]
    sent = ("--tool-arg", "to=bb", "text=hello", "--tool-name", "send")
    called = inspect(inspector, target, *sent, "--method", "tools/call")
    assert called["structuredContent"]["recipients"] == ["bb"]
    read = inspect(inspector, target, "--method", "resources/read", "--uri", "sos://guide")
    assert "# Recovery guide of aa" in read["contents"][0]["text"]


@pytest.mark.promise("MCP-007", "MCP-006")
@pytest.mark.parametrize("scenario", [*SCENARIOS, "dns-rebinding-protection"])
def test_the_conformance_suite_finds_nothing_wrong_with_the_server(conformance: Path, server: Served, scenario: str) -> None:
    with bearing(server) as url:
        conforms(conformance, url, scenario)


@pytest.mark.promise("MCP-007")
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_conformance_suite_finds_nothing_wrong_with_the_loop(conformance: Path, shell: Shell, scenario: str) -> None:
    with bridged(shell) as url:
        conforms(conformance, url, scenario)


def conforms(modules: Path, url: str, scenario: str) -> None:
    done = run(modules, "conformance", "server", "--url", url, "--scenario", scenario)
    assert (done.returncode, "0 failed" in done.stdout) == (0, True), (done.stdout, done.stderr)

"""The server over a TCP connection and over a WebSocket: a whole session, bad messages, and clients that vanish."""

from __future__ import annotations

import json
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

import pytest
from benchmarks.artifacts import make_artifact
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.server.conftest import BROKEN, GOOD
from tests.server.raw import SERVER, Raw
from torchlean_ls.frames import frame

URI = "file:///m.ir.json"


class Listening(Raw):
    """A server that waits for its client on a port which it chose itself; `before` happens before that one comes."""

    def __init__(self, way: str, before: Callable[[Listening], None] | None = None) -> None:
        super().__init__(*SERVER[:-1], way, "0")
        self.said: list[str] = []
        found = None
        while found is None:
            line = self.process.stderr.readline().decode()
            assert line, self.said
            self.said.append(line)
            found = re.search(r"listening on (\S+) port (\d+)", line)
        self.host, self.port = found[1], int(found[2])
        if before is not None:
            before(self)

    def rest(self) -> str:
        """What the server writes to standard error until it ends."""
        return self.process.stderr.read().decode()


class Tcp(Listening):
    """A client over TCP."""

    def __init__(self, before: Callable[[Listening], None] | None = None) -> None:
        super().__init__("--tcp", before)
        self.socket = socket.create_connection((self.host, self.port), 30)
        self.input, self.output = self.socket.makefile("wb"), self.socket.makefile("rb")

    def vanish(self) -> None:
        """Go without a word: the connection is reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for one in (self.input, self.output, self.socket):
            one.close()

    def close(self) -> None:
        for one in (self.input, self.output, self.socket):
            one.close()
        super().close()


class Ws(Listening):
    """A client over a WebSocket."""

    def __init__(self, before: Callable[[Listening], None] | None = None) -> None:
        super().__init__("--ws", before)
        self.connection = connect(f"ws://{self.host}:{self.port}", max_size=None)
        self.socket = self.connection.__enter__()

    def send_bytes(self, content: bytes) -> None:
        self.socket.send(content.decode())

    def read(self) -> dict:
        message = self.socket.recv(30)
        assert isinstance(message, str), "a browser wants text frames"
        return json.loads(message)

    def vanish(self) -> None:
        """Go without a word: no closing handshake."""
        self.socket.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.connection.__exit__(None, None, None)
        super().close()


@pytest.fixture(params=[Tcp, Ws], ids=["tcp", "ws"])
def client(request):
    made = request.param()
    yield made
    made.close()


def test_a_whole_session(client):
    assert client.host == "127.0.0.1"
    assert client.initialize()["result"]["serverInfo"]["name"] == "torchlean-ls"
    client.open(URI, BROKEN)
    params = client.notified("textDocument/publishDiagnostics")
    assert [one["code"] for one in params["diagnostics"]] == ["TL201"]
    client.change(URI, 2, {"text": GOOD})
    assert client.notified("textDocument/publishDiagnostics")["diagnostics"] == []
    position = {"textDocument": {"uri": URI}, "position": {"line": 6, "character": 4}}
    assert "node 0" in client.ask("textDocument/hover", position, 2)["contents"]["value"]
    assert client.end() == 0
    assert "Traceback" not in client.rest()


def test_long_messages_arrive_whole_and_in_their_order(client):
    text = make_artifact(5_000).replace('"relu"', '"𝔸"')
    client.initialize()
    client.open(URI, text)
    for number in range(2, 12):
        client.send("textDocument/documentSymbol", {"textDocument": {"uri": URI}}, number)
    seen = []
    while len(seen) < 10:
        message = client.read()
        if "method" not in message:
            assert len(message["result"]) == 1_000
            seen.append(message["id"])
    assert seen == list(range(2, 12))
    assert client.end() == 0


def test_bad_messages_are_answered_and_the_session_goes_on(client):
    client.initialize()
    for content, code in ((b"{", -32700), (b"[]", -32600), (b'{"jsonrpc": "2.0", "id": 5}', -32600)):
        client.send_bytes(content)
        assert client.read()["error"]["code"] == code
    if isinstance(client, Tcp):
        client.write(b"Content-Length: nonsense\r\n\r\n")
        assert client.read()["error"]["code"] == -32700
    client.open(URI, BROKEN)
    assert client.notified("textDocument/publishDiagnostics")["uri"] == URI
    assert client.end() == 0


def test_the_server_ends_when_its_client_vanishes(client):
    client.initialize()
    client.open(URI, make_artifact(30_000))  # which is still being checked then
    client.vanish()
    assert client.process.wait(20) == 1
    said = client.rest()
    assert "Traceback" not in said and "never retrieved" not in said, said


def test_exit_without_shutdown_is_a_failure(client):
    client.initialize()
    client.send("exit", None)
    assert client.process.wait(20) == 1
    assert "Traceback" not in client.rest()


@pytest.mark.parametrize("way", [Tcp, Ws], ids=["tcp", "ws"])
def test_a_page_that_somebody_visits_starts_no_session(way):
    """A browser sends any page's POST to this computer; what is in it must not be taken for messages."""
    body = frame(b'{"jsonrpc": "2.0", "method": "exit"}')
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"

    def visit(server: Listening) -> None:
        for _ in range(3):
            answer = b""
            with (
                socket.create_connection((server.host, server.port), 30) as page,
                suppress(ConnectionResetError),
            ):
                page.sendall(head % len(body) + body)
                while part := page.recv(4096):
                    answer += part
            assert b"jsonrpc" not in answer

    session = way(visit)
    try:
        assert session.initialize()["result"]["serverInfo"]["name"] == "torchlean-ls"
        assert session.end() == 0
    finally:
        session.close()


@pytest.mark.parametrize("way", [Tcp, Ws], ids=["tcp", "ws"])
def test_connections_that_say_nothing_do_not_take_the_seat(way):
    silent: list[socket.socket] = []

    def sit(server: Listening) -> None:
        silent.extend(socket.create_connection((server.host, server.port), 30) for _ in range(5))
        silent[0].sendall(b"C" if way is Tcp else b"GET / HTTP/1.1\r\n")

    session = way(sit)
    try:
        assert session.initialize()["result"]["serverInfo"]["name"] == "torchlean-ls"
        assert session.end() == 0
        assert "Traceback" not in session.rest()
    finally:
        for one in silent:
            one.close()
        session.close()


def test_a_second_client_is_turned_away_and_the_first_is_served_on(client):
    client.initialize()
    if isinstance(client, Tcp):
        with socket.create_connection((client.host, client.port), 30) as second:
            assert second.recv(1) == b""
    else:
        with connect(f"ws://{client.host}:{client.port}") as second:
            assert list(second) == []
    client.open(URI, BROKEN)
    assert client.notified("textDocument/publishDiagnostics")["uri"] == URI
    assert client.end() == 0


@pytest.mark.parametrize(
    ("origin", "taken"),
    [
        ("http://localhost:3000", True),
        ("https://127.0.0.1", True),
        ("http://[::1]:80", True),
        ("https://example.org", False),
        ("http://localhost.example.org", False),
        ("null", False),
    ],
)
def test_pages_of_other_computers_cannot_connect(origin, taken):
    server = Listening("--ws")
    try:
        if taken:
            with connect(f"ws://{server.host}:{server.port}", origin=origin) as page:
                page.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "shutdown", "params": None}))
                assert json.loads(page.recv(30))["id"] == 1
        else:
            with pytest.raises(InvalidStatus, match="403"):
                connect(f"ws://{server.host}:{server.port}", origin=origin)
    finally:
        server.close()


def test_without_websockets_the_message_says_how_to_get_it():
    code = (
        "import sys; sys.modules['websockets'] = None; import importlib.util as u; find = u.find_spec;"
        "u.find_spec = lambda name, *rest: None if name == 'websockets' else find(name, *rest);"
        "from torchlean_core.cli.main import main; sys.exit(main(['server', '--ws', '0']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "pip install 'torchlean-ls[ws]'" in done.stderr


@pytest.mark.parametrize("address", ["nonsense", "70000", "localhost:", ":-1"])
def test_an_address_that_is_none_is_a_usage_error(address):
    done = subprocess.run([*SERVER[:-1], f"--tcp={address}"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "[HOST:]PORT" in done.stderr


def test_a_port_that_is_taken_is_said_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for way in ("--tcp", "--ws"):
            done = subprocess.run([*SERVER[:-1], way, port], capture_output=True, text=True, check=False)
            assert done.returncode == 2, done.stderr
            assert "Traceback" not in done.stderr and port in done.stderr

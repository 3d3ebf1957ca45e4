"""A client that writes and reads frames, so that it can send what no client library would."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import IO, Any

SERVER = [sys.executable, "-m", "torchlean_core", "server", "--stdio"]


class Raw:
    """A server process and the frames that go to and fro."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            command or SERVER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.input: IO[bytes] | None = self.process.stdin  # where the server reads
        self.output: IO[bytes] | None = self.process.stdout  # where it writes

    def write(self, content: bytes) -> None:
        assert self.input is not None
        self.input.write(content)
        self.input.flush()

    def send_bytes(self, content: bytes) -> None:
        self.write(b"Content-Length: %d\r\n\r\n%s" % (len(content), content))

    def send(self, method: str, params: Any, number: int | str | None = None) -> None:
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        self.send_bytes(json.dumps(message if number is None else {**message, "id": number}).encode())

    def read(self) -> dict[str, Any]:
        assert self.output is not None
        length = 0
        while (line := self.output.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return json.loads(self.output.read(length))

    def answer(self, number: int | str | None) -> dict[str, Any]:
        while True:
            message = self.read()
            if "method" not in message and message.get("id") == number:
                return message

    def notified(self, method: str) -> dict[str, Any]:
        """The params of the next notification of a method."""
        while (message := self.read()).get("method") != method:
            pass
        return message.get("params")

    def ask(self, method: str, params: Any, number: int) -> Any:
        self.send(method, params, number)
        return self.answer(number)["result"]

    def initialize(self, **params: Any) -> dict[str, Any]:
        self.send("initialize", {"processId": None, "rootUri": None, "capabilities": {}, **params}, 1)
        answer = self.answer(1)
        self.send("initialized", {})
        return answer

    def open(self, uri: str, text: str, language: str = "json") -> None:
        item = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.send("textDocument/didOpen", {"textDocument": item})

    def change(self, uri: str, version: int, *changes: dict[str, Any]) -> None:
        identifier = {"uri": uri, "version": version}
        self.send("textDocument/didChange", {"textDocument": identifier, "contentChanges": list(changes)})

    def end(self) -> int:
        self.send("shutdown", None, 99)
        self.answer(99)
        self.send("exit", None)
        return self.process.wait(20)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

"""A language client that costs next to nothing, so that what is measured is the server."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import msgspec


class Client:
    """Talks to a language server over its standard input and output."""

    def __init__(self, command: list[str], pull: bool) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self._input, self._output = self.process.stdin, self.process.stdout
        self._number = 0
        self._waiting: list[dict[str, Any]] = []
        self.pull = pull

    def _write(self, message: dict[str, Any]) -> None:
        content = msgspec.json.encode({"jsonrpc": "2.0", **message})
        self._input.write(b"Content-Length: %d\r\n\r\n%s" % (len(content), content))
        self._input.flush()

    def _read(self) -> dict[str, Any]:
        length = 0
        while (line := self._output.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        message: dict[str, Any] = msgspec.json.decode(self._output.read(length))
        return message

    def notify(self, method: str, params: Any) -> None:
        """Send a notification."""
        self._write({"method": method, "params": params})

    def request(self, method: str, params: Any) -> Any:
        """Send a request and wait for its answer; requests of the server are answered with null."""
        self._number += 1
        self._write({"id": self._number, "method": method, "params": params})
        while True:
            message = self._read()
            if "method" in message:
                if "id" in message:
                    self._write({"id": message["id"], "result": None})
                self._waiting.append(message)
            elif message.get("id") == self._number:
                return message.get("result")

    def next_message(self) -> dict[str, Any]:
        """What the server said next of its own accord; its requests are answered with null."""
        if self._waiting:
            return self._waiting.pop(0)
        message = self._read()
        if "id" in message and "method" in message:
            self._write({"id": message["id"], "result": None})
        return message

    def initialize(self) -> None:
        """Open the session."""
        text = {"publishDiagnostics": {"versionSupport": True}}
        if self.pull:
            text["diagnostic"] = {}
        parameters = {"processId": os.getpid(), "rootUri": None, "capabilities": {"textDocument": text}}
        self.request("initialize", {**parameters, "initializationOptions": {"provideFormatter": False}})
        self.notify("initialized", {})

    def diagnostics(self, uri: str, version: int) -> list[Any]:
        """Wait for the diagnostics of a version."""
        if self.pull:
            answer = self.request("textDocument/diagnostic", {"textDocument": {"uri": uri}})
            return list(answer["items"])
        while True:
            message = self._read()
            if message.get("method") == "textDocument/publishDiagnostics":
                params = message["params"]
                if params["uri"] == uri and params.get("version", version) == version:
                    return list(params["diagnostics"])

    def memory(self) -> float:
        """Resident memory of the server, MiB (Linux)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def close(self) -> None:
        """End the session."""
        self.request("shutdown", None)
        self.notify("exit", None)
        self.process.wait(20)
        self._input.close()
        self._output.close()

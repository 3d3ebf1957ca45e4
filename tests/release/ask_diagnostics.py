"""Opens a file with a language server over its standard streams, and waits for a finding; needs no package.

Usage: ask_diagnostics.py PROGRAM FILE CODE. Ends with 0 where the finding comes and the server ends well.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

SECONDS = 60.0


def send(to: IO[bytes], method: str, params: Any = None, number: int | None = None) -> None:
    """Send a request (with a number) or a notification."""
    message = {"jsonrpc": "2.0", "method": method} | ({} if params is None else {"params": params})
    body = json.dumps(message | ({} if number is None else {"id": number})).encode()
    to.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    to.flush()


def messages(of: IO[bytes]) -> Iterator[dict[str, Any]]:
    """What the server sends, one by one."""
    while header := of.readline():
        if header.lower().startswith(b"content-length:"):
            length = int(header.split(b":")[1])
            while of.readline().strip():
                pass
            yield json.loads(of.read(length))


def main(program: str, file: Path, code: str) -> int:
    """Run the session; returns the exit code."""
    server = subprocess.Popen([program, "server", "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None and server.stdout is not None
    timer = threading.Timer(SECONDS, server.kill)
    timer.start()
    try:
        document = {
            "uri": file.resolve().as_uri(),
            "languageId": "json",
            "version": 1,
            "text": file.read_text("utf-8"),
        }
        send(server.stdin, "initialize", {"processId": None, "rootUri": None, "capabilities": {}}, 1)
        send(server.stdin, "initialized", {})
        send(server.stdin, "textDocument/didOpen", {"textDocument": document})
        found: list[str] = []
        for message in messages(server.stdout):
            if message.get("method") == "textDocument/publishDiagnostics":
                found = [finding["code"] for finding in message["params"]["diagnostics"]]
                send(server.stdin, "shutdown", number=2)
            elif message.get("id") == 2:
                send(server.stdin, "exit")
                break
        ended = server.wait(SECONDS)
    finally:
        timer.cancel()
        server.kill()
    print(f"the server found {', '.join(found) or 'nothing'} and ended with {ended}")
    return 0 if code in found and ended == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))

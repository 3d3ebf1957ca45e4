"""The answer to `initialize`, given before the server is loaded.

What takes most of a start is the import of the protocol's types, and what the server can do is known without them.
So the answer is written first, and the client goes on while the rest is imported; its next messages wait in the pipe.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass

from torchlean_ls.capabilities import initialize_result
from torchlean_ls.client import Client
from torchlean_ls.frames import FrameReader, frame


@dataclass(frozen=True, slots=True)
class Greeting:
    """What was read before the server was loaded.

    Attributes:
        read: The bytes, to be read again by the server.
        answered: Whether they begin with an `initialize` request that has its answer.
        ended: Whether the client closed its end.
    """

    read: bytes
    answered: bool
    ended: bool = False


def greet() -> Greeting:
    """Read the first message from standard input, and answer it where it is a plain `initialize`."""
    reader = FrameReader()
    read = b""
    while True:
        chunk = os.read(0, 1 << 16)
        if not chunk:
            return Greeting(read, False, ended=True)
        read += chunk
        reader.feed(chunk)
        for body in reader.frames():
            answer = _answer(body) if isinstance(body, bytes) else None
            if answer is not None:
                sys.stdout.buffer.write(frame(answer))
                sys.stdout.buffer.flush()
            return Greeting(read, answer is not None)


def _answer(body: bytes) -> bytes | None:
    try:
        message = json.loads(body)
    except ValueError:
        return None
    if (
        not isinstance(message, dict)
        or message.get("method") != "initialize"
        or message.get("jsonrpc") != "2.0"
    ):
        return None
    params, number = message.get("params"), message.get("id")
    if not isinstance(params, dict) or not isinstance(params.get("capabilities"), dict):
        return None  # the server says what is wrong with it
    if type(number) not in (int, str):
        return None
    result = initialize_result(Client(params["capabilities"]))
    return json.dumps({"jsonrpc": "2.0", "id": number, "result": result}).encode()

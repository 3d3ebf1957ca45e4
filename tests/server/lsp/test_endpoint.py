"""One end of a connection: what is asked, answered, cancelled and refused."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from torchlean_ls.lsp.endpoint import Endpoint
from torchlean_ls.lsp.errors import JsonRpcException, JsonRpcInvalidParams


class Wire:
    """An end of a connection whose messages are kept."""

    def __init__(self) -> None:
        self.end = Endpoint()
        self.end.set_writer(self, include_headers=False)
        self.sent: list[dict[str, Any]] = []

    def write(self, data: bytes, /) -> None:
        self.sent.append(json.loads(data))

    def request(self, number: Any, method: str, params: Any = None) -> None:
        self.receive({"id": number, "method": method, "params": params})

    def receive(self, message: dict[str, Any]) -> None:
        self.end.receive(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def answer(self, number: Any) -> dict[str, Any]:
        [found] = [one for one in self.sent if "method" not in one and one["id"] == number]
        return found


@pytest.fixture
def wire():
    return Wire()


async def turns() -> None:
    """Let everything that can go on go on."""
    for _ in range(30):
        await asyncio.sleep(0)


def test_a_plain_handler_and_a_generator_that_waits_for_nothing_answer_at_once(wire):
    def generator(params: Any) -> Any:
        return [params, "generated"]
        yield

    wire.end.on("plain", lambda params: {"got": params})
    wire.end.on("generator", generator)
    wire.request(1, "plain", [1])
    wire.request("two", "generator", {"a": None})
    assert wire.sent == [
        {"jsonrpc": "2.0", "id": 1, "result": {"got": [1]}},
        {"jsonrpc": "2.0", "id": "two", "result": [{"a": None}, "generated"]},
    ]


@pytest.mark.asyncio
async def test_a_generator_gets_what_it_waits_for_and_what_was_raised_there(wire):
    async def work(value: int) -> int:
        await asyncio.sleep(0)
        if value < 0:
            raise ValueError("negative")
        return value

    def handler(params: Any) -> Any:
        found = yield work(20)
        try:
            yield work(-1)
        except ValueError as error:
            found = [found, str(error)]
        more = yield work(3)
        return [*found, more]

    wire.end.on("m", handler)
    wire.request(1, "m")
    assert wire.sent == []
    await turns()
    assert wire.answer(1)["result"] == [20, "negative", 3]


@pytest.mark.asyncio
async def test_errors_are_answered_and_only_those_that_nobody_expected_are_logged(wire, caplog):
    async def refuses(params: Any) -> None:
        raise JsonRpcException("not now", -32803, {"why": 1})

    def broken(params: Any) -> None:
        raise RuntimeError("out of order")

    async def slow(params: Any) -> None:
        raise RuntimeError("later")

    for name, handler in (("refuses", refuses), ("broken", broken), ("slow", slow)):
        wire.end.on(name, handler)
    wire.request(1, "refuses")
    await turns()
    assert wire.answer(1)["error"] == {"code": -32803, "message": "not now", "data": {"why": 1}}
    assert not caplog.records
    wire.request(2, "broken")
    wire.request(3, "slow")
    await turns()
    assert wire.answer(2)["error"] == {"code": -32603, "message": "RuntimeError: out of order"}
    assert wire.answer(3)["error"]["code"] == -32603
    assert [one.levelno for one in caplog.records] == [logging.ERROR] * 2
    wire.request(4, "unknown")
    assert wire.answer(4)["error"] == {"code": -32601, "message": "Method Not Found: unknown"}
    assert JsonRpcInvalidParams("x").plain() == {"code": -32602, "message": "x"}


@pytest.mark.asyncio
async def test_a_request_is_cancelled_and_what_it_waits_for_goes_on(wire):
    going, done = asyncio.Event(), []

    async def work() -> None:
        await going.wait()
        done.append("work")

    def waits(params: Any) -> Any:
        yield work()

    async def itself(params: Any) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            done.append("stopped")
            raise

    wire.end.on("waits", waits)
    wire.end.on("itself", itself)
    wire.request(1, "waits")
    wire.request("b", "itself")
    await turns()
    for number in (1, "b", 77, "77"):  # a request that is none any more is nobody's fault
        wire.receive({"method": "$/cancelRequest", "params": {"id": number}})
    await turns()
    assert wire.answer(1)["error"]["code"] == wire.answer("b")["error"]["code"] == -32800
    assert done == ["stopped"]
    going.set()
    await turns()
    assert done == ["stopped", "work"] and len(wire.sent) == 2


@pytest.mark.asyncio
async def test_a_request_that_is_cancelled_before_it_runs_is_answered_too(wire):
    async def never(params: Any) -> None:
        raise AssertionError("it runs")

    wire.end.on("never", never)
    wire.request(1, "never")
    wire.receive({"method": "$/cancelRequest", "params": {"id": 1}})
    await turns()
    assert wire.answer(1)["error"]["code"] == -32800


@pytest.mark.asyncio
async def test_what_is_asked_is_read_as_what_it_should_be(wire, caplog):
    caplog.set_level(logging.WARNING)
    asked = [wire.end.ask("m", {"n": n}, list[int] | None) for n in range(5)]
    numbers = [one["id"] for one in wire.sent]
    assert len(set(numbers)) == 5
    wire.receive({"id": numbers[0], "result": [1]})
    wire.receive({"id": numbers[1], "result": None})
    wire.receive({"id": numbers[2], "error": {"code": -5, "message": "no", "data": 3}})
    wire.receive({"id": numbers[3], "result": "nonsense"})
    wire.receive({"id": numbers[4], "result": [2], "error": None})
    assert await asked[0] == [1] and await asked[1] is None and await asked[4] == [2]
    with pytest.raises(JsonRpcException) as caught:
        await asked[2]
    assert (caught.value.code, caught.value.message, caught.value.data) == (-5, "no", 3)
    with pytest.raises(JsonRpcException, match="cannot be read"):
        await asked[3]
    wire.receive({"id": numbers[0], "result": [1]})
    wire.receive({"id": [], "result": [1]})
    assert sum("a response to no request" in one.message for one in caplog.records) == 2
    assert len(wire.sent) == 5


@pytest.mark.asyncio
async def test_after_all_is_cancelled_nothing_waits(wire):
    async def long(params: Any) -> None:
        await asyncio.sleep(60)

    wire.end.on("long", long)
    wire.request(1, "long")
    asked = wire.end.ask("m", None)
    await turns()
    wire.end.cancel_all()
    await turns()
    assert wire.answer(1)["error"]["code"] == -32800 and asked.cancelled()
    wire.receive({"id": wire.sent[0]["id"], "result": 1})  # an answer that nobody waits for


@pytest.mark.asyncio
async def test_a_notification_that_fails_or_is_malformed_or_unknown_costs_nothing_else(wire, caplog):
    def broken(params: Any) -> None:
        raise RuntimeError("out of order")

    async def later(params: Any) -> None:
        raise RuntimeError("later")

    wire.end.on("broken", broken)
    wire.end.on("later", later)
    for method in ("broken", "later", "unknown", "$/unknown", "$/cancelRequest"):
        wire.receive({"method": method})
    await turns()
    assert wire.sent == []
    said = [one.getMessage() for one in caplog.records]
    assert [one.split()[0] for one in said] == ["broken", "unknown", "$/cancelRequest:", "later"]


def test_a_method_has_one_handler(wire):
    wire.end.on("m", print)
    with pytest.raises(ValueError, match="m has a handler"):
        wire.end.on("m", print)


def test_everything_that_json_can_say_is_sent(wire):
    wire.end.on("m", lambda params: [chr(0xD800), 2**80, -(2**70), {"é": 1.5}])
    wire.request(1, "m")
    assert wire.answer(1)["result"] == [chr(0xD800), 2**80, -(2**70), {"é": 1.5}]


def test_an_answer_that_is_no_json_fails_alone(wire, caplog):
    wire.end.on("m", lambda params: {"it": object()})
    wire.request(1, "m")
    assert wire.answer(1)["error"]["code"] == -32603 and caplog.records
    wire.end.on("n", lambda params: 3)
    wire.request(2, "n")
    assert wire.answer(2)["result"] == 3

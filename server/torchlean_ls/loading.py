"""The features of a server, made when they are needed: most of a start is importing them.

A session begins with what the diagnostics of an artifact need. The rest is imported in turns of the event loop, one
feature in each. What is needed at once is answered in between; all else waits in its order until everything is there.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from torchlean_ls.features import FEATURES, FIRST
from torchlean_ls.lsp import methods

if TYPE_CHECKING:
    from torchlean_ls.client import Client
    from torchlean_ls.feature import Feature
    from torchlean_ls.server import Server

_log = logging.getLogger(__name__)

_AT_ONCE = frozenset(
    {
        methods.INITIALIZE,
        methods.INITIALIZED,
        methods.TEXT_DOCUMENT_DID_OPEN,
        methods.TEXT_DOCUMENT_DIAGNOSTIC,
        methods.WORKSPACE_DID_CHANGE_CONFIGURATION,
    }
)
"""Methods that need no more than the first features."""

_CHANGES_NOTHING = frozenset({methods.CANCEL_REQUEST, methods.SET_TRACE})
_PAUSE_SECONDS = 0.01
"""How long the loop may take in what was sent while the server was loaded, before it goes on loading."""


class Features:
    """The features that were made, in the order of the table; any other is made when it is asked for by its name."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._client: Client | None = None
        self._made: dict[str, Feature] = {}
        self._left = [name for name in FEATURES if name not in FIRST]
        for name in FIRST:
            _ = self[name]

    def __iter__(self) -> Iterator[Feature]:
        return iter([self._made[name] for name in FEATURES if name in self._made])

    def each(self, call: Callable[[Feature], None]) -> None:
        """Call a hook of every feature that was made; one that fails is logged, and the others still run."""
        for feature in self:
            _alone(feature, call, feature)

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = getattr(import_module(f"torchlean_ls.{FEATURES[name]}"), name)(self._server)
            self._catch_up(self._made[name])
        return self._made[name]

    def register(self, client: Client) -> None:
        """The session begins: what the client can do is known."""
        self._client = client
        self.each(lambda feature: feature.register(client))

    def _catch_up(self, feature: Feature) -> None:
        """Have a feature do what the others have done already."""
        client = self._client
        if client is not None:
            _alone(feature, feature.register, client)
        for document in self._server.documents:
            _alone(feature, feature.document_open, document)

    def make_next(self) -> bool:
        """Make one more; one that cannot be made is left out. Whether others are left."""
        if self._left:
            name = self._left.pop(0)
            try:
                _ = self[name]
            except Exception:
                _log.exception("%s cannot be made", name)
        return bool(self._left)

    def make_all(self) -> None:
        """Make all that are left."""
        while self.make_next():
            pass


class Loading:
    """Makes the features that are left, and has messages wait that need them."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._waiting: list[Callable[[], None]] = []
        self._changes = False  # whether a notification waits: nothing that was sent later may overtake it
        self._ends = False  # whether `shutdown` waits
        server.protocol.hold = self._hold

    def begin(self) -> None:
        """Begin, in the running loop."""
        asyncio.get_running_loop().call_later(_PAUSE_SECONDS, self._next)

    def _hold(self, method: str, handle: Callable[[], None], is_request: bool) -> bool:
        if method == methods.EXIT:
            waits = self._ends
        else:
            waits = self._changes or method not in _AT_ONCE
        if waits:
            self._waiting.append(handle)
            self._changes |= not is_request and method not in _CHANGES_NOTHING
            self._ends |= method == methods.SHUTDOWN
        return waits

    def _next(self) -> None:
        if self._server.features.make_next():
            asyncio.get_running_loop().call_soon(self._next)
            return
        import_module("torchlean_core.text.parser.parser")  # who places something first need not wait for it
        collect_again()
        self._server.protocol.hold = None
        for handle in self._waiting:
            handle()


def collect_again() -> None:
    """Have the collector work, which a start has switched off: what was loaded stays, and is not looked at any more."""
    gc.freeze()
    gc.enable()


def _alone(feature: Feature, hook: Callable[..., None], argument: Any) -> None:
    """Call a hook of a feature, which fails alone."""
    try:
        hook(argument)
    except Exception:
        _log.exception("%s failed", type(feature).__name__)

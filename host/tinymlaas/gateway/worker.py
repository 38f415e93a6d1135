"""One board's life behind a gateway: who is it, what is it, what is it to do; in rounds that may end anywhere and be begun again."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..device.identity import Identity
from ..errors import BoardError, DeviceError, ModuleError, ServiceError, TinymlError, UsageError
from .board import Board, visit
from .cache import Cache
from .events import Event, Tell
from .link import Link, Offer, Said
from .update import Stopped, Update, Withdrawn

MOST_WAIT_S = 60.0  # after failures, which double the wait from a second on


@dataclass(frozen=True, slots=True)
class Settings:
    """Of all boards of a gateway. ``server``, ``health_s`` (0: never); ``token``: for boards that have none of their own.

    Without a server each board's own is asked, as `enrol` told it.
    """

    server: str = ""
    token: str = ""
    trust: Path | None = None
    health_s: float = 0.0


class Worker:
    """A board on a port. Everything that must outlast this process lies on the board and at the server."""

    def __init__(self, port: str, settings: Settings, cache: Cache, tell: Tell, stop: threading.Event) -> None:
        self.port, self.settings, self.cache, self.stop = port, settings, cache, stop
        self.healthy = True  # as far as the last round says
        self._tell = tell
        self._identity: Identity | None = None
        self._link: Link | None = None
        self._is: dict[str, Any] = {}  # capabilities of the board
        self._declared: dict[str, Any] = {}
        self._unheard: dict[int, tuple[Update, Said]] = {}  # last words about actions
        self._model = ""  # what is looked after
        self._health_in_s = settings.health_s
        self._last_trouble = ""

    def run(self, once: bool = False) -> None:
        """Until stopped; ``once``: until there is nothing to do or something failed."""
        failures, wait = 0, 0.0
        while not self.stop.wait(wait):
            try:
                wait = self.round()
                failures, self.healthy, self._last_trouble = 0, True, ""
            except Stopped:
                break
            except Exception as error:  # of whatever kind: other boards go on, and so does this one
                failures, self.healthy = failures + 1, False
                wait = min(MOST_WAIT_S, 2.0 ** (failures - 1))
                self._trouble(error)
            if once and (wait or failures):
                break
        self.close()

    def round(self) -> float:
        """One thing that is to be done, if there is any; seconds until the next round."""
        link = self._link or self._meet()
        try:
            links = self._ask(link)
        except ServiceError as error:
            if error.status == 401:
                self.close()  # it may be enrolled anew
            raise
        if links is None:
            return 0.0
        return self._idle(link)

    def _ask(self, link: Link) -> dict[str, str] | None:
        """None when something was done."""
        for action, (update, said) in list(self._unheard.items()):
            update.close(said)
            del self._unheard[action]
        links = link.poll().links
        if "configData" in links or self._declared != self._is:
            self._declare(link)
        elif "cancelAction" in links:
            self._cancel(link, links["cancelAction"])
        elif "deploymentBase" in links:
            self._serve(link, links["deploymentBase"])
        else:
            return links
        return None

    def _idle(self, link: Link) -> float:
        """Seconds to sleep; health is reported when it is time."""
        sleep_s = link.last.sleep_s
        if not self.settings.health_s or not self._model:
            return sleep_s
        self._health_in_s -= sleep_s
        if self._health_in_s < 0:
            self._health_in_s = self.settings.health_s
            self._report(link)
        return min(sleep_s, self.settings.health_s)

    def _meet(self) -> Link:
        """Asks the board who and what it is."""
        with self._visit() as board:
            identity = board.identity()
            if identity is None:
                raise BoardError(f"the board on {self.port} is not enrolled: tinymlaas enrol NAME --on {self.port}")
            self._identity, self._is = identity, board.capabilities(identity.model)
            self._model = self._model or identity.model
        token = identity.token or self.settings.token
        if not token:
            words = f"{identity.device} has no token of its own"
            raise UsageError(f"{words}: put the token of its gateway into TINYMLAAS_GATEWAY_TOKEN")
        kind = "TargetToken" if identity.token else "GatewayToken"
        server = self.settings.server or identity.server
        self._link = Link(server, identity.device, f"{kind} {token}", self.settings.trust)
        self._note("board", f"{self._is['board']}, {self._is['heap_free']} B of heap free, at {server}")
        return self._link

    def _declare(self, link: Link) -> None:
        link.declare(self._is)
        self._declared = self._is
        self._note("declared", f"{self._is['kernel_target']}, {self._is['flash_free']} B of flash free")

    def _cancel(self, link: Link, path: str) -> None:
        action, seq = link.stop(path)
        link.tell(action, seq + 1, Said("canceled", detail="before it was begun, or in the middle of it"), stop=True)
        self._note("canceled", f"action {action}")

    def _serve(self, link: Link, path: str) -> None:
        """An offer to its end, good or bad; whatever comes in between, the next round takes it up again."""
        offer = link.offer(path)
        update = Update(link, self.cache, offer, self._note, self.stop)
        self._note("offer", f"{update.name}, {offer.size} B")
        try:
            said = self._other_model(offer) or self._install(update)
        except Withdrawn:
            self._note("withdrawn", update.name)
            self.stop.wait(1.0)  # the server takes it out of its answers meanwhile
            return
        self._note("running" if said.finished == "success" else "failed", f"{update.name}: {_words(said)}")
        self._unheard[offer.action] = update, said
        if said.execution != "rejected":
            self._model = offer.model

    def _other_model(self, offer: Offer) -> Said | None:
        """A refusal, when the device was enrolled for another model."""
        mine = self._identity.model if self._identity else ""
        if mine in ("", offer.model):
            return None
        return Said("rejected", detail=f"this device runs {mine}, not {offer.model}")

    def _install(self, update: Update) -> Said:
        try:
            data = update.download()
            with self._visit() as board:
                said = update.install(board, data)
                with contextlib.suppress(DeviceError):  # these can wait, the outcome cannot
                    self._is = board.capabilities(update.offer.model)
        except ModuleError as error:
            return Said("closed", "failure", str(error))
        return said

    def _report(self, link: Link) -> None:
        """A visit that looks after the running model: its self-test, its time, the heap."""
        with self._visit() as board:
            board.open(self._model)
            running = board.running()
            if running is None:
                return
            found = board.look()
        who = {"model": self._model, "version": running[1], **({"sha256": running[0]} if running[0] else {})}
        link.report({**who, **found, "errors": 0 if found["selftest"] else 1})
        self._note("health", f"{self._model} v{running[1]}: {_health(found)}")

    @contextlib.contextmanager
    def _visit(self) -> Iterator[Board]:
        """The board, if it is still the same one."""
        with visit(self.port) as board:
            if self._identity is not None and board.identity() != self._identity:
                self.close()
                raise BoardError(f"another board is on {self.port} now, or it was enrolled anew")
            yield board

    def close(self) -> None:
        """Forgets the board and ends the connection to its server."""
        if self._link is not None:
            self._link.close()
        self._link, self._identity, self._declared = None, None, {}

    def _note(self, kind: str, text: str) -> None:
        self._tell(Event(self.port, self._identity.device if self._identity else "", kind, text))

    def _trouble(self, error: Exception) -> None:
        """The same trouble again is not worth a line."""
        text = str(error) if isinstance(error, TinymlError) else f"{type(error).__name__}: {error}"
        if text != self._last_trouble:
            self._last_trouble = text
            self._note(_kind(error), text)


def _kind(error: Exception) -> str:
    if isinstance(error, ServiceError):
        return "away" if error.status == 503 else "refused"
    return "lost" if isinstance(error, BoardError | DeviceError) else "error"


def _words(said: Said) -> str:
    if said.health is None:
        return said.detail
    return f"{said.detail}, {_health(said.health)}"


def _health(health: dict[str, Any]) -> str:
    passed = "" if health["selftest"] else "self-test FAILED, "
    return f"{passed}{health['inference_us'] / 1000:.1f} ms, {health['heap_free']} B of heap free"

"""Keeps a model up to date from a server: asks, downloads, checks, tests, switches, reports. Inference goes on meanwhile.

The protocol is that of docs/SERVICE.md. All of it is one generator that yields instead of waiting; step(), poll(), run() and
arun() are four ways to drive it.
"""

import gc
import json
import os
import time
from binascii import crc32
from time import ticks_add, ticks_diff, ticks_ms

from .capabilities import capabilities
from .http import Server
from .slots import FOLDER, Damaged, Slots

_RETRY_S, _LONGEST_S = 5, 900
_SIZES, _NOISE = ("heap_free", "heap_block", "flash_free"), 2048
_SLICE_MS = 20_000  # of a download, then the server is asked whether it is still wanted
_MAX_SLEEP_S = 86_400


class Refusal(OSError):
    """The server's answer is not what was asked for: status, then what it said."""


class Unfit(Exception):
    """The device cannot take a module: why."""


class Client:
    """Keeps the model of one name up to date. server: URL; device, token: as enrolled there; model: its name, or a Slots.

    initial: module to run until one was installed; ca: see tinyml.http; accept: a function that is given each new model after
    its self-test, before it is confirmed; False, or an exception, takes the old one back. The app counts `runs` and `errors`.
    """

    def __init__(self, server, device, token, model, initial=None, folder=FOLDER, ca=None, accept=None, health_s=3600):
        self.slots = Slots(model, folder, initial) if isinstance(model, str) else model
        self.error, self.runs, self.errors = "", 0, 0
        self._server, self._accept, self._health_s = Server(server, ca), accept, health_s
        self._base = "/default/controller/v1/" + device
        self._token = ("Authorization", "%s %s" % ("TargetToken", token))
        self._etag = self._links = self._round = self._retried = self._announced = None
        self._sleep_s, self._fails, self._retry_after, self._told, self._again = 30, 0, 0, False, False
        self._uptime_ms, self._at, self._due = 0, ticks_ms(), ticks_ms()
        self._healthy_at = None

    @property
    def model(self):
        """The model to run now; None when there is none."""
        return self.slots.model

    # Four ways to drive it

    def step(self):
        """A bit of the update, without waiting for the network; to be called between inferences. Errors are left in `error`."""
        if self._round is None and ticks_diff(self._due, ticks_ms()) > 0:
            return
        try:
            self._next()
        except Exception as e:  # whatever a server sends: inference goes on, and it is asked again later
            self.error = "%s: %s" % (type(e).__name__, e)

    def poll(self):
        """One round: asks, and does what is to be done. Raises what went wrong; returns the seconds until the next."""
        self._due = ticks_ms()
        while self._next():
            time.sleep_ms(2)
        return max(0, ticks_diff(self._due, ticks_ms())) / 1000

    def run(self, work=None):
        """For ever: rounds, and in between, again and again, work()."""
        while True:
            self.step()
            work() if work else time.sleep_ms(2 if self._round else 50)

    async def arun(self):
        """For ever, beside the other tasks of asyncio."""
        from asyncio import sleep_ms

        while True:
            self.step()
            await sleep_ms(2 if self._round else 50)

    def _next(self):
        # True while the round goes on.
        if self._round is None:
            self._retry_after, self._again = 0, False
            self._round = self._once()
        try:
            next(self._round)
            return True
        except StopIteration:
            self._fails, self.error = 0, ""
            self._rest(0 if self._again else self._sleep_s)
        except BaseException:
            self._fails += 1
            self._rest(max(self._retry_after, min(_RETRY_S << min(self._fails - 1, 10), _LONGEST_S)))
            raise
        return False

    def _rest(self, seconds):
        self._round = None
        jitter = os.urandom(1)[0] * seconds * 1000 // 2560  # up to a tenth
        self._due = ticks_add(ticks_ms(), min(seconds, _MAX_SLEEP_S) * 1000 + jitter)

    # A round

    def _once(self):
        self._uptime_ms += ticks_diff(ticks_ms(), self._at)
        self._at = ticks_ms()
        _ = self.model  # it comes first
        gc.collect()  # so that what the round keeps does not lie in the middle of the largest block
        yield from self._deliver()
        yield from self._ask()
        if "configData" in self._links or not self._told:
            yield from self._declare()
        if self._healthy_at is None or self._uptime_ms - self._healthy_at > self._health_s * 1000:
            yield from self._tell_health()
        if "cancelAction" in self._links:
            yield from self._cancel(self._links["cancelAction"]["href"])
        elif "deploymentBase" in self._links:
            yield from self._deploy(self._links["deploymentBase"]["href"])

    def _ask(self):
        headers = [self._token]
        if self._etag:
            headers.append(("If-None-Match", self._etag))
        answer = yield from self._server.request("GET", self._base, headers)
        try:
            if answer.status == 304:
                return
            said = yield from self._read(answer)
            self._etag, self._links = answer.headers.get("etag"), said["_links"]
            self._sleep_s = _seconds(said["config"]["polling"]["sleep"])
        finally:
            answer.close()

    def _declare(self):
        said = capabilities(self.slots)
        mark = _mark(said)
        if "configData" in self._links or _differs(mark, self.slots.notes.get("told")):
            yield from self._say("PUT", self._base + "/configData", {"mode": "replace", "data": said})
            self.slots.note(told=mark)
            self._again = True  # what is offered may depend on it
        self._told = True

    def _tell_health(self):
        if self.model is not None:
            yield from self._say("POST", self._base + "/health", self._health())
        self._healthy_at = self._uptime_ms

    def _cancel(self, href):
        said = yield from self._get(href)
        if said is None:
            return
        self.slots.revert("canceled by the operator")
        status = {"execution": "canceled", "details": ["nothing was changed"]}
        yield from self._say("POST", href + "/feedback", {"id": said["id"], "seq": said["seq"] + 1, "status": status})
        self._again = True

    def _deploy(self, href):
        said = yield from self._get(href)
        if said is None:
            return
        self._again = True
        chunk = said["deployment"]["chunks"][0]
        artifact, version = chunk["artifacts"][0], int(chunk["version"])
        told = _Action(self, href, said["id"], said["seq"])
        digest, size = artifact["hashes"]["sha256"], artifact["size"]
        if chunk["name"] != self.slots.name:
            words = "this device runs %s, not %s" % (self.slots.name, chunk["name"])
            self.slots.note(feedback=told.last("rejected", words))
        elif digest == self.slots.sha256 and self.model is not None:
            self.slots.note(feedback=told.last("success", "it runs already", self._health()))
        else:
            link = artifact["_links"]["download-http"]["href"]
            said = chunk = artifact = None  # they are in the way of a module
            try:
                yield from self._install(told, link, digest, size, version)
            except Unfit as e:
                self.slots.revert(
                    str(e), feedback=told.last("failure", str(e), self._health() if self.slots.version else None)
                )
                gc.collect()
        yield from self._deliver()

    # An installation

    def _install(self, told, link, digest, size, version):
        slots = self.slots
        offset = _here(slots.begin, digest, size, version)
        if offset < size:
            if self._announced != told.id:
                yield from told.tell("download", offset, size)
                self._announced = told.id
            yield from self._download(link, digest, offset, size)
            return  # before it goes on, the server is asked again
        yield from told.tell("downloaded", size, size)
        checking = slots.checking()
        while self._checks(checking, digest):
            yield
        yield from told.tell("proceeding")
        tested = _here(slots.test)
        if not tested["selftest"]:
            raise Unfit("%s: its self-test failed: outputs differ from the compiler's" % slots.name)
        slots.switch()
        self._ask_app()
        note = {"sha256": slots.sha256, "said": tested}
        self.runs = self.errors = 0
        _here(lambda: slots.confirm(tested=note, feedback=told.last("success", "", self._health(note))))
        gc.collect()
        self._told, self._healthy_at = False, None  # memory is another one now

    def _download(self, link, digest, offset, size):
        headers = [self._token, ("Range", "bytes=%d-" % offset), ("If-Range", '"%s"' % digest)]
        answer = yield from self._server.request("GET", link, headers)
        try:
            if answer.status == 200 and offset:
                raise Refusal(200, "the server sent all of the module, not what was missing; does a proxy drop Range?")
            if answer.status not in (200, 206):
                yield from self._read(answer)  # raises what it says
            piece, began = memoryview(bytearray(1024)), ticks_ms()
            while offset < size and ticks_diff(ticks_ms(), began) < _SLICE_MS:
                n = yield from answer.readinto(piece)
                if not n:
                    raise OSError(104, "the download ended after %d of %d B" % (offset, size))
                offset = _here(self.slots.write, piece[:n])
                yield
        finally:
            answer.close()
            self.slots.pause()

    def _checks(self, checking, digest):
        # Once more, and no more: what came may be damaged on its way only, the heap in pieces only now.
        try:
            return _goes_on(checking)
        except (Damaged, MemoryError) as e:
            if self._retried == digest:
                raise Unfit(str(e))
            self._retried = digest
            raise
        except (ValueError, OSError) as e:
            raise Unfit(str(e))

    def _ask_app(self):
        try:
            if self._accept is None or self._accept(self.slots.model) is not False:
                return
            words = "the app did not accept it"
        except Exception as e:
            words = "the app failed with it: %s: %s" % (type(e).__name__, e)
        raise Unfit("%s: %s" % (self.slots.name, words))

    # What is said

    def _health(self, tested=None):
        gc.collect()
        slots = self.slots
        tested = tested or slots.notes.get("tested") or {}
        said = {"model": slots.name, "version": slots.version, "uptime_s": self._uptime_ms // 1000}
        said.update({"runs": self.runs, "errors": self.errors, "heap_free": gc.mem_free()})
        if slots.sha256:
            said["sha256"] = slots.sha256
        if tested and tested["sha256"] == slots.sha256:
            said.update({key: tested["said"][key] for key in ("selftest", "inference_us")})
        return said

    def _deliver(self):
        # The last word about an action is repeated until it was heard.
        told = self.slots.notes.get("feedback")
        if not told:
            return
        try:
            yield from self._say("POST", told["href"] + "/feedback", told["body"])
        except Refusal as e:
            if e.errno not in (400, 404, 409, 410, 422):
                raise
        self.slots.note(feedback=None)
        self._etag = None

    def _get(self, href):
        # None when there is no such thing any more: then the server is asked anew.
        try:
            return (yield from self._say("GET", href, None))
        except Refusal as e:
            if e.errno not in (404, 410):
                raise
        self._etag, self._again = None, True

    def _say(self, method, path, body):
        text = b"" if body is None else json.dumps(body).encode()
        answer = yield from self._server.request(method, path, [self._token], text)
        try:
            return (yield from self._read(answer))
        finally:
            answer.close()

    def _read(self, answer):
        # The JSON of a good answer; Refusal for any other.
        said = yield from answer.json()
        if answer.status == 200:
            return said
        wait = answer.headers.get("retry-after", "0")
        self._retry_after = int(wait) if wait.isdigit() else 0
        words = said.get("error") or "the server answers %d" % answer.status
        raise Refusal(answer.status, "%s; %s" % (words, said.get("remedy") or "see its log"))


class _Action:
    """What is said about one action; its feedbacks are counted."""

    def __init__(self, client, href, id, seq):
        self.id, self._client, self._href, self._seq = id, client, href, seq

    def tell(self, execution, count=None, of=None):
        status = {"execution": execution}
        if of is not None:
            status["result"] = {"progress": {"cnt": count, "of": of}}
        yield from self._client._say("POST", self._href + "/feedback", self._body(status))

    def last(self, finished, words, health=None):
        """The final feedback, to be noted down, so that it survives a reset."""
        execution = finished if finished == "rejected" else "closed"
        status = {"execution": execution, "details": [words[:500]] if words else []}
        if execution == "closed":
            status["result"] = {"finished": finished}
        body = self._body(status)
        if health is not None:
            body["health"] = health
        return {"href": self._href, "body": body}

    def _body(self, status):
        self._seq += 1
        return {"id": self.id, "seq": self._seq, "status": status}


def _mark(said):
    # By which changes are seen: sizes, and a checksum of everything else.
    rest = [said[key] for key in sorted(said) if key not in _SIZES]
    return [said[key] for key in _SIZES] + [crc32(json.dumps(rest).encode())]


def _differs(mark, told):
    # The heap is a little different after each reset. Less is told when it nears the service's margins, more when it is worth it.
    if not told or mark[-1] != told[-1]:
        return True
    return any(now < then - _NOISE or now > then + max(_NOISE, then >> 4) for now, then in zip(mark, told))


def _here(call, *arguments):
    # What fails here is no matter of the network: the module cannot be taken.
    try:
        return call(*arguments)
    except (ValueError, OSError, MemoryError) as e:
        raise Unfit(str(e) or type(e).__name__)


def _goes_on(generator):
    try:
        next(generator)
        return True
    except StopIteration:
        return False


def _seconds(text):
    hours, minutes, seconds = text.split(":")
    return max(1, (int(hours) * 60 + int(minutes)) * 60 + int(seconds))

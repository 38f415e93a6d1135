"""Runs on MicroPython: an app that infers all the time and keeps its model up to date. Argument: a file of settings.

Prints a JSON line whenever something changed, and ten times a second how many inferences there were.
"""

import json
import sys
import time

from tinyml import ota, trust

with open(sys.argv[1]) as f:
    settings = json.load(f)
if settings.get("keys"):
    trust.use(settings["keys"])
printed = {}
last = time.ticks_ms()


def accept(model):
    if settings.get("accept") == "raise":
        raise IndexError("label 11 of 10")
    return settings.get("accept") != "no"


client = ota.Client(
    settings["server"],
    settings["device"],
    settings["token"],
    "digits",
    initial=settings.get("initial"),
    folder=settings["folder"],
    ca=settings.get("ca"),
    accept=accept,
)
inferences = 0


def infer():
    global inferences
    model = client.model
    if model is None:
        time.sleep_ms(5)
        return
    model.inputs[0][:] = bytes(64)
    model.run()
    inferences += 1
    client.runs += 1
    time.sleep_ms(1)


def tell():
    global printed, last
    now = {
        "version": client.slots.version,
        "error": client.error,
        "reason": client.slots.error,
        "next": client.slots.next,
        "told": client.slots.notes.get("feedback") is None,
    }
    if now != printed or time.ticks_diff(time.ticks_ms(), last) > 100:
        printed, last = now, time.ticks_ms()
        print(json.dumps(dict(now, inferences=inferences)))


def work():
    infer()
    tell()


async def main():
    import asyncio

    updates = asyncio.create_task(client.arun())
    while not updates.done():
        model = client.model
        if model is None:
            await asyncio.sleep_ms(5)
        else:
            global inferences
            model.inputs[0][:] = bytes(64)
            await model.arun(1000)
            inferences += 1
            await asyncio.sleep_ms(1)
        tell()


if settings.get("asyncio"):
    import asyncio

    asyncio.run(main())
else:
    client.run(work)

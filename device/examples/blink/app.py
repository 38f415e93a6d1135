# Recognises digits for a second while the LED blinks.
import asyncio
import time

import tinyml
from machine import Pin

BLINK_MS = 50
BUDGET_US = 2000  # for the network, before it is the others' turn


async def blink(led):
    on = False
    while True:
        on = not on
        led.value(on)
        await asyncio.sleep_ms(BLINK_MS)


async def main():
    m = tinyml.Model("/rom/digits.tml")
    led = Pin("LED", Pin.OUT)
    blinking = asyncio.create_task(blink(led))
    inferences, end = 0, time.ticks_add(time.ticks_ms(), 1000)
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        m.inputs[0][:] = bytes(64)  # here goes the frame of a sensor
        await m.arun(BUDGET_US)
        inferences += 1
    blinking.cancel()
    print(inferences, "inferences; the last one says", m.top(1)[0][0])


asyncio.run(main())

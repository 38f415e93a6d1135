# Recognises digits with a network that the service keeps up to date. Fill in what `tinymlaas` told you when the device was enrolled.
import time

from tinyml import ota

SERVER, DEVICE, TOKEN = "http://192.168.1.10:8000", "kitchen", "tml_..."
WIFI = None  # ("network", "password") on a board that is not connected yet


def connect(name, password):
    import network

    wlan = network.WLAN(network.WLAN.IF_STA)
    wlan.active(True)
    wlan.connect(name, password)
    while not wlan.isconnected():
        time.sleep_ms(100)


if WIFI:
    connect(*WIFI)
client = ota.Client(SERVER, DEVICE, TOKEN, "digits", initial="/rom/digits.tml")
while True:
    m = client.model  # the newest that has proved itself; None: none was installed yet
    if m:
        m.inputs[0][:] = bytes(64)  # here goes the frame of a sensor
        m.run()
        client.runs += 1
    client.step()  # never waits for the network

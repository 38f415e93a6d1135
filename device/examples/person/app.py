# Says whether a person is in the picture. In place of capture() goes your camera.
import tinyml
from tinyml.image import Fit

WIDTH, HEIGHT, FORMAT = 160, 120, "rgb565be"  # of the camera's frames


def capture():
    return memoryview(open("/rom/frame.bin", "rb"))  # a frame in flash; used where it lies


def main(module="/rom/person.tml", take=capture, width=WIDTH, height=HEIGHT, format=FORMAT):
    m = tinyml.Model(module)
    fit = Fit(m, width, height, format)
    fit.put(take())
    m.run()
    label, share = m.top(1)[0]
    print("%s (%d %%)" % (label, 100 * share))
    return label


if __name__ == "__main__":
    main()

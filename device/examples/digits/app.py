# Reads one handwritten digit. Put your own picture in its place: 8x8 grey values, 0 = paper, 16 = ink.
from array import array

import tinyml

PICTURE = """
 0  0  9 16 16 16  5  0
 0  1 14 10  8 16  8  0
 0  0  0  0  7 16  3  0
 0  3  8 11 15 16 11  0
 0  8 16 16 15 11  3  0
 0  0  2 16  7  0  0  0
 0  0  8 16  1  0  0  0
 0  0 13 10  0  0  0  0
"""
frame = array("b", [min(16 * int(grey), 255) - 128 for grey in PICTURE.split()])  # scale 1/16, zero point -128

m = tinyml.Model("/rom/digits.tml")
m.inputs[0][:] = frame
m.run()
for label, share in m.top(2):
    print(label, share)

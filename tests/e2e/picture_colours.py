#!/usr/bin/env python3
"""Says whether a PNG (8 bits, RGB or RGBA) has pixels of every colour given.

Usage: picture_colours.py FILE.png RRGGBB...
"""

import struct
import sys
import zlib


def pixels(path):
    """Rows of bytes and the bytes a pixel, after the PNG's filters."""
    data = open(path, "rb").read()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", "no PNG"
    place, packed = 8, b""
    while place < len(data):
        (size,) = struct.unpack(">I", data[place : place + 4])
        kind = data[place + 4 : place + 8]
        chunk = data[place + 8 : place + 8 + size]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", chunk[:10])
            assert depth == 8 and colour in (2, 6), (depth, colour)
            step = 3 if colour == 2 else 4
        if kind == b"IDAT":
            packed += chunk
        place += 12 + size
    raw, stride = zlib.decompress(packed), width * step
    before = bytearray(stride)
    for y in range(height):
        line = bytearray(raw[y * (stride + 1) + 1 : (y + 1) * (stride + 1)])
        how = raw[y * (stride + 1)]
        for x in range(stride):
            left = line[x - step] if x >= step else 0
            up, corner = before[x], before[x - step] if x >= step else 0
            if how == 1:
                add = left
            elif how == 2:
                add = up
            elif how == 3:
                add = (left + up) // 2
            elif how == 4:
                guess = left + up - corner
                add = min(
                    (left, up, corner),
                    key=lambda v: abs(guess - v),
                )
            else:
                add = 0
            line[x] = (line[x] + add) & 255
        before = line
        yield line, step


def main():
    path, wanted = sys.argv[1], {c.lower() for c in sys.argv[2:]}
    found = set()
    for line, step in pixels(path):
        for x in range(0, len(line), step):
            found.add(bytes(line[x : x + 3]).hex())
    missing = wanted - found
    if missing:
        sys.exit(f"{path}: no {sorted(missing)} among {len(found)} colours")


if __name__ == "__main__":
    main()

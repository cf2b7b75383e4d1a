"""Writes golden/crop_resize_*.ppm: what Pillow makes of a test pattern.

Run from this folder with Pillow installed. The pattern is PatternImage() of
crop_resize_test.cc; the steps are those of the reference data set: scale to
cover, bilinear resize, centre crop, with Python's rounding.
"""
from pathlib import Path

from PIL import Image

# Source width and height, target width and height.
CASES = [
    (40, 30, 16, 16),
    (30, 40, 32, 16),
    (61, 47, 48, 16),
    (20, 12, 48, 32),
    (33, 33, 16, 32),
    (48, 32, 48, 32),
    (107, 61, 32, 16),
]


def pattern(width, height):
    data = bytearray()
    for y in range(height):
        for x in range(width):
            for c in range(3):
                value = x * 73856093 ^ y * 19349663 ^ c * 83492791
                data.append((value * 2654435761 >> 13) & 0xFF)
    return Image.frombytes("RGB", (width, height), bytes(data))


def crop_and_resize(image, width, height):
    scale = max(width / image.width, height / image.height)
    size = (round(image.width * scale), round(image.height * scale))
    image = image.resize(size, Image.Resampling.BILINEAR)
    left = round((image.width - width) / 2.0)
    top = round((image.height - height) / 2.0)
    return image.crop((left, top, left + width, top + height))


for sw, sh, tw, th in CASES:
    name = f"golden/crop_resize_{sw}x{sh}_{tw}x{th}.ppm"
    crop_and_resize(pattern(sw, sh), tw, th).save(Path(name))

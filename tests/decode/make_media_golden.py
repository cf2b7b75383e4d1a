"""Writes golden/: small media, and what Pillow shows of them.

Run from this folder with Pillow (12 or newer, with AVIF) installed.

turned/ holds one picture, stored in each of the eight orientations in each
format; shown upright all of them are turned/upright.ppm. alpha/ holds media
with transparency, and beside each NAME its frames composed on black, white and
#123456 as NAME.BACKGROUND.rgb. Beside the eight, turned/ has PNGs whose tag is
in a text, as ImageMagick wrote it. filling/ holds pictures with a fourth sample
that is no transparency, and one with transparency that cannot be read.
"""
import struct
import zlib
from pathlib import Path

from PIL import Image, ImageOps, ImageSequence, PngImagePlugin

GOLDEN = Path("golden")
ORIENTATION = 0x0112
BACKGROUNDS = {"black": (0, 0, 0), "white": (255, 255, 255),
               "123456": (0x12, 0x34, 0x56)}

# What was done to the upright picture where the tag says how to undo it.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}

FORMATS = {
    "jpg": {"format": "JPEG", "quality": 100, "subsampling": 0},
    "png": {"format": "PNG"},
    "webp": {"format": "WEBP", "lossless": True},
    "tif": {"format": "TIFF", "compression": "tiff_lzw"},
    "avif": {"format": "AVIF", "quality": 100, "subsampling": "4:4:4"},
}


def upright_picture():
    """48x32: six fields of 16x16, no two of one colour."""
    fields = Image.new("RGB", (3, 2))
    fields.putdata([(200, 30, 30), (30, 200, 30), (30, 30, 200),
                    (220, 220, 40), (40, 220, 220), (220, 40, 220)])
    return fields.resize((48, 32), Image.Resampling.NEAREST)


def write_turned():
    folder = GOLDEN / "turned"
    folder.mkdir(parents=True, exist_ok=True)
    upright = upright_picture()
    upright.save(folder / "upright.ppm")
    for tag, operation in STORED.items():
        stored = upright if operation is None else upright.transpose(operation)
        exif = Image.Exif()
        exif[ORIENTATION] = tag
        for extension, options in FORMATS.items():
            path = folder / f"tag{tag}.{extension}"
            stored.save(path, exif=exif, **options)
            shown = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
            assert shown.size == upright.size, path
            worst = max(abs(a - b) for a, b in
                        zip(shown.tobytes(), upright.tobytes()))
            assert worst <= 3, (path, worst)


def write_texts():
    folder = GOLDEN / "turned"
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    digits = exif.tobytes().hex()
    lines = [digits[i:i + 72] for i in range(0, len(digits), 72)]
    text = "\n".join(["", "exif", f"{len(digits) // 2:8}", *lines, ""])
    stored = upright_picture().transpose(STORED[6])
    for name, packed in (("text6.png", False), ("packed6.png", True)):
        info = PngImagePlugin.PngInfo()
        info.add_text("Raw profile type exif", text, zip=packed)
        stored.save(folder / name, pnginfo=info)
        shown = ImageOps.exif_transpose(Image.open(folder / name))
        assert shown.tobytes() == upright_picture().tobytes(), name


def noise(seed, width=32, height=16):
    data = bytearray()
    for y in range(height):
        for x in range(width):
            for c in range(4):
                value = (x * 73856093 ^ y * 19349663 ^ c * 83492791
                         ^ seed * 2654435761)
                data.append((value * 2654435761 >> 13) & 0xFF)
    picture = Image.frombytes("RGBA", (width, height), bytes(data))
    # Some of it clear, some of it opaque; under the clear part is noise.
    alpha = picture.getchannel("A").load()
    mask = Image.new("L", picture.size)
    mask.putdata([0 if x < 8 else 255 if x < 14 else alpha[x, y]
                  for y in range(height) for x in range(width)])
    picture.putalpha(mask)
    return picture


def png_chunk(kind, content):
    return (struct.pack(">I", len(content)) + kind + content +
            struct.pack(">I", zlib.crc32(kind + content)))


def write_png16(path, picture):
    """Pillow writes no PNG of 16 bits a channel with alpha."""
    rows = b""
    samples = picture.tobytes()
    stride = 4 * picture.width
    for y in range(picture.height):
        row = samples[y * stride:(y + 1) * stride]
        rows += b"\0" + b"".join(bytes((v, v)) for v in row)
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 16, 6, 0,
                         0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) +
                     png_chunk(b"IDAT", zlib.compress(rows)) +
                     png_chunk(b"IEND", b""))


def composed(frame, background):
    frame = frame.convert("RGBA")
    under = Image.new("RGBA", frame.size, background + (255,))
    return Image.alpha_composite(under, frame).convert("RGB").tobytes()


def write_alpha():
    folder = GOLDEN / "alpha"
    folder.mkdir(parents=True, exist_ok=True)
    frames = [noise(seed) for seed in range(3)]
    picture = frames[0]
    animation = {"save_all": True, "append_images": frames[1:],
                 "duration": 125}
    picture.save(folder / "rgba.png")
    write_png16(folder / "rgba16.png", picture)
    picture.convert("LA").save(folder / "grey.png")
    flat = picture.convert("RGB").quantize(16)
    flat.save(folder / "palette.png", transparency=3)
    flat.save(folder / "palette-many.png", transparency=bytes(range(0, 256, 16)))
    flat.save(folder / "still.gif", transparency=3)
    picture.convert("RGB").save(folder / "key.png",
                                transparency=picture.getpixel((20, 5))[:3])
    picture.save(folder / "still.webp", lossless=True, exact=True)
    picture.save(folder / "rgba.tif", compression="tiff_lzw")
    picture.save(folder / "rgba.avif", quality=100, subsampling="4:4:4")
    frames[0].save(folder / "moving.webp", lossless=True, exact=True,
                   **animation)
    frames[0].save(folder / "moving.png", **animation)
    frames[0].save(folder / "moving.gif", disposal=2, **animation)
    for path in sorted(folder.iterdir()):
        if path.suffix == ".rgb":
            continue
        for name, colour in BACKGROUNDS.items():
            shown = [composed(frame, colour)
                     for frame in ImageSequence.Iterator(Image.open(path))]
            path.with_name(f"{path.name}.{name}.rgb").write_bytes(
                b"".join(shown))


def write_tiff(path, picture, extra_sample):
    """Pillow writes no TIFF with a fourth sample of no meaning."""
    samples = picture.tobytes()
    tags = [(256, 4, 1, picture.width), (257, 4, 1, picture.height),
            (258, 3, 4, 0), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 0),
            (277, 3, 1, 4), (278, 4, 1, picture.height),
            (279, 4, 1, len(samples)), (338, 3, 1, extra_sample)]
    bits_at = 8 + 2 + 12 * len(tags) + 4
    places = {258: bits_at, 273: bits_at + 8}
    path.write_bytes(
        b"II*\0" + struct.pack("<IH", 8, len(tags)) +
        b"".join(struct.pack("<HHII", tag, kind, count, places.get(tag, value))
                 for tag, kind, count, value in tags) +
        struct.pack("<I4H", 0, 8, 8, 8, 8) + samples)


def write_filling():
    folder = GOLDEN / "filling"
    folder.mkdir(parents=True, exist_ok=True)
    picture = noise(0)
    picture.save(folder / "unused.bmp")
    write_tiff(folder / "unused.tif", picture, 0)
    for name in ("unused.bmp", "unused.tif"):
        shown = Image.open(folder / name)
        assert shown.mode == "RGB", name
        (folder / f"{name}.rgb").write_bytes(shown.tobytes())
    picture.convert("1").save(folder / "one-bit.png", transparency=0)


write_turned()
write_texts()
write_alpha()
write_filling()

#!/usr/bin/env bash
# What a medium is and how it is shown, through the programs: orientation and
# transparency end in the latents of the picture that a viewer shows; pictures
# for a model that continues a frame are refused by name.
source "$(dirname "$0")/lib.sh"

i2v_model="${whole_model//\/model\//\/i2v-model\/}"

# Pictures of 48x64 in plain PNG: NAME upright, NAME lying with an orientation
# tag, cut out of noise, and what the cut-out shows on black and on white.
python3 - "$scratch" <<'END'
import pathlib, random, struct, sys, zlib

root = pathlib.Path(sys.argv[1])
W, H = 48, 64
random.seed(1)


def chunk(kind, content):
    return (struct.pack(">I", len(content)) + kind + content +
            struct.pack(">I", zlib.crc32(kind + content)))


def write(path, rows, colour, extra=b""):
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = {2: 3, 6: 4}[colour]
    header = struct.pack(">IIBBBBB", len(rows[0]) // channels, len(rows), 8,
                         colour, 0, 0, 0)
    raw = b"".join(b"\0" + bytes(row) for row in rows)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra +
                     chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))
    path.with_suffix(".txt").write_text("moving bars, a clock and square 1")


pixels = [[(200, y * 3, x * 4) for x in range(W)] for y in range(H)]
rows = lambda grid: [[v for pixel in row for v in pixel] for row in grid]
write(root / "upright/photo.png", rows(pixels), 2)
# Tag 6: turned by a quarter clockwise to be seen; stored the other way.
lying = [[pixels[y][W - 1 - x] for y in range(H)] for x in range(W)]
tiff = (b"II*\0" + struct.pack("<IH", 8, 1) +
        struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + struct.pack("<I", 0))
write(root / "tagged/photo.png", rows(lying), 2, chunk(b"eXIf", tiff))
inside = lambda x, y: (x - 24) ** 2 + (y - 32) ** 2 < 300
noise = lambda: [random.randrange(256) for _ in range(3)]
write(root / "cutout/photo.png",
      rows([[(0, 200, 0, 255) if inside(x, y) else (*noise(), 0)
             for x in range(W)] for y in range(H)]), 6)
for name, under in (("on-black", 0), ("on-white", 255)):
    write(root / name / "photo.png",
          rows([[(0, 200, 0) if inside(x, y) else (under,) * 3
                 for x in range(W)] for y in range(H)]), 2)
END

# latents NAME FOLDER FRAMES [KEY: VALUE]: the digest of the only sample's
# latents, freshly made.
latents() {
  local files
  rm -rf "$scratch/cache"
  job "$1" model="$whole_model" data="{path: $scratch/$2, height: 64, \
width: 48, frames: $3, cache_dir: $scratch/cache${4:+, $4}}" >/dev/null
  hp prepare "$scratch/$1.yaml" >"$scratch/$1.out" 2>&1 ||
    fail "prepare $1: $(cat "$scratch/$1.out")"
  files=("$scratch"/cache/latents-*.safetensors)
  [[ -e "${files[0]}" && ${#files[@]} == 1 ]] || fail "$1: ${files[*]}"
  sha256sum <"${files[0]}"
}

same() { [[ "$1" == "$2" ]] || fail "$3"; }

for frames in 1 9; do
  same "$(latents upright upright $frames)" "$(latents tagged tagged $frames)" \
    "a picture with an orientation tag is not shown upright, frames $frames"
  same "$(latents cutout cutout $frames)" "$(latents on-black on-black $frames)" \
    "what is below transparency leaks through, frames $frames"
done
white='alpha: white'
same "$(latents cutout cutout 1 "$white")" "$(latents on-white on-white 1)" \
  "data.alpha: white is not white"
echo "orientation and transparency"

# A clip that was filmed lying: the same at every number of frames.
mkdir "$scratch/filmed" "$scratch/phone"
ffmpeg -v error -nostdin -y -f lavfi -i testsrc2=size=48x64:rate=16 \
  -frames:v 9 -c:v qtrle -pix_fmt rgb24 "$scratch/filmed/clip.mov"
ffmpeg -v error -nostdin -y -i "$scratch/filmed/clip.mov" -vf transpose=1 \
  -c:v qtrle -pix_fmt rgb24 "$scratch/lying.mov"
ffmpeg -v error -nostdin -y -i "$scratch/lying.mov" -c copy \
  -metadata:s:v rotate=90 "$scratch/phone/clip.mov"
echo "moving bars" | tee "$scratch"/{filmed,phone}/clip.txt >/dev/null
for frames in 1 9; do
  same "$(latents filmed filmed $frames)" "$(latents phone phone $frames)" \
    "a clip is not turned at frames $frames"
done
echo "turned clips"

refused() { # refused NAME MODEL FOLDER EXTRA PATTERN [FRAMES]
  rm -rf "$scratch/cache"
  job "$1" model="$2" steps=1 data="{path: $scratch/$3, height: 64, width: 48, \
frames: ${6:-9}, cache_dir: $scratch/cache${4:+, $4}}" >/dev/null
  for command in prepare run; do
    expect_error 3 "$5" "$HP_BIN/halfpipe" "$command" "$scratch/$1.yaml"
  done
  no_lora "$scratch/$1"
}
mkdir "$scratch/half"
ffmpeg -v error -nostdin -y -f lavfi -i testsrc2=size=48x64 -frames:v 1 \
  "$scratch/photo.jpg"
echo "moving bars" >"$scratch/half/photo.txt"
refused alpha "$whole_model" cutout "alpha: refuse" \
  "/cutout/photo.png: has transparent pixels, and data.alpha is refuse"
refused word "$whole_model" cutout "alpha: pink" "word.yaml:4: data.alpha: "
refused still "$i2v_model" upright "" \
  "/upright/photo.png: is a picture, and this model learns .*data.stills: train"
refused frame "$i2v_model" filmed "" \
  "data.frames: 1 makes a still of every clip" 1
head -c "$(($(stat -c %s "$scratch/photo.jpg") / 2))" "$scratch/photo.jpg" \
  >"$scratch/half/photo.jpg"
refused half "$whole_model" half "" "/half/photo.jpg: is truncated or damaged"
echo "refused by name"

# Wanted all the same; and a set of clips and pictures for a text-to-video model.
cp -r "$scratch/filmed" "$scratch/both"
cp "$scratch"/upright/* "$scratch/both/"
trained() { # trained NAME MODEL FOLDER EXTRA
  job "$1" model="$2" steps=2 micro_batches=2 data="{path: $scratch/$3, \
height: 64, width: 48, frames: 9, cache_dir: $scratch/cache-$1${4:+, $4}}" \
    >/dev/null
  run "$1"
  lora "$1" >/dev/null
}
trained stills "$i2v_model" upright "stills: train"
trained both "$whole_model" both ""
echo "trained"

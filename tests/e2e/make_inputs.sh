#!/usr/bin/env bash
# Makes what the other tests use, in HP_MODEL: a small random model and clips.
set -euo pipefail
: "${HP_MODEL:?}" "${HP_SOURCE:?}" "${HP_PYTHON:?}"

rm -rf "$HP_MODEL"
mkdir -p "$HP_MODEL/clips"
for number in 1 2; do
  ffmpeg -v error -nostdin -y -f lavfi -i "testsrc2=size=96x64:rate=16" \
    -frames:v $((8 * number + 1)) -c:v libx264 -pix_fmt yuv420p \
    "$HP_MODEL/clips/clip-$number.mp4"
  echo "moving bars, a clock and square number $number" \
    >"$HP_MODEL/clips/clip-$number.txt"
done
cat "$HP_MODEL"/clips/*.txt >"$HP_MODEL/captions.txt"
"$HP_PYTHON" "$HP_SOURCE/scripts/make_tiny_model.py" "$HP_MODEL/model" \
  --captions "$HP_MODEL/captions.txt"
"$HP_PYTHON" "$HP_SOURCE/scripts/make_tiny_model.py" "$HP_MODEL/i2v-model" \
  --captions "$HP_MODEL/captions.txt" --i2v

#!/usr/bin/env bash
# Usage: tests/fuzz/make_media.sh OUT
#
# Small sound media of every kind, for folders_check: clips that the ffmpeg
# program makes, and the pictures that the decoder's golden tests read.
set -euo pipefail
out="${1:?Usage: tests/fuzz/make_media.sh OUT}"
golden="$(dirname "${BASH_SOURCE[0]}")/../decode/golden"
rm -rf "$out" && mkdir -p "$out"
find "$golden" -type f ! -name '*.rgb' ! -name 'tag[23457]*' \
  ! -name one-bit.png ! -name '*.ppm' -exec cp {} "$out" \;

make() { # make FILE OPTIONS...
  local file="$1"
  shift
  ffmpeg -v error -nostdin -y -f lavfi -i testsrc2=size=64x48:rate=16 \
    -frames:v 10 "$@" "$out/$file"
}
for kind in mp4 mov mkv m4v ts; do
  make "h264.$kind" -pix_fmt yuv420p -c:v libx264
done
make faststart.mp4 -pix_fmt yuv420p -c:v libx264 -movflags +faststart
ffmpeg -v error -nostdin -y -i "$out/h264.mp4" -c copy \
  -metadata:s:v rotate=90 "$out/turned.mp4"
make ten_bit.mkv -pix_fmt yuv420p10le -c:v libx265 -x265-params log-level=none
make pq.mp4 -pix_fmt yuv420p10le -c:v libx265 -tag:v hvc1 -x265-params \
  log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc
make vp9.webm -pix_fmt yuva420p -c:v libvpx-vp9
make mjpeg.avi -pix_fmt yuvj420p -c:v mjpeg
make mpeg2.mpg -pix_fmt yuv420p -c:v mpeg2video -r 25
make prores.mov -pix_fmt yuva444p10le -c:v prores_ks -profile:v 4444
make moving.gif
make moving.apng -plays 0 -f apng
make moving.webp -loop 0
make plain.bmp -frames:v 1

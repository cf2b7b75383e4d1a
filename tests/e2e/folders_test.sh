#!/usr/bin/env bash
# Ten data folders from seeds: `check` and `run` agree on every file. What one
# takes the other takes, and what one names the other names.
source "$(dirname "$0")/lib.sh"

media="$scratch/media"
mkdir "$media"
clip() { # clip FILE FRAMES
  ffmpeg -v error -nostdin -y -f lavfi -i testsrc2=size=96x64:rate=16 \
    -frames:v "$2" -pix_fmt yuv420p "$media/$1"
}
clip one.mp4 12
clip two.mkv 9
clip short.mp4 3
ffmpeg -v error -nostdin -y -f lavfi -i testsrc2=size=96x64:rate=16 \
  -frames:v 10 "$media/three.gif"
ffmpeg -v error -nostdin -y -f lavfi -i testsrc2=size=96x64 -frames:v 1 \
  "$media/four.png"

verdict() { # verdict COMMAND NAME: prints the exit code, 0 or 3
  local code=0
  timeout 60 "$HP_BIN/halfpipe" "$1" "$scratch/$2.yaml" \
    >"$scratch/$2.$1.out" 2>"$scratch/$2.$1.err" || code=$?
  ((code == 0 || code == 3)) ||
    fail "seed $2: halfpipe $1 ended with $code: $(cat "$scratch/$2.$1.err")"
  iconv -f UTF-8 -t UTF-8 "$scratch/$2.$1.err" "$scratch/$2.$1.out" >/dev/null ||
    fail "seed $2: halfpipe $1 wrote what is not UTF-8"
  echo "$code"
}

# named NAME COMMAND: which of the folder's files its errors name.
named() {
  local file
  (cd "$scratch/data-$1" && find . -type f -printf '%f\n') | while read -r file; do
    ! grep -qF -- "$file" "$scratch/$1.$2.err" || echo "$file"
  done | sort
}

for seed in 0 1 2 3 4 5 6 7 8 9; do
  wrong="$(python3 "$HP_SOURCE/tests/e2e/make_folder.py" "$seed" "$media" \
    "$scratch/data-$seed")"
  job "$seed" steps=1 micro_batches=1 stages=1 model="$whole_model" \
    data="$(clips "$scratch/data-$seed")" >/dev/null
  checked="$(verdict check "$seed")"
  ran="$(verdict run "$seed")"
  ((checked == ran)) ||
    fail "seed $seed: check ended with $checked and run with $ran: $(
      cat "$scratch/$seed.check.err" "$scratch/$seed.run.err"
    )"
  if [[ -z "$wrong" ]]; then
    ((seed % 2 == 1 || ran == 0)) || fail "seed $seed is sound, and was refused"
  else
    ((ran == 3)) || fail "seed $seed was trained with: $wrong"
    while read -r file; do
      grep -qF -- "$file" "$scratch/$seed.check.err" ||
        fail "seed $seed: check does not name $file: $(
          cat "$scratch/$seed.check.err"
        )"
    done <<<"$wrong"
  fi
  [[ "$(named "$seed" check)" == "$(named "$seed" run)" ]] ||
    fail "seed $seed: check and run name different files"
  echo "seed $seed: $ran"
done

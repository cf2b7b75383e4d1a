#!/usr/bin/env bash
# scripts/demo with the programs that are built, on a terminal of its own; its
# LoRA is loaded by the programs that people load LoRAs with.
source "$(dirname "$0")/lib.sh"
needs_oracles

demo=("$HP_SOURCE/scripts/demo" --build "$(dirname "$HP_BIN")" "$scratch/demo")
started=$SECONDS
timeout 400 script --quiet --return --command "${demo[*]@Q}" \
  "$scratch/terminal" </dev/null >/dev/null ||
  fail "scripts/demo: exit code $?: $(tail -n 20 "$scratch/terminal")"
echo "the demo took $((SECONDS - started)) s"
# The bar is drawn over, and says how far, how well and how long.
for line in '\[#+\.+\] +[0-9]+%  step [0-9]+/80 .* ETA [0-9]+s' \
  '^loss [0-9.]+ \(avg [0-9.]+\)'; do
  grep -aEq "$line" "$scratch/terminal" ||
    fail "no progress bar: $(cat -v "$scratch/terminal")"
done
grep -a '^loss, a tenth' "$scratch/terminal"
"$HP_PYTHON" "$HP_SOURCE/tests/e2e/lora_formats_test.py" \
  "$scratch/demo/model/dit" "$scratch/demo/output"

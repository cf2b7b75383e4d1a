#!/usr/bin/env bash
# A wheel of this build: installed into an environment of its own, the demo run
# from nothing to a LoRA, taken away again. torch is that of scripts/setup.
source "$(dirname "$0")/lib.sh"

site="$(echo "$HP_SOURCE"/.deps/venv/lib/python3.*/site-packages)"
[[ -e "$site/torch/lib/libtorch_cpu.so" ]] || {
  echo "SKIPPED: no libtorch in $HP_SOURCE/.deps; run scripts/setup"
  exit 77
}
say() { printf '%4d s: %s\n' "$SECONDS" "$*"; }

wheel="$("$HP_SOURCE/scripts/wheel" --build "$(dirname "$HP_BIN")" \
  --out "$scratch/out" 2>"$scratch/wheel.log")" ||
  fail "scripts/wheel: $(tail -n 5 "$scratch/wheel.log")"
say "made $(basename "$wheel"), $(du -h "$wheel" | cut -f1)"

# The Python that scripts/setup took, whose wheels these are.
venv="$scratch/venv"
"$HP_SOURCE/.deps/venv/bin/python" -m venv "$venv"
files() { (cd "$venv" && find . -name __pycache__ -prune -o -print | sort); }
echo "$site" >"$(echo "$venv"/lib/python3.*/site-packages)/torch-of-setup.pth"
files >"$scratch/before"
pip() { "$venv/bin/python" -m pip -q --disable-pip-version-check "$@"; }
pip install --no-deps --no-index "$wheel" || fail "pip install"
say "installed"

# Only what the environment brings, no build and no torch of another place.
in_venv() {
  (cd "$scratch" && env -u HP_TORCH_LIB -u LD_LIBRARY_PATH -u PYTHONPATH \
    PATH="$venv/bin:/usr/bin:/bin" timeout 240 "$@")
}
for program in halfpipe halfpipe-coordinator halfpipe-stage0 halfpipe-stage1; do
  [[ "$(in_venv "$program" --version)" == "$("$HP_BIN/$program" --version)" ]] ||
    fail "$program is another version"
done
for page in halfpipe halfpipe-coordinator; do
  [[ -s "$venv/share/man/man1/$page.1.gz" ]] || fail "no page of $page"
done
bash -n "$venv/share/bash-completion/completions/halfpipe" || fail "completion"

# mean_ms COMMAND...: what ten of them take each.
mean_ms() {
  local from to
  from="$(date +%s%N)"
  for _ in 1 2 3 4 5 6 7 8 9 10; do "$@" >/dev/null; done
  to="$(date +%s%N)"
  echo $(((to - from) / 10000000))
}
in_venv halfpipe --version >/dev/null # Python compiles its files once
own="$(mean_ms "$venv"/lib/python3.*/site-packages/halfpipe_trainer/bin/halfpipe \
  --version)"
whole="$(mean_ms "$venv/bin/halfpipe" --version)"
say "halfpipe --version: $whole ms, of which the program itself $own ms"
# Importing torch would take seconds.
((whole - own < 500)) || fail "the launcher takes too long"

in_venv halfpipe demo demo --record demo/record >"$scratch/demo.out" 2>&1 ||
  fail "halfpipe demo: exit code $?: $(tail -n 20 "$scratch/demo.out")"
python3 "$HP_SOURCE/scripts/check_demo.py" "$scratch/demo" || fail "it learns nothing"
for format in diffsynth comfyui diffusers; do
  [[ -s "$scratch/demo/output/lora.$format.safetensors" ]] || fail "no $format"
done
say "the demo has trained a LoRA"
says 'done already' eval 'in_venv halfpipe demo demo 2>&1' ||
  fail "a second demo does not know the first"

# The process that was started is the program: a signal reaches it.
(cd "$scratch" && PATH="$venv/bin:$PATH" exec halfpipe demo stopped) \
  >"$scratch/stopped.out" 2>&1 &
pid=$!
children+=("$pid")
wait_for 120 grep -q 'step [1-9]' "$scratch/stopped.out"
[[ "$(<"/proc/$pid/comm")" == halfpipe ]] || fail "it is $(<"/proc/$pid/comm")"
kill -TERM "$pid"
code=0
wait "$pid" || code=$?
((code == 6)) || fail "SIGTERM: exit code $code: $(tail -n 5 "$scratch/stopped.out")"

# From Python, where grpcio is there.
if "$venv/bin/python" -c 'import google.protobuf, grpc' 2>/dev/null; then
  service
  stages
  job client steps=2 >/dev/null
  "$venv/bin/python" "$HP_SOURCE/examples/python/halfpipe_client.py" \
    "$scratch/client.yaml" >"$scratch/client.out" || fail "the client"
  grep -q '^LoRA: ' "$scratch/client.out" || fail "the client saw no LoRA"
fi

pip uninstall -y halfpipe-trainer || fail "pip uninstall"
files >"$scratch/after"
# Folders for data that pip made (share/...) stay, empty.
left="$(comm -13 "$scratch/before" "$scratch/after" |
  while read -r path; do [[ -d "$venv/$path" ]] || echo "$path"; done)"
[[ -z "$left" ]] || fail "left behind: $left"
say "uninstalled: nothing is left"

#!/usr/bin/env bash
# The page of a job that `halfpipe run` trains: its address is the first thing
# that is said, and only whoever has the link gets in, looks and acts.
source "$(dirname "$0")/lib.sh"

job long steps=100000 save_every=100000 >/dev/null
"$HP_BIN/halfpipe" run "$scratch/long.yaml" >"$scratch/long.out" \
  2>"$scratch/long.err" &
run_pid=$!
children+=("$run_pid")
wait_for 120 grep -q 'step [0-9]*/100000' "$scratch/long.out"
# The port is taken now: by this run, or by the program that kept it from it. A
# second run, and a coordinator that is started again, take another one.
job other steps=2 >/dev/null
run other
! grep -q '^page: http://127.0.0.1:9707/' "$scratch/other.out" ||
  fail "two runs have one port"
first="$(head -n 1 "$scratch/long.out")"
form='^page: (http://127\.0\.0\.1:[0-9]+)/#ticket=([^/]+)/job/(.+)$'
[[ "$first" =~ $form ]] || fail "the first line is '$first'"
page="${BASH_REMATCH[1]}" ticket="${BASH_REMATCH[2]}" id="${BASH_REMATCH[3]}"

status() { curl -s -o "$scratch/answer" -w '%{http_code}' "$@"; }
json=(-H 'Content-Type: application/json')
log_in() {
  status "${json[@]}" -d "{\"ticket\": \"$ticket\"}" "$page/api/v1/session"
}
# Everybody on this machine reaches the port.
for path in "" page.js dygraph.min.js metrics healthz; do
  [[ "$(status "$page/$path")" == 200 ]] || fail "/$path"
done
for path in overview "jobs/$id" "jobs/$id/log" "jobs/$id/files"; do
  [[ "$(status "$page/api/v1/$path")" == 401 ]] || fail "$path, nobody's"
done
[[ "$(status -X POST "${json[@]}" -d '{}' "$page/api/v1/jobs/$id/cancel")" == \
  401 ]] || fail "a stranger cancelled"
[[ "$(log_in)" == 200 ]] || fail "the link is refused"
session="$(python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))["session"])' "$scratch/answer")"
[[ "$(log_in)" == 401 ]] || fail "the link works twice"
mine=(-H "Authorization: Bearer $session")
[[ "$(status "${mine[@]}" "$page/api/v1/jobs/$id/log")" == 200 ]] || fail "log"
[[ "$(status "${mine[@]}" "$page/api/v1/jobs/$id/steps/1/5")" == 200 ]] ||
  fail "steps"
python3 - "$scratch/answer" <<'END' || fail "the first steps"
import json, sys
points = json.load(open(sys.argv[1]))["points"]
assert [point[0] for point in points] == [1, 2, 3, 4, 5], points
END
# Another link, as the second line says.
another="$(sed -n '2s/.*another link: \(halfpipe page .*\))$/\1/p' \
  "$scratch/long.out")"
[[ "$another" == "halfpipe page $id --address unix:"* ]] || fail "$another"
# shellcheck disable=SC2086  # its words are arguments
says "^$page/#ticket=.*/job/$id\$" "$HP_BIN"/$another || fail "another link"

[[ "$(status "${mine[@]}" "${json[@]}" -H 'Origin: http://evil.example' \
  -d '{}' "$page/api/v1/jobs/$id/cancel")" == 403 ]] || fail "another site"
[[ "$(status "${mine[@]}" "${json[@]}" -H "Origin: $page" -d '{}' \
  "$page/api/v1/jobs/$id/cancel")" == 200 ]] || fail "cancel"
code=0
wait "$run_pid" || code=$?
((code == 6)) || fail "exit code $code, not that of a cancelled job"

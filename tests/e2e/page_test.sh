#!/usr/bin/env bash
# The page of a real service, in a real browser: a job that somebody gave a
# hostile name runs, Chromium logs in with a ticket over TLS, and sees it.
#
# page_browser.py then exercises it: hover, zoom, keys, a phone, the dark, and
# what is done to a job by clicks.
#
#   HP_SCREENSHOTS  a folder to leave the pictures in
source "$(dirname "$0")/lib.sh"

browser="$(command -v chromium || command -v chromium-browser || true)"
[[ -n "$browser" ]] || {
  echo "SKIPPED: chromium is not installed (apt: chromium fonts-dejavu-core)"
  exit 77
}
shots="${HP_SCREENSHOTS:-$scratch/shots}"
mkdir -p "$shots" "$scratch/keys" "$scratch/out"

# A certificate of its own, which Chromium is told to trust by its key alone.
self_signed "$scratch/keys"
key_hash="$(openssl x509 -in "$scratch/keys/server.crt" -pubkey -noout |
  openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64)"
for role in submit stage read; do
  "$HP_BIN/halfpipe-coordinator" token add --tokens "$scratch/tokens" \
    --role "$role" --name "a-$role" >"$scratch/keys/$role.token" 2>/dev/null
  chmod 600 "$scratch/keys/$role.token"
done
cat >"$scratch/service.yaml" <<END
listen_address: 0.0.0.0:0
metrics_address: 0.0.0.0:0
state_dir: $scratch/state
tls: {certificate: $scratch/keys/server.crt, key: $scratch/keys/server.key}
tokens: $scratch/tokens
roots: {data: [$scratch], models: [$HP_MODEL], outputs: [$scratch/out]}
END
coordinator --config "$scratch/service.yaml"
page_port="$(sed -n 's/.* metrics=0.0.0.0:\([0-9]*\)$/\1/p' \
  "$scratch/coordinator.out")"
export HALFPIPE_ADDRESS="localhost:${HALFPIPE_ADDRESS##*:}" HALFPIPE_CA="$scratch/keys/server.crt"
HALFPIPE_TOKEN_FILE="$scratch/keys/stage.token" stages
as() {
  local role="$1"
  shift
  HALFPIPE_TOKEN_FILE="$scratch/keys/$role.token" timeout 60 \
    "$HP_BIN/halfpipe" "$@"
}

# Were this markup, it would show as a heading of the page and run a script.
hostile='<h1 id=owned>owned</h1><img src=x onerror="document.title=1">'
cp -r "$HP_MODEL/clips" "$scratch/clips"
data="data=$(clips "$scratch/clips")"
job first "model=$whole_model" "$data" steps=100000 save_every=100000 >/dev/null
sed -i -e "s|^name: .*|name: '$hostile'|" \
  -e "s|dir: $scratch/first|dir: $scratch/out/first|" "$scratch/first.yaml"
as submit submit "$scratch/first.yaml" --id first --label "who=$hostile" \
  --no-wait >/dev/null
job second "model=$whole_model" "$data" >/dev/null
sed -i "s|dir: $scratch/second|dir: $scratch/out/second|" "$scratch/second.yaml"
as submit submit "$scratch/second.yaml" --id second --no-wait >/dev/null
steps_done() {
  as read show first -o json | python3 -c \
    'import json, sys; sys.exit(json.load(sys.stdin)["steps_done"] < 5)'
}
wait_for 120 steps_done

# What asks without a session gets nothing but the page's own files.
page="https://localhost:$page_port"
status() { curl -s -o /dev/null -w '%{http_code}' --cacert "$HALFPIPE_CA" "$@"; }
[[ "$(status "$page/")" == 200 ]] || fail "the page itself"
for path in metrics healthz api/v1/overview api/v1/jobs/first \
  api/v1/jobs/first/log api/v1/jobs/first/files api/v1/jobs/first/steps/0/9; do
  [[ "$(status "$page/$path")" == 401 ]] || fail "$path without a token"
  [[ "$(status -b __Host-halfpipe=x "$page/$path")" == 401 ]] || fail "$path, x"
done
ticket="$(as read page | sed 's/.*#ticket=//')"
post() {
  status -X POST -H 'Content-Type: application/json' "$@" \
    -d "{\"ticket\": \"$ticket\"}" "$page/api/v1/session"
}
[[ "$(post -c "$scratch/cookies")" == 200 ]] || fail "a ticket was refused"
[[ "$(post)" == 401 ]] || fail "a ticket was taken twice"
# It looks, at the log, too; a reader's session changes nothing, nor does a page
# of another site in anybody's.
mine=(-b "$scratch/cookies")
[[ "$(status "${mine[@]}" "$page/api/v1/jobs/first/log")" == 200 ]] ||
  fail "the log"
pause=(-X POST -H 'Content-Type: application/json' -d '{}'
  "$page/api/v1/jobs/first/pause")
[[ "$(status "${mine[@]}" "${pause[@]}")" == 403 ]] || fail "a reader paused"
[[ "$(status "${pause[@]}")" == 401 ]] || fail "a stranger paused"
[[ "$(status "${mine[@]}" -H 'Origin: https://evil.example' \
  "${pause[@]}")" == 403 ]] || fail "another site paused"
# curl sends the cookie back over TLS alone, as a browser does.
[[ "$(status -b "$scratch/cookies" "$page/api/v1/jobs/first")" == 200 ]] ||
  fail "the cookie"
! grep -rq "$ticket" "$scratch/coordinator.log" "$scratch/state" ||
  fail "a ticket is in the log or the state"

# browse NAME SIZE [JOB]: the page as Chromium has it, in NAME.html and NAME.png.
browse() {
  local url
  url="$(as read page "${@:3}" 2>/dev/null)"
  local common=(--headless --no-sandbox --disable-gpu --hide-scrollbars
    --ignore-certificate-errors-spki-list="$key_hash"
    --window-size="$2" --virtual-time-budget=2500)
  timeout 60 "$browser" "${common[@]}" --user-data-dir="$scratch/$1-profile" \
    --screenshot="$shots/$1.png" "$url" >/dev/null 2>"$scratch/$1.browser.log" ||
    fail "chromium: $(tail -3 "$scratch/$1.browser.log")"
  url="$(as read page "${@:3}" 2>/dev/null)"
  timeout 60 "$browser" "${common[@]}" --user-data-dir="$scratch/$1-profile" \
    --dump-dom "$url" >"$scratch/$1.html" 2>>"$scratch/$1.browser.log" ||
    fail "chromium: $(tail -3 "$scratch/$1.browser.log")"
}
# holds NAME TEXT: whether it is in the page.
holds() { grep -qF -- "$2" "$scratch/$1.html" || fail "$1 has no '$2'"; }
lacks() { ! grep -qF -- "$2" "$scratch/$1.html" || fail "$1 has '$2'"; }
# pictures are of several colours: something was drawn.
drawn() {
  python3 "$HP_SOURCE/tests/e2e/picture_colours.py" "$shots/$1.png" "${@:2}" ||
    fail "$1.png"
}

browse overview 1000,700
holds overview 'default / stage 1'
holds overview '#1 in queue'
holds overview '&lt;h1 id=owned&gt;owned'
lacks overview '<h1 id=owned'
lacks overview '<img'
holds overview '<title>halfpipe</title>'
lacks overview "$ticket"
drawn overview f3f5f7 d7dce1

browse job 1000,2400 first
holds job 'dygraph-axis-label-x'
holds job '<canvas'
holds job 'class="forward"'
holds job 'class="transfer"'
holds job 'who=&lt;h1 id=owned&gt;'
lacks job '<h1 id=owned'
lacks job 'data-action='
holds job 'nothing to do'
drawn job 3b82c4 d9822b 4c9a6a

browse phone 390,844 first
holds phone '<canvas'
drawn phone f3f5f7

# A link that was used says so, and shows nothing.
url="$(as read page 2>/dev/null)"
curl -s -o /dev/null --cacert "$HALFPIPE_CA" -X POST \
  -H 'Content-Type: application/json' -d "{\"ticket\": \"${url##*#ticket=}\"}" "$page/api/v1/session"
timeout 60 "$browser" --headless --no-sandbox --disable-gpu \
  --ignore-certificate-errors-spki-list="$key_hash" \
  --user-data-dir="$scratch/used-profile" --virtual-time-budget=2500 \
  --dump-dom "$url" >"$scratch/used.html" 2>"$scratch/used.browser.log"
holds used 'halfpipe page makes another'
lacks used 'default / stage'

# The trace of the same step opens as Perfetto wants it.
as read trace first -o "$scratch/trace.json" --steps 3 >/dev/null
python3 - "$scratch/trace.json" <<'END'
import json, sys
events = json.load(open(sys.argv[1]))["traceEvents"]
names = {e["name"] for e in events}
assert {"0F0", "1F0", "receive activation 0", "STEP"} <= names, names
assert sum(e.get("cat") == "step" for e in events) == 6
assert all(e["dur"] >= 0 for e in events if e["ph"] == "X")
END

# By hand: whoever may submit pauses and cancels, too.
url="$(as submit page first 2>/dev/null)"
python3 "$HP_SOURCE/tests/e2e/page_browser.py" "$browser" "$url" "$shots" \
  "--ignore-certificate-errors-spki-list=$key_hash" ||
  fail "page_browser.py"
[[ "$(as read show first -o json)" == *'"state": "cancelled"'* ]] ||
  fail "the job was not cancelled"
grep -q 'asked on the page" action=pause job=first token=a-submit' \
  "$scratch/coordinator.log" || fail "it is not in the log"

# The same with a job of 100,000 steps, validation and other jobs to compare.
"$HP_SOURCE/tests/coordinator/page/mock/make_mock" "$scratch/mock" --serve 0 \
  >"$scratch/mock.url" 2>"$scratch/mock.log" &
children+=($!)
wait_for 20 test -s "$scratch/mock.url"
python3 "$HP_SOURCE/tests/e2e/page_browser.py" "$browser" \
  "$(cat "$scratch/mock.url")#job/cat-lora" "$shots/mock" --mock ||
  fail "page_browser.py --mock"
echo "pictures in $shots"

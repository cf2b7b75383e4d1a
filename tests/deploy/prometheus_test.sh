#!/usr/bin/env bash
# A real Prometheus with deploy/prometheus, beside a service that trains on the
# CPU: every query of the dashboards and every rule finds what it asks for, and a
# stage that is killed is an alert until it is back.
source "$(dirname "$0")/../e2e/lib.sh"
here="$(dirname "$(realpath "$0")")"

command -v prometheus >/dev/null || {
  echo "SKIPPED: prometheus is not installed"
  exit 77
}

"$HP_BIN/halfpipe-coordinator" --listen-address 127.0.0.1:0 \
  --metrics-address 127.0.0.1:0 --state-dir "$scratch/state" \
  >"$scratch/coordinator.out" 2>"$scratch/coordinator.log" &
children+=($!)
wait_for 20 grep -q '^listening' "$scratch/coordinator.out"
read -r address metrics < <(sed -n \
  's/^listening address=\([^ ]*\) metrics=\(.*\)/\1 \2/p' \
  "$scratch/coordinator.out")
export HALFPIPE_ADDRESS="$address"

# stage RANK METRICS_ADDRESS: starts it; $! is it.
stage() {
  "$HP_BIN/halfpipe-stage$1" --coordinator "$address" --pair default \
    --device cpu --metrics-address "$2" >>"$scratch/stage$1.log" 2>&1 &
  children+=($!)
}
# metrics_of RANK: where a stage serves its metrics, as its log says.
metrics_of() {
  sed -n 's/.*stage ready.* metrics=\([^ ]*\).*/\1/p' "$scratch/stage$1.log" |
    head -n 1
}
for rank in 0 1; do
  stage $rank 127.0.0.1:0
  stage_pid=$!
  wait_for 30 grep -q 'stage ready' "$scratch/stage$rank.log"
done

# The shipped configuration on this test's ports, once a second; and an alert for
# a lost stage that does not wait for two minutes.
mkdir "$scratch/prometheus"
sed -e "s/127.0.0.1:9700/$metrics/" -e "s/127.0.0.1:9710/$(metrics_of 0)/" \
  -e "s/127.0.0.1:9711/$(metrics_of 1)/" \
  -e 's/_interval: 15s/_interval: 1s/' -e 's/_timeout: 5s/_timeout: 1s/' \
  "$HP_SOURCE/deploy/prometheus/prometheus.yml" \
  >"$scratch/prometheus/prometheus.yml"
sed '/alert: HalfpipeStageGone/,/for:/s/for: 2m/for: 2s/' \
  "$HP_SOURCE/deploy/prometheus/alerts.yml" >"$scratch/prometheus/alerts.yml"
port="$(python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
prometheus --config.file="$scratch/prometheus/prometheus.yml" \
  --storage.tsdb.path="$scratch/prometheus/data" \
  --web.listen-address="127.0.0.1:$port" 2>"$scratch/prometheus.log" &
children+=($!)

# ask PATH PATTERN: whether Prometheus' answer holds it.
ask() {
  grep -qe "$2" < <(python3 -c 'import sys, urllib.request as r
print(r.urlopen(sys.argv[1], timeout=5).read().decode())' \
    "http://127.0.0.1:$port/$1")
}
alert_fires() { ask api/v1/alerts '"alertname":"HalfpipeStageGone".*"state":"firing"'; }
alert_is_over() { ! alert_fires; }
wait_for 60 ask -/ready ''

# Clips with one that is none, a validation, saves: what there can be of series.
cp -r "$HP_MODEL/clips" "$scratch/clips"
for number in 3 4; do
  cp "$scratch/clips/clip-1.mp4" "$scratch/clips/clip-$number.mp4"
  echo "bars again, number $number" >"$scratch/clips/clip-$number.txt"
done
echo "no film" >"$scratch/clips/clip-5.mp4"
echo "nothing to be seen" >"$scratch/clips/clip-5.txt"
job watched model="$whole_model" steps=1000000 save_every=20 \
  data="{path: $scratch/clips, height: 64, width: 48, frames: 9, on_bad_file: skip}" \
  extra="validation: {samples: 1, bands: 2, every: 20}" >/dev/null
"$HP_BIN/halfpipe" submit "$scratch/watched.yaml" --id watched --no-wait \
  >"$scratch/submit.log" 2>&1 || fail "submit: exit code $?"
wait_for 180 ask 'api/v1/query?query=halfpipe_job_step>20' '"job":"watched"'
alert_fires && fail "a stage is gone that is not"

kill -KILL "$stage_pid"
wait_for 60 alert_fires
ask api/v1/alerts 'docs/runbook.md#halfpipestagegone' || fail "no runbook"
stage 1 "$(metrics_of 1)"
wait_for 90 alert_is_over

python3 "$here/check_queries.py" "http://127.0.0.1:$port" watched default ||
  fail "queries"

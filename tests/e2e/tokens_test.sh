#!/usr/bin/env bash
# Tokens are edited as docs/security.md says, as root beside a service that runs
# as another user: over plain loopback and over TLS. And names that would give
# orders to a terminal.
source "$(dirname "$0")/lib.sh"

# Whoever runs this; root runs the service as nobody, as systemd would.
as_service=()
if ((EUID == 0)); then
  as_service=(setpriv --reuid=65534 --regid=65534 --clear-groups --)
fi
chmod 755 "$scratch"
keys="$scratch/keys"
mkdir -p "$scratch/data" "$scratch/models" "$scratch/out"
self_signed "$keys"
((EUID != 0)) || chown 65534:65534 "$keys/server.key"

tokens="$scratch/tokens"
# token VERB OPTION...: what it says goes to token.err.
token() {
  local verb="$1"
  shift
  timeout 60 "$HP_BIN/halfpipe-coordinator" token "$verb" --tokens "$tokens" "$@" \
    2>"$scratch/token.err"
}
told() { grep -q -e "$1" "$scratch/token.err" || fail "no '$1': $(cat "$scratch/token.err")"; }
facts() { stat -c '%u:%g %a' "$tokens"; }

# start_service [LINE...]: with these further settings.
start_service() {
  local state
  state="$(mktemp -d "$scratch/state-XXXX")"
  ((EUID != 0)) || chown 65534:65534 "$state"
  {
    printf '%s\n' "listen_address: localhost:0" "metrics_address: 127.0.0.1:0" \
      "state_dir: $state" "tokens: $tokens" \
      "roots: {data: [$scratch/data], models: [$scratch/models], outputs: [$scratch/out]}" "$@"
  } >"$scratch/service.yaml"
  : >"$scratch/coordinator.out"
  "${as_service[@]}" "$HP_BIN/halfpipe-coordinator" --config "$scratch/service.yaml" \
    >"$scratch/coordinator.out" 2>>"$scratch/coordinator.log" &
  service_pid=$!
  children+=("$service_pid")
  wait_for 20 grep -q '^listening' "$scratch/coordinator.out"
  HALFPIPE_ADDRESS="localhost:$(sed -n 's/^listening address=.*:\([0-9]*\) .*/\1/p' \
    "$scratch/coordinator.out")"
  export HALFPIPE_ADDRESS
  metrics="http://$(sed -n 's/.*metrics=//p' "$scratch/coordinator.out")"
}
as() {
  local name="$1"
  shift
  HALFPIPE_TOKEN_FILE="$keys/$name.token" "$@"
}
health() { curl -s -m 5 -o "$scratch/health" -w '%{http_code}' "$metrics/healthz"; }
is_sick() { [[ "$(health)" == 503 ]]; }
is_well() { [[ "$(health)" == 200 ]]; }
has_ended() { ! kill -0 "$1" 2>/dev/null; }

scenario() {
  local before watch code i adders
  rm -f "$tokens"
  token add --role submit --name sam >"$keys/sam.token"
  token add --role read --name rita >"$keys/rita.token"
  told "No running service"
  ((EUID != 0)) || chown 0:65534 "$tokens"
  chmod 640 "$tokens"
  chmod 600 "$keys"/*.token
  before="$(facts)"
  start_service "$@"

  job fine >/dev/null
  sed -i "s|dir: $scratch/fine|dir: $scratch/out/fine|" "$scratch/fine.yaml"
  as sam hp submit "$scratch/fine.yaml" --id fine --no-wait >/dev/null || fail "submit"
  as rita "$HP_BIN/halfpipe" watch fine >"$scratch/watch.out" 2>"$scratch/watch.err" &
  watch=$!
  children+=("$watch")
  wait_for 20 test -s "$scratch/watch.out"

  # Taken out: said to be so, in force at once, the watch ends, and the service
  # still reads its file.
  (umask 077; token remove --name rita) || fail "remove: $(cat "$scratch/token.err")"
  told "The running service has read it"
  [[ "$(facts)" == "$before" ]] || fail "the file was $before and is $(facts)"
  code=0
  as rita hp list >/dev/null 2>&1 || code=$?
  ((code == 5)) || fail "a removed token is let in: $code"
  wait_for 10 has_ended "$watch"
  code=0
  wait "$watch" || code=$?
  ((code == 5)) || fail "the watch ended with $code: $(cat "$scratch/watch.err")"
  is_well || fail "not well: $(cat "$scratch/health")"

  # Of many at once none is lost.
  adders=()
  for i in {1..20}; do
    (token add --role read --name "many$i" >"$keys/many$i.token" 2>/dev/null) &
    adders+=($!)
  done
  for i in "${adders[@]}"; do wait "$i" || fail "an edit failed"; done
  [[ "$(token list | grep -c '^many')" == 20 ]] || fail "lost: $(token list)"
  [[ "$(facts)" == "$before" ]] || fail "the file was $before and is $(facts)"
  chmod 600 "$keys"/*.token
  for i in 1 7 20; do as "many$i" hp list >/dev/null || fail "many$i"; done

  # One that the service cannot read: said by the command, health and a metric.
  chmod 600 "$tokens"
  ((EUID == 0)) || chmod 000 "$tokens"
  wait_for 10 is_sick
  grep -q "tokens" "$scratch/health" || fail "health: $(cat "$scratch/health")"
  curl -s -m 5 "$metrics/metrics" | grep -q '^halfpipe_tokens_readable 0$' || fail "metric"
  if ((EUID == 0)); then
    code=0
    token remove --name many1 || code=$?
    ((code == 75)) || fail "expected 75, got $code"
    told "the running service cannot read it"
  fi
  as sam hp list >/dev/null || fail "a slip locks everybody out"
  chmod 640 "$tokens"
  wait_for 10 is_well
  curl -s -m 5 "$metrics/metrics" | grep -q '^halfpipe_tokens_readable 1$' || fail "metric"
  if ((EUID == 0)); then
    code=0
    as many1 hp list >/dev/null 2>&1 || code=$?
    ((code == 5)) || fail "many1 is let in: $code"
  fi

  # Orders to a terminal: refused, and the refusal is text.
  local evil
  for evil in $'team=\e]2;owned\a' $'team=a\rb' $'te\nam=a' $'team=\u009b2J' $'team=\u202egpj'; do
    as sam expect_error 3 "label" "$HP_BIN/halfpipe" submit "$scratch/fine.yaml" \
      --id evil --no-wait --label "$evil"
    if grep -qP '[\x00-\x09\x0b-\x1f\x7f]|\xc2\x9b|\xe2\x80\xae' "$scratch/error.err"; then
      fail "the refusal of $(printf %q "$evil") gives orders"
    fi
  done
  kill -TERM "$service_pid"
  wait "$service_pid" || fail "the service ended with $?"
}

scenario
export HALFPIPE_CA="$keys/server.crt"
scenario "tls: {certificate: $keys/server.crt, key: $keys/server.key}"

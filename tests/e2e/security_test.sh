#!/usr/bin/env bash
# A service with TLS, tokens and roots, as docs/security.md sets it up, and
# everybody who is not to get in. All refusals come from the real programs.
source "$(dirname "$0")/lib.sh"

keys="$scratch/keys"
mkdir -p "$keys" "$scratch/data" "$scratch/models" "$scratch/out"

# certificate NAME [DAYS]: a key and a certificate for this machine.
certificate() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -keyout "$keys/$1.key" -out "$keys/$1.csr" -subj "/CN=$1" \
    -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" 2>/dev/null
  openssl x509 -req -in "$keys/$1.csr" -CA "$keys/ca.crt" -CAkey "$keys/ca.key" \
    -CAcreateserial -days "${2:-2}" -copy_extensions copy \
    -out "$keys/$1.crt" 2>/dev/null
}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
  -keyout "$keys/ca.key" -out "$keys/ca.crt" -days 2 -subj /CN=ca 2>/dev/null
certificate server
certificate client
certificate old -1

# Only the file sees a hash; the token is printed once.
token() {
  "$HP_BIN/halfpipe-coordinator" token add --tokens "$scratch/tokens" \
    --role "$1" --name "$2" >"$keys/$2.token" 2>/dev/null
  chmod 600 "$keys/$2.token"
}
token read rita
token submit sam
token stage gpu
[[ "$(stat -c %a "$scratch/tokens")" == 600 ]] || fail "the token file's mode"
"$HP_BIN/halfpipe-coordinator" token list --tokens "$scratch/tokens" |
  diff - <(printf 'rita read\nsam submit\ngpu stage\n') || fail "token list"
expect_error 3 "has a token named rita" "$HP_BIN/halfpipe-coordinator" token \
  add --tokens "$scratch/tokens" --role read --name rita

# An address that others can reach is not opened by half: exit code 3, which no
# supervisor restarts, and the message says what to set.
cat >"$scratch/service.yaml" <<END
listen_address: 0.0.0.0:0
metrics_address: 127.0.0.1:0
state_dir: $scratch/state
END
refuse_to_start() {
  local got=0
  timeout 20 "$HP_BIN/halfpipe-coordinator" --config "$scratch/service.yaml" \
    >"$scratch/start.out" 2>"$scratch/start.log" || got=$?
  ((got == 3)) || fail "expected exit code 3, got $got"
  grep -q -e "$1" "$scratch/start.log" || fail "no '$1': $(cat "$scratch/start.log")"
}
refuse_to_start "set tls.certificate and tls.key and tokens"
cat >>"$scratch/service.yaml" <<END
tls: {certificate: $keys/server.crt, key: $keys/server.key, client_ca: $keys/ca.crt}
END
refuse_to_start "set tokens"
echo "tokens: $scratch/tokens" >>"$scratch/service.yaml"
refuse_to_start "roots"
cat >>"$scratch/service.yaml" <<END
roots: {data: [$scratch/data], models: [$scratch/models], outputs: [$scratch/out]}
limits: {config_size: 8KiB, queued_jobs: 2}
END
chmod 644 "$keys/server.key"
refuse_to_start "chmod 640 $keys/server.key"
chmod 600 "$keys/server.key"

coordinator --config "$scratch/service.yaml"
export HALFPIPE_ADDRESS="localhost:${HALFPIPE_ADDRESS##*:}" HALFPIPE_CA="$keys/ca.crt"
export HALFPIPE_CERT="$keys/client.crt" HALFPIPE_KEY="$keys/client.key"

mine="$HP_BIN/halfpipe"
# as NAME COMMAND...: with somebody's token.
as() {
  local name="$1"
  shift
  HALFPIPE_TOKEN_FILE="$keys/$name.token" "$@"
}

job fine >/dev/null
sed -i "s|dir: $scratch/fine|dir: $scratch/out/fine|" "$scratch/fine.yaml"

# No token, a wrong one, a role that may not: exit code 5. Streams, too.
expect_error 5 "asks for a token" "$mine" list
HALFPIPE_TOKEN=hpt_wrong expect_error 5 "does not know this token" "$mine" list
HALFPIPE_TOKEN=hpt_wrong expect_error 5 "does not know this token" "$mine" logs -f fine
as rita expect_error 5 "the role read may not" "$mine" submit "$scratch/fine.yaml"
as gpu expect_error 5 "the role stage may not" "$mine" list
[[ "$(as sam hp submit "$scratch/fine.yaml" --id fine --no-wait)" == fine ]] ||
  fail "submit"
says '^fine ' as rita hp list || fail "list"
as rita hp logs fine >/dev/null || fail "logs"

# Paths outside the roots: exit code 3, with key and path.
job outside >/dev/null
as sam expect_error 3 "output.dir: '$scratch/outside'" "$mine" submit \
  "$scratch/outside.yaml"
ln -s "$scratch" "$scratch/out/link"
sed "s|dir: $scratch/outside|dir: $scratch/out/link/x|" \
  "$scratch/outside.yaml" >"$scratch/link.yaml"
as sam expect_error 3 "leads to $scratch/x" "$mine" submit "$scratch/link.yaml"

# Quotas: exit code 1, with the key of the limit.
{ cat "$scratch/fine.yaml"; printf '# %9000s\n' x; } >"$scratch/large.yaml"
as sam expect_error 1 "limits.config_size" "$mine" submit "$scratch/large.yaml"
[[ "$(as sam hp submit "$scratch/fine.yaml" --id second --no-wait)" == second ]]
as sam expect_error 1 "limits.queued_jobs" "$mine" submit "$scratch/fine.yaml" \
  --id third

# Certificates: none, one that has expired, one of somebody else's.
unset HALFPIPE_CERT HALFPIPE_KEY
as rita expect_error 4 "$HALFPIPE_ADDRESS" "$mine" list --timeout 3
as rita expect_error 3 "has expired" "$mine" list --cert "$keys/old.crt" \
  --key "$keys/old.key"
# A client that does not look at its own certificate is hung up on.
openssl s_client -connect "$HALFPIPE_ADDRESS" -CAfile "$keys/ca.crt" \
  -cert "$keys/old.crt" -key "$keys/old.key" -alpn h2 -ign_eof \
  </dev/null >"$scratch/handshake.out" 2>&1 || true
grep -q 'unexpected eof\|alert' "$scratch/handshake.out" ||
  fail "an expired certificate was taken: $(cat "$scratch/handshake.out")"
wait_for 10 grep -q 'msg=gRPC.*certificate verify failed' \
  "$scratch/coordinator.log"
HALFPIPE_CA='' as rita expect_error 3 "in the clear" "$mine" list --address "gpu-box:${HALFPIPE_ADDRESS##*:}"

# A removed token is out within seconds, without a restart.
export HALFPIPE_CERT="$keys/client.crt" HALFPIPE_KEY="$keys/client.key"
"$HP_BIN/halfpipe-coordinator" token remove --tokens "$scratch/tokens" --name rita
refused() { [[ "$(as rita hp list >/dev/null 2>&1; echo $?)" == 5 ]]; }
wait_for 20 refused

# The log has each refusal, and no log has a secret.
log="$scratch/coordinator.log"
for reason in "no token" "unknown token" "the role may not"; do
  grep -q "msg=\"call refused\".*reason=\"$reason\"" "$log" || fail "log: $reason"
done
grep -q 'token=rita role=read certificate=client' "$log" || fail "log: who"
grep -q 'msg="job refused".*output.dir' "$log" || fail "log: paths"
for file in "$keys"/*.token; do
  if grep -rqF -e "$(cat "$file")" "$scratch" --include='*.log' \
    --include='*.out' --include='*.err' --include='tokens' --include='*.db*'; then
    fail "the token of $file is written somewhere"
  fi
done
as sam hp list >/dev/null || fail "the service is harmed"

#!/usr/bin/env bash
# Starts an issuer and a service on free ports of this machine, signs people out at the
# one, and prints how long it takes until the other refuses their tokens.
#
# ./examples/microservices/try.sh [other revocations a second]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
go build -o "$work/" ./cmd/sallyport ./examples/microservices/resource ./examples/microservices/latency
sync # or what the build wrote is on its way to the disk that is measured

# address FILE: waits for the line "listening on URL" and prints the URL.
address() {
	until grep -q '^listening on ' "$1" 2>/dev/null; do sleep 0.05; done
	sed -n 's/^listening on //p' "$1"
}

"$work/sallyport" serve --addr 127.0.0.1:0 --data "$work/data" >"$work/issuer" 2>&1 &
issuer=$(address "$work/issuer")

"$work/sallyport" role set service revocation:read --data "$work/data" >/dev/null
head -c 24 /dev/urandom | base64 | "$work/sallyport" user add --username reports --role service --password-stdin --data "$work/data" >/dev/null
key=$("$work/sallyport" apikey add --user reports --name feed --scope revocation:read --data "$work/data" --json | sed -n 's/.*"key": *"\([^"]*\)".*/\1/p')

SALLYPORT_KEY=$key "$work/resource" --issuer "$issuer" --addr 127.0.0.1:0 >"$work/resource.out" 2>&1 &
resource=$(address "$work/resource.out")

"$work/latency" --issuer "$issuer" --resource "$resource" --load "${1:-0}"

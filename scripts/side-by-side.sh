#!/bin/sh
# Builds and runs the shared side-by-side benchmark, where it lies beside this checkout (../shared/bench).
#   CONSUL_BIN=/path/to/consul scripts/side-by-side.sh [-rounds 3] [-dur 5s] [-only kv_put_c64,dns_a_c16]
# PROCONSUL_BIN measures another build of ours.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
source="$here/../shared/bench"
if [ ! -f "$source/main.go" ]; then
  echo "skipped: there is no benchmark at ../shared/bench" >&2
  exit 0
fi
command -v go >/dev/null || { echo "skipped: go is not installed" >&2; exit 0; }
ours=${PROCONSUL_BIN:-$here/packages/cli/dist/proconsul.cjs}
case $ours in
  *.mjs | *.cjs | *.js) ours="node $ours" ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$source" && GOFLAGS=-buildvcs=false go build -o "$work/bench" .)
if [ -n "${CONSUL_BIN:-}" ]; then
  "$work/bench" -a "$ours" -b "$CONSUL_BIN" -work "$work" "$@"
else
  "$work/bench" -a "$ours" -work "$work" "$@"
fi

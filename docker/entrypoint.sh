#!/bin/sh
# Turns the variables of the container into the command line of an agent, and the words of `docker run` into a command.
#
#   CONSUL_BIND_INTERFACE          its address becomes -bind
#   CONSUL_CLIENT_INTERFACE        its address becomes -client
#   CONSUL_LOCAL_CONFIG            JSON or HCL, written to a file of the configuration directory
#   CONSUL_ALLOW_PRIVILEGED_PORTS  when set, even to nothing: lets the program listen below 1024 without being root
#   CONSUL_DATA_DIR                default /consul/data
#   CONSUL_CONFIG_DIR              default /consul/config
#   CONSUL_DISABLE_PERM_MGMT       when set, even to nothing: leaves owners of directories alone, does not step down from root
#   CONSUL_UID, CONSUL_GID         user and group to run as; default: consul
#   ENTRYPOINT_DRY_RUN             prints the command, one word a line, instead of running it; changes nothing else of root's
set -e

CONSUL_DATA_DIR=${CONSUL_DATA_DIR:-/consul/data}
CONSUL_CONFIG_DIR=${CONSUL_CONFIG_DIR:-/consul/config}
CONSUL_UID=${CONSUL_UID:-consul}
CONSUL_GID=${CONSUL_GID:-consul}
program=${CONSUL_PROGRAM:-consul}

fail() {
  echo "$1" >&2
  exit 1
}

# The first IPv4 address of an interface, else its first IPv6 address that works beyond the link.
address_of() {
  addresses=$(ip -o -4 addr list "$1" 2>/dev/null | awk '{print $4}' | cut -d/ -f1 | head -n 1)
  [ -n "$addresses" ] || addresses=$(ip -o -6 addr list "$1" scope global 2>/dev/null | awk '{print $4}' | cut -d/ -f1 | head -n 1)
  echo "$addresses"
}

bind=
if [ -n "$CONSUL_BIND_INTERFACE" ]; then
  address=$(address_of "$CONSUL_BIND_INTERFACE")
  [ -n "$address" ] || fail "Could not find IP for interface '$CONSUL_BIND_INTERFACE', exiting"
  bind="-bind=$address"
  echo "==> Found address '$address' for interface '$CONSUL_BIND_INTERFACE', setting bind option..."
fi

client=
if [ -n "$CONSUL_CLIENT_INTERFACE" ]; then
  address=$(address_of "$CONSUL_CLIENT_INTERFACE")
  [ -n "$address" ] || fail "Could not find IP for interface '$CONSUL_CLIENT_INTERFACE', exiting"
  client="-client=$address"
  echo "==> Found address '$address' for interface '$CONSUL_CLIENT_INTERFACE', setting client option..."
fi

# The directory may be on a volume that knows the text of an earlier container, in the other language.
write_local_config() {
  rm -f "$CONSUL_CONFIG_DIR/local.json" "$CONSUL_CONFIG_DIR/local.hcl"
  case $(printf '%s' "$CONSUL_LOCAL_CONFIG" | tr -d '[:space:]') in
    '{'*) printf '%s\n' "$CONSUL_LOCAL_CONFIG" >"$CONSUL_CONFIG_DIR/local.json" ;;
    *) printf '%s\n' "$CONSUL_LOCAL_CONFIG" >"$CONSUL_CONFIG_DIR/local.hcl" ;;
  esac
}
if [ -n "$CONSUL_LOCAL_CONFIG" ]; then
  write_local_config || fail "Could not write CONSUL_LOCAL_CONFIG to $CONSUL_CONFIG_DIR, exiting"
fi

is_command() {
  "$program" "$1" --help 2>&1 | grep -q "^Usage: consul $1\|^usage: consul $1"
}

# `docker run image -dev` is `consul agent -dev`.
case ${1:-} in
  -h | -help | --help | -v | -version | --version) set -- "$program" "$@" ;;
  -*) set -- agent "$@" ;;
esac

is_ours=1
case ${1:-} in
  agent)
    shift
    # Options given by the user come last, so that they win.
    set -- "$program" agent "-data-dir=$CONSUL_DATA_DIR" "-config-dir=$CONSUL_CONFIG_DIR" ${bind:+"$bind"} ${client:+"$client"} "$@"
    ;;
  consul | proconsul | "$program") ;;
  version) set -- "$program" "$@" ;;
  *)
    # Another command of the program; anything else is run as it is.
    if [ -n "${1:-}" ] && is_command "$1"; then
      set -- "$program" "$@"
    else
      is_ours=
    fi
    ;;
esac

if [ -n "$ENTRYPOINT_DRY_RUN" ]; then
  for word in "$@"; do printf '%s\n' "$word"; done
  exit 0
fi

# Hands a directory over to the agent's user. One mounted read-only stays as it is.
hand_over() {
  [ "$(stat -c %u "$1")" = "$(id -u "$CONSUL_UID" 2>/dev/null || echo "$CONSUL_UID")" ] ||
    chown "$CONSUL_UID:$CONSUL_GID" "$1" || echo "==> '$1' keeps its owner" >&2
}

if [ -n "$is_ours" ] && [ -z "${CONSUL_DISABLE_PERM_MGMT+set}" ] && [ "$(id -u)" = 0 ]; then
  hand_over "$CONSUL_DATA_DIR"
  hand_over "$CONSUL_CONFIG_DIR"
  if [ -n "${CONSUL_ALLOW_PRIVILEGED_PORTS+set}" ]; then
    setcap cap_net_bind_service=+ep "$(readlink -f "$(command -v node)")" ||
      echo '==> The program may not be given the right to listen below 1024' >&2
  fi
  exec su-exec "$CONSUL_UID:$CONSUL_GID" "$@"
fi

exec "$@"

#!/bin/sh
# ./tour.sh HOST PORT NODE: asks an agent's DNS everything that the README names.
host=${1:-127.0.0.1} port=${2:-8600} node=${3:-$(hostname)}
ask() {
  echo "; $*"
  dig "@$host" -p "$port" +time=3 +tries=2 "$@" +noall +answer +additional
}
ask hello.service.consul
ask hello.service.consul SRV
ask primary.hello.service.consul
ask _hello._primary.service.consul SRV
ask "$node.node.consul"
ask "$node.node.consul" TXT
ask -x 127.0.0.1
ask nobody.service.consul

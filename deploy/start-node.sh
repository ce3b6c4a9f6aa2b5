#!/bin/sh
# Starts a node of a cluster in a container: at its first start it makes the cluster, or joins it. What it goes by,
# beside the variables of `torc serve` (TORC_DATA, TORC_DEVICES, TORC_HTTP, TORC_HTTPS):
#   CLUSTER_NODE     its name
#   CLUSTER_ADDRESS  HOST:PORT under which other nodes reach it
#   CLUSTER_LISTEN   HOST:PORT to listen on for them
#   CLUSTER_ZONE     what fails together with it
#   CLUSTER_ROLE     all, proxy or storage
#   CLUSTER_FIRST    name of the node that makes the cluster
#   CLUSTER_ETCD     etcd's client URLs, for that one
#   CLUSTER_JOIN     folder with a token for each node that joins, under its name
#   CLUSTER_TOKENS   names for which the first node puts tokens there, where that folder is a shared one
set -eu
node="$CLUSTER_NODE"
tokens="${CLUSTER_JOIN:-/join}"
as() {
  torc cluster "$@" --name "$node" --address "$CLUSTER_ADDRESS" --listen "${CLUSTER_LISTEN:-0.0.0.0:7443}" \
    --zone "${CLUSTER_ZONE:-z1}" --role "${CLUSTER_ROLE:-all}" --data "$TORC_DATA"
}

if [ ! -e "$TORC_DATA/cluster/node.json" ]; then
  if [ "$node" = "$CLUSTER_FIRST" ]; then
    as init --etcd "$CLUSTER_ETCD"
  else
    until [ -s "$tokens/$node" ]; do
      echo "waits for a token in $tokens/$node: torc cluster token, on $CLUSTER_FIRST"
      sleep 2
    done
    until as join "$(cat "$tokens/$node")"; do sleep 2; done
  fi
fi
if [ "$node" = "$CLUSTER_FIRST" ]; then
  for other in ${CLUSTER_TOKENS:-}; do
    [ -e "$tokens/$other" ] && continue
    torc cluster token --days 7 --data "$TORC_DATA" >"$tokens/.$other"
    mv "$tokens/.$other" "$tokens/$other"
  done
fi
exec torc serve

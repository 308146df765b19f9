#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# oracle.sh WIRE SCRIPTS -- runs the scripts against the nats-server that NATS_SERVER names.
[ -n "${NATS_SERVER:-}" ] || exit 77
exec "$1" --oracle "$NATS_SERVER" -j 4 "$2"

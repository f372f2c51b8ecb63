#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# In the guest: instructions per call without and with sonde. One line each.
cd /payload || exit 1
./icount-loop /tmp/file >/tmp/out || exit 1
echo "base $(tail -n 1 /tmp/out)"
./icount-loop /tmp/file /tmp/gate >/tmp/out &
loop=$!
until [ -s /tmp/out ]; do sleep 0.1; done
./sonde record -e vfs -o /tmp/trace -p "$(head -n 1 /tmp/out)" 2>/tmp/err &
sonde=$!
until grep -q '^recording' /tmp/err; do
	kill -0 "$sonde" 2>/dev/null || { cat /tmp/err; exit 1; }
	sleep 0.2
done
sleep 1
touch /tmp/gate
wait "$loop" || exit 1
wait "$sonde"
echo "vfs $(tail -n 1 /tmp/out)"

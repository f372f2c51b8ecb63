#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# In the guest: instructions of each work, without sonde, with it, and with it where no
# filter matches. A line each: kind, work, instructions.
cd /payload || exit 1
for module in modules/*.ko; do
	insmod "$module" $(case $module in *null_blk*) echo nr_devices=1 gb=1 irqmode=0 queue_mode=2 submit_queues=1 ;; esac) || exit 1
done

# measure KIND [OPTION...]: $PID in an option is the loop's
measure()
{
	kind=$1
	shift
	rm -f /tmp/gate /tmp/out
	./icount-loop /tmp/file /dev/nullb0 /tmp/gate >/tmp/out &
	loop=$!
	until [ -s /tmp/out ]; do sleep 0.1; done
	if [ $# != 0 ]; then
		: >/tmp/err
		./sonde record -o "/tmp/trace.$kind" "$@" 2>/tmp/err &
		sonde=$!
		until grep -q '^recording' /tmp/err; do
			kill -0 "$sonde" 2>/dev/null || { cat /tmp/err; exit 1; }
			sleep 0.2
		done
	fi
	sleep 1
	touch /tmp/gate
	wait "$loop" || exit 1
	[ $# = 0 ] || { kill -INT "$sonde"; wait "$sonde"; }
	sed -n "s/^\([a-z]\)/$kind \1/p" /tmp/out
}

measure without
measure full -e vfs,block,proc --comm icount-loop
measure unwanted -e vfs,block,proc --comm nobody

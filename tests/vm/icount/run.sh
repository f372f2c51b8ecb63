#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# In the guest: instructions of each work, without sonde, with it, and with it where no
# filter matches. A line each: kind, work, instructions. Then a manifest, in one line.
# full: the first two alone.
cd /payload || exit 1
for module in modules/*.ko; do
	insmod "$module" $(case $module in *null_blk*) echo nr_devices=1 gb=1 irqmode=0 queue_mode=2 submit_queues=1 ;; esac) || exit 1
done

# measure KIND [OPTION...]: those of sonde record; none: without sonde
measure()
{
	kind=$1
	shift
	rm -f /tmp/gate /tmp/out
	# shellcheck disable=SC2086 # empty or one word
	./icount-loop /tmp/file /dev/nullb0 /tmp/gate $kernel_disk >/tmp/out &
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

kernel_disk=
measure without
measure full -e vfs,block,proc,pagecache,fault --comm icount-loop
[ "$1" = full ] && exit
measure unwanted -e vfs,block,proc,pagecache,fault --comm nobody

# The kernel counts the instructions of each program: of all that sonde has, so of the
# whole machine, where threads of the kernel do I/O on files, too.
dd if=/dev/zero of=/tmp/disk bs=64k count=64 2>/dev/null
kernel_disk=$(losetup -f) && losetup "$kernel_disk" /tmp/disk || exit 1
echo 1 >/proc/sys/kernel/bpf_stats_enabled
measure programs -e vfs,block,proc,pagecache,fault
sed 's/^/manifest /' /tmp/trace.programs/manifest.json

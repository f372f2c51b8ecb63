#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What a kernel offers to a tracer, one "<fact><tab><value>" a line, into
# out/facts and on stdout; its types into out/btf-vmlinux.
tracing=/sys/kernel/tracing

fact()
{
	printf '%s\t%s\n' "$1" "$2" | tee -a out/facts
}

# here PATH: yes or no
here()
{
	if [ -e "$1" ]; then echo yes; else echo no; fi
}

sysctl_value()
{
	cat "/proc/sys/$1" 2>/dev/null || echo none
}

count()
{
	find "$1" -mindepth 1 -maxdepth 1 -type d 2>/dev/null | wc -l
}

# Everything that the functions below take part in, at least once.
exercise()
{
	python3 -c '
import os
fd = os.open("file", os.O_RDWR | os.O_CREAT)
os.write(fd, b"x")
os.writev(fd, [b"y", b"z"])
os.fsync(fd)
os.lseek(fd, 0, 0)
os.read(fd, 1)
os.readv(fd, [bytearray(1)])
os.close(fd)'
}

# kprobes FUNCTION...: which of them does a kprobe of tracefs attach to, and
# does it fire?
kprobes()
{
	for function; do
		echo "p:sonde/$function $function" >>$tracing/kprobe_events 2>/dev/null || true
	done
	echo >$tracing/trace
	echo 1 >$tracing/events/sonde/enable
	exercise
	echo 0 >$tracing/events/sonde/enable
	for function; do
		if [ ! -e $tracing/events/sonde/"$function" ]; then
			fact "kprobe.$function" refused
		elif grep -q " $function: (" $tracing/trace; then
			fact "kprobe.$function" fires
		else
			fact "kprobe.$function" silent
		fi
	done
	echo >$tracing/kprobe_events
}

fact release "$(uname -r)"
fact cpus "$(nproc)"

fact btf.vmlinux "$(stat -c %s /sys/kernel/btf/vmlinux 2>/dev/null || echo none)"
cp /sys/kernel/btf/vmlinux out/btf-vmlinux
modprobe null_blk nr_devices=0
fact btf.modules "$(here /sys/kernel/btf/null_blk)"

fact tracefs "$(here $tracing/events)"
for system in block syscalls raw_syscalls sched filemap writeback ext4 jbd2 nvme tcp sock net; do
	fact "events.$system" "$(count $tracing/events/$system)"
done
for path in "$tracing"/events/block/*/; do
	fact "event.block.$(basename "$path")" yes
done
for event in sched/sched_process_fork sched/sched_process_exec sched/sched_process_exit \
	task/task_rename raw_syscalls/sys_enter raw_syscalls/sys_exit syscalls/sys_enter_openat2; do
	fact "event.$(echo $event | tr / .)" "$(here $tracing/events/$event)"
done

kprobes vfs_read vfs_write vfs_readv vfs_writev vfs_iter_read vfs_iter_write vfs_open do_filp_open \
	do_sys_openat2 vfs_fsync_range filp_close __fput blk_account_io_done blk_mq_start_request
fact ftrace.functions "$(wc -l <$tracing/available_filter_functions)"

for sysctl in kernel/unprivileged_bpf_disabled kernel/perf_event_paranoid kernel/kptr_restrict \
	kernel/dmesg_restrict kernel/yama/ptrace_scope kernel/io_uring_disabled \
	kernel/bpf_stats_enabled net/core/bpf_jit_enable net/core/bpf_jit_harden \
	kernel/perf_event_max_stack; do
	fact "sysctl.$(echo $sysctl | tr / .)" "$(sysctl_value $sysctl)"
done
fact lockdown "$(cat /sys/kernel/security/lockdown 2>/dev/null || echo none)"
fact lsm "$(cat /sys/kernel/security/lsm 2>/dev/null || echo none)"
fact cgroup.controllers "$(cat /sys/fs/cgroup/cgroup.controllers)"
fact clocksource "$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"

for option in BPF_SYSCALL BPF_JIT BPF_EVENTS BPF_LSM DEBUG_INFO_BTF DEBUG_INFO_BTF_MODULES \
	KPROBES KPROBE_EVENTS UPROBE_EVENTS FPROBE FUNCTION_TRACER DYNAMIC_FTRACE_WITH_DIRECT_CALLS \
	FTRACE_SYSCALLS BLK_DEV_IO_TRACE IDLE_PAGE_TRACKING TASK_IO_ACCOUNTING TASKSTATS PSI \
	SCHED_CLASS_EXT PREEMPT_DYNAMIC BLK_DEV_NVME EXT4_FS; do
	value=$(sed -n "s/^CONFIG_$option=//p" "/boot/config-$(uname -r)")
	fact "CONFIG_$option" "${value:-n}"
done
for module in null_blk brd zram loop scsi_debug nbd dm-mod dm-delay dm-flakey sch_netem veth bridge \
	dummy tun xfs btrfs overlay fuse nfs tcp_bbr; do
	if modprobe "$module" 2>/dev/null; then fact "module.$module" loads; else fact "module.$module" no; fi
done

# Only helpers that this bpftool knows: those of 6.1.
bpftool feature probe kernel >out/bpf-features 2>/dev/null
for helper in bpf_ringbuf_reserve bpf_ringbuf_output bpf_loop bpf_get_attach_cookie bpf_d_path \
	bpf_task_storage_get bpf_get_current_task_btf bpf_ktime_get_boot_ns bpf_ktime_get_tai_ns \
	bpf_probe_read_kernel_str bpf_strncmp bpf_get_func_ip bpf_snprintf \
	bpf_user_ringbuf_drain bpf_dynptr_data bpf_timer_start bpf_for_each_map_elem \
	bpf_per_cpu_ptr bpf_copy_from_user bpf_get_branch_snapshot; do
	if grep -qw "$helper" out/bpf-features; then fact "helper.$helper" yes; else fact "helper.$helper" no; fi
done
fact map.ringbuf "$(sed -n 's/^eBPF map_type ringbuf is \(.*\)/\1/p' out/bpf-features)"
fact map.task_storage "$(sed -n 's/^eBPF map_type task_storage is \(.*\)/\1/p' out/bpf-features)"
[ -s out/btf-vmlinux ]

#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The live tests in a guest. tests/vm/check puts them here: bin/ with sonde and
# sonde-work, tests/live, and every probes/*/*.test of the source tree. A new
# domain's tests are found by themselves. Another kind of test is another line
# here; what it needs beside these files, check has to copy. Programs link what
# tests/vm/make-root installs; block devices beside loop and null_blk can be
# made on $SONDE_VM_SCRATCH, an empty NVMe disk.
cd /payload || exit 1
PATH=/payload/bin:$PATH
export PATH

sonde --version || exit 1
sonde doctor
# Not /tmp, which is in memory: the tests want a file system on a disk.
mkdir -p work
python3 -B tests/live/run --sonde bin/sonde --work bin/sonde-work --dir /payload/work \
	--require-all "$@" probes/*/*.test || exit 1
python3 -B tests/live/rights --sonde bin/sonde --work bin/sonde-work --dir /payload/work || exit 1
exec python3 -B tests/live/guest --sonde bin/sonde --work bin/sonde-work --dir /payload/work

#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh SUITES [OPTION...]: live tests in a guest, each with the options (run: all cases but those
# of filters, which are a suite of their own). tests/vm/check puts them here:
# bin/ with sonde and sonde-work, tests/live, and every probes/*/*.test of the
# source tree. A new domain's tests are found by themselves. What a suite needs
# beside these files, check has to copy. Programs link what
# tests/vm/make-root installs; block devices beside loop and null_blk can be
# made on $SONDE_VM_SCRATCH, an empty NVMe disk.
cd /payload || exit 1
PATH=/payload/bin:$PATH
export PATH
suites=$1
shift
[ -n "$suites" ] || exit 1

sonde --version || exit 1
sonde doctor
# Not /tmp, which is in memory: the tests want a file system on a disk.
mkdir -p work
programs="--sonde bin/sonde --work bin/sonde-work --dir /payload/work"
for suite in $suites; do
	# shellcheck disable=SC2086 # a list of words
	case $suite in
	run) python3 -B tests/live/run $programs --require-all "$@" $(find probes -name '*.test' ! -name filters.test | sort) ;;
	filters) python3 -B tests/live/run $programs --require-all "$@" probes/*/filters.test ;;
	*) python3 -B "tests/live/$suite" $programs "$@" ;;
	esac || exit 1
done

#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# golden.sh SONDE MAKE-TRACE DIR: compares outputs with the files in DIR, in TAP.
# With UPDATE=1 it writes them instead.
set -u
sonde=$(realpath "$1") make_trace=$(realpath "$2") golden=$(realpath "$3")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export LC_ALL=C
unset COLUMNS SONDE_DEBUG

nr=0 failed=0

# same FILE COMMAND...: the command's output is the file's content, and it ends well.
same() {
	file=$1
	shift
	nr=$((nr + 1))
	if ! "$@" >out 2>err; then
		sed 's/^/# /' err
		echo "not ok $nr - $file: $* failed"
		failed=1
	elif [ -n "${UPDATE:-}" ]; then
		cp out "$golden/$file"
		echo "ok $nr - $file # written"
	elif diff -u "$golden/$file" out >diff; then
		echo "ok $nr - $file"
	else
		sed 's/^/# /' diff
		echo "not ok $nr - $file"
		failed=1
	fi
}

# narrow WIDTH: no line of the last output is wider.
narrow() {
	nr=$((nr + 1))
	if wide=$(awk -v max="$1" 'length($0) > max { print; bad = 1 } END { exit !bad }' out); then
		echo "# $wide"
		echo "not ok $nr - no line over $1 columns"
		failed=1
	else
		echo "ok $nr - no line over $1 columns"
	fi
}

# The same numbers by way of JSON: an independent parser reads what we wrote.
parses() {
	nr=$((nr + 1))
	if ! command -v python3 >/dev/null; then
		echo "ok $nr - the JSON parses # SKIP no python3"
	elif python3 -c 'import json, sys; json.load(open("out"))'; then
		echo "ok $nr - the JSON parses"
	else
		echo "not ok $nr - the JSON parses"
		failed=1
	fi
}

"$make_trace" trace "$golden/manifest.json" || exit 1

same report.txt "$sonde" report trace
same report-100.txt "$sonde" report --width 100 trace
narrow 100
same report-narrow.txt "$sonde" report --width 80 --top 3 --by bytes trace
narrow 80
for events in block vfs_open,vfs_write,vfs_fsync,block; do
	"$sonde" report --width 70 -e "$events" --top 3 trace >out
	narrow 70
done
same report-verbose.txt "$sonde" report -v --by ops --top 2 trace
same report-window.txt "$sonde" report --since 3s --until 3.5s trace
same report-vfs.txt "$sonde" report -e vfs trace
same report.json "$sonde" report --format json --top 3 trace
parses
same block.csv "$sonde" export trace --to csv -e block_io
same opens.jsonl "$sonde" export trace --to jsonl -e vfs_open,proc

# The wall clock: slewed, set while nobody looked, and as the manifest has it where no clock was read.
same wall.csv "$sonde" export trace --to csv -e vfs_fsync --fields ts,wall,dur_ns
same wall.jsonl "$sonde" export trace --to jsonl -e proc,vfs_fsync --fields ts,pid --wall
same wall-lost.csv "$sonde" export trace --to csv -e lost --wall
mkdir early
cp -r trace/manifest.json trace/proc_exit early
same wall-early.csv "$sonde" export early --to csv --fields wall,ts

# Without rows of processes these are still called what they were when they did something.
cp -r trace no-proc
rm -r no-proc/proc_*
# (an event of the manifest takes two lines)
sed -i -e "/\"name\": \"proc_.*\"written\"/,+1d" -e "/\"name\": \"proc_/d" no-proc/manifest.json
same report-no-proc.txt "$sonde" report -e vfs_read --top 1 no-proc

# What has just begun: a manifest that knows no end, and no rows.
mkdir young
grep -v '"stopped"' trace/manifest.json | sed 's/"complete": true/"complete": false/' >young/manifest.json
same report-young.txt "$sonde" report young

# What was counted as lost and stands in no hole, and what had not ended, is not nothing.
mkdir counted
cp "$golden/manifest-counted.json" counted/manifest.json
same report-counted.txt "$sonde" report -v counted

# What a crash leaves: no manifest, and a file whose last flush was cut.
rm trace/manifest.json
size=$(wc -c <trace/vfs_read/0000.parquet)
truncate -s $((size - 10)) trace/vfs_read/0000.parquet
same report-crashed.txt "$sonde" report --top 3 trace
# Nor is there a tree without one: who lived, and how it ended, is in the tables.
same report-proc.txt "$sonde" report -e proc --top 2 trace

echo "1..$nr"
exit $failed

# SPDX-License-Identifier: BSD-2-Clause
# For the checks: counts what is wrong, and says it. Sourced by bash; $SONDE is the program.
set -u
nr_wrong=0
SONDE=${SONDE-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

wrong() {
	echo "wrong: $*"
	nr_wrong=$((nr_wrong + 1))
}

finish() {
	[ "$nr_wrong" = 0 ] || exit 1
	exit 0
}

# Cannot be checked here; the reason is said.
skip() {
	echo "skipped: $*"
	exit 77
}

commands() {
	"$SONDE" help --format=md | sed -n 's/^## sonde //p'
}

[ "$(commands | wc -l)" -ge 9 ] || {
	echo "SONDE is no sonde that lists its commands: ${SONDE-}"
	exit 1
}

# The long and short options that help knows of a command.
options() {
	"$SONDE" "$1" --help | grep -oE '^ +(-[a-zA-Z], )?--[a-z-]+' | grep -oE -- '-[a-zA-Z-]+'
}

# runs STATUS [ARGUMENT...]: sonde ends with this status; $out and $err are what it said.
runs() {
	local want=$1 got
	shift
	"$SONDE" "$@" >"$work/out" 2>"$work/err" </dev/null
	got=$?
	out=$(cat "$work/out")
	err=$(cat "$work/err")
	[ "$got" = "$want" ] || wrong "sonde $*: status $got, not $want: $err"
}

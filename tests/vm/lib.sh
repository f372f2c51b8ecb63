# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034 # apt expands the format; the scripts use the rest
#
# Sourced by the scripts of this directory: where the cache is, which mirrors
# this machine uses, and apt roots of our own in which other suites can be
# asked. Nothing here changes the system's apt configuration or its lists.

VM_CACHE=${SONDE_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sonde-vm}
VM_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

note()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die()
{
	note "$@"
	exit 1
}

# vm_lock: one at a time until the script ends, of those that fill the cache
vm_lock()
{
	mkdir -p "$VM_CACHE"
	[ -w "$VM_CACHE" ] || return 0
	exec 9>"$VM_CACHE/lock"
	flock 9
}

# vm_sites: "<suite> <site>" of every source the machine has, from its source
# files alone: a machine that never ran `apt-get update` answers as well.
vm_sites()
{
	apt-get indextargets --no-release-info --format '$(RELEASE) $(SITE)' 'Created-By: Packages' | sort -u
}

# vm_codename: the suite this machine runs, or ours where it is no Debian
vm_codename()
{
	sed -n 's/^VERSION_CODENAME=//p' /etc/os-release
}

# vm_mirror [-security]: the site the machine takes its own suite from
vm_mirror()
{
	local suite

	suite=$(vm_codename)${1-}
	vm_sites | sed -n "s/^$suite //p" | head -n 1
}

# vm_apt_root DIR: an empty apt root; afterwards vm_apt CMD works inside it
vm_apt_root()
{
	mkdir -p "$1"/{state/lists/partial,cache/archives/partial,etc}
	: >"$1/state/status"
	VM_APT=(
		-o "Dir::State=$1/state"
		-o "Dir::State::status=$1/state/status"
		-o "Dir::Cache=$1/cache"
		-o "Dir::Etc::sourcelist=$1/etc/sources.list"
		-o "Dir::Etc::sourceparts=/dev/null"
		-o "Dir::Etc::preferences=/dev/null"
		-o "Dir::Etc::preferencesparts=/dev/null"
		-o "APT::Get::List-Cleanup=false"
		-o "APT::Update::Post-Invoke-Success="
		-o "APT::Architecture=amd64"
		-o "APT::Sandbox::User=$(id -un)"
		-o "Acquire::Languages=none"
		-o "Acquire::Retries=2"
	)
}

# vm_apt_ask SITE SUITE ROOT: does SITE have SUITE? Its index stays in ROOT.
# A suite past its end of life keeps an expired Release file, which still
# carries a signature: old is accepted, unsigned is not.
vm_apt_ask()
{
	printf 'deb [arch=amd64 signed-by=%s check-valid-until=no] %s %s main\n' \
		"$VM_KEYRING" "$1" "$2" >"$3/etc/ask.list"
	apt-get "${VM_APT[@]}" -o "Dir::Etc::sourcelist=$3/etc/ask.list" \
		-o APT::Update::Error-Mode=any update -qq >"$3/ask.log" 2>&1 || return 1
	cat "$3/etc/ask.list" >>"$3/etc/sources.list"
}

# ext4_image DIR FILE SPARE_MB [MKE2FS OPTION...]: an image of DIR's files that
# the oldest kernel of the suite can mount
ext4_image()
{
	local dir=$1 file=$2 blocks

	blocks=$(du -sk --apparent-size "$dir" | cut -f 1)
	blocks=$((blocks + blocks / 8 + $(find "$dir" | wc -l) + ($3 + 4) * 1024))
	shift 3
	rm -f "$file"
	mke2fs -q -t ext4 -m 0 -E lazy_itable_init=1,root_owner=0:0 \
		-O ^orphan_file,^metadata_csum_seed "$@" -d "$dir" "$file" "${blocks}k" >/dev/null
}

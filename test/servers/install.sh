#!/bin/sh
# Installs the database servers and clients that the tests talk to:
#   MariaDB, jq, curl, fish, debootstrap   from this machine's own apt sources
#   az and Azure's packages for Python (800 MB), PyJWT, PyMySQL   from there, too
#   MySQL 9 server and client        from Debian sid, inside a tree of its own
#   Node 20 or later                 from the same tree, where the machine has none
#   packages of test/clients/node    with npm
# Debian sid is never added to this machine's sources: the tree under
# ${MIDAS_TEST_SERVERS:-/var/cache/midas-test}/sid holds it, and the wrappers in bin
# beside it run its programs without root or chroot.
#
#   install.sh             install what is missing (root); exit 1 when it cannot
#   install.sh --optional  the same, but exit 0 when it cannot
set -u

dir=${MIDAS_TEST_SERVERS:-/var/cache/midas-test}
tree=$dir/sid
marker=$tree/.complete
mirror=${MIDAS_DEBIAN_MIRROR:-} # empty: debootstrap's own choice
optional=0
[ "${1:-}" = --optional ] && optional=1
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

project=$(cd "$(dirname "$0")/../.." && pwd)
packages=$dir/node/$(sha256sum <"$project/test/clients/node/package-lock.json" | cut -c1-16)

have() { command -v "$1" >/dev/null 2>&1; }

# The Azure SDK needs Node 20; Debian 12 has 18.
have_node() {
	have npm && have node && [ "$(node --version | sed 's/^v\([0-9]*\).*/\1/')" -ge 20 ]
}

# Debian's packages belong to Debian's Python, whichever comes first on PATH.
have_azure() {
	[ -x /usr/bin/az ] && /usr/bin/python3 -c 'import importlib.util as u, sys
sys.exit(None in map(u.find_spec, ["azure.identity", "azure.mgmt.msi", "jwt", "pymysql"]))' 2>/dev/null
}

giveup() {
	echo "install.sh: $*" >&2
	[ $optional = 1 ] && exit 0
	exit 1
}

missing() {
	for p in mariadbd mariadb jq curl fish; do
		have $p || printf '%s ' "$p"
	done
	have_azure || printf 'azure-cli '
	[ -f "$marker" ] && [ -x "$dir/bin/mysqld97" ] && [ -x "$dir/bin/mysql97" ] || printf 'mysql-9 '
	have_node || [ -x "$dir/bin/node" ] || printf 'node '
	[ -d "$packages" ] || printf 'node-packages '
}

# A second try costs little and mirrors do stumble.
twice() { "$@" || { sleep 2; "$@"; }; }

apt() { apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"; }

host_packages() {
	want=
	have mariadbd || want="$want mariadb-server-core"
	have mariadb || want="$want mariadb-client-core"
	for p in jq curl fish debootstrap; do
		have $p || want="$want $p"
	done
	have_azure || want="$want azure-cli python3-azure python3-jwt python3-pymysql"
	[ -n "$want" ] || return 0
	twice apt update && twice apt install --no-install-recommends ca-certificates $want
}

in_tree() { chroot "$tree" /usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"; }

mysql_tree() {
	[ -f "$marker" ] && return 0
	if [ -e "$tree" ] && { [ -d "$tree/debootstrap" ] || [ ! -x "$tree/usr/bin/apt-get" ]; }; then
		# Half a base system cannot be repaired. Never delete through a mount.
		grep -q " $tree/" /proc/mounts && giveup "$tree is half made and something is mounted inside it"
		rm -rf --one-file-system "$tree"
	fi
	if [ ! -d "$tree" ]; then
		debootstrap --variant=minbase sid "$tree" $mirror || return 1
	fi
	if ! { wrappers >/dev/null 2>&1 && [ -z "$(in_tree dpkg --audit)" ]; }; then
		in_tree dpkg --configure -a
		# The core packages alone: no service, no maintainer script that starts one.
		# A mirror may lag behind the date its index is valid to; signatures still hold.
		twice in_tree apt-get -q -y -o Acquire::Check-Valid-Until=false update &&
			twice in_tree apt-get -q -y install --no-install-recommends mysql-server-core mysql-client-core ||
			return 1
		in_tree apt-get -q clean
	fi
	return 0
}

# wrapper NAME: bin/NAME does what standard input says, with run for the tree's own
# dynamic loader with the tree's libraries.
wrapper() {
	loader=$(ls "$tree"/lib64/ld-linux-*.so.* "$tree"/usr/lib/ld-linux-*.so.* 2>/dev/null | head -n 1)
	libs=$(ls -d "$tree"/usr/lib/*-linux-gnu* 2>/dev/null | head -n 1)
	[ -n "$loader" ] && [ -n "$libs" ] || return 1
	mkdir -p "$dir/bin" && chmod 755 "$dir" "$dir/bin" || return 1
	{
		echo '#!/bin/sh'
		echo '# Written by test/servers/install.sh.'
		echo "tree='$tree'"
		echo "run() { exec '$loader' --argv0 $1 --library-path '$libs' \"\$@\"; }"
		cat
	} >"$dir/bin/.$1"
	chmod 755 "$dir/bin/.$1" && mv -f "$dir/bin/.$1" "$dir/bin/$1"
}

# mysql_wrapper NAME PROGRAM FIRST OPTIONS: a defaults option must stay the first one,
# and FIRST stands in for it: this machine's /etc/mysql is not meant for that server.
mysql_wrapper() {
	wrapper "$1" <<WRAPPER
first=$3
case "\${1:-}" in
--no-defaults | --defaults-* | --print-defaults | --login-path*) first=\$1; shift ;;
esac
run "\$tree/$2" \${first:+"\$first"} \\
	--character-sets-dir="\$tree/usr/share/mysql/charsets" --plugin-dir="\$tree/usr/lib/mysql/plugin" \\
	$4 "\$@"
WRAPPER
}

wrappers() {
	mysql_wrapper mysqld97 usr/sbin/mysqld --no-defaults \
		'--basedir="$tree/usr" --lc-messages-dir="$tree/usr/share/mysql" --secure-file-priv=NULL' &&
		mysql_wrapper mysql97 usr/bin/mysql "" "" || return 1
	"$dir/bin/mysqld97" --version && "$dir/bin/mysql97" --version
}

# tree_node gives a machine without Node that of the tree.
tree_node() {
	[ -x "$tree/usr/bin/npm" ] || twice in_tree apt-get -q -y install --no-install-recommends nodejs npm || return 1
	in_tree apt-get -q clean
	echo 'run "$tree/usr/bin/node" "$@"' | wrapper node
}

# node_client puts the packages where every checkout finds them, under a name that
# changes with the lock file.
node_client() {
	[ -d "$packages" ] && return 0
	rm -rf "$dir"/node/new-* # of a try that was cut short
	mkdir -p "$dir/node" || return 1
	fresh=$(mktemp -d "$dir/node/new-XXXXXX") && chmod 755 "$fresh" || return 1
	cp "$project"/test/clients/node/package*.json "$fresh" || return 1
	if have_node; then
		(cd "$fresh" && twice npm ci --ignore-scripts --no-audit --no-fund) || return 1
	else
		tree_node || return 1
		# Debian's npm finds its own parts by their place in the tree.
		rm -rf "$tree/tmp/node-client" && cp -r "$fresh" "$tree/tmp/node-client" || return 1
		# What this machine trusts, the proxy of a company above all, npm must trust too.
		cp /etc/ssl/certs/ca-certificates.crt "$tree/tmp/" 2>/dev/null
		twice in_tree sh -c 'cd /tmp/node-client && NODE_EXTRA_CA_CERTS=/tmp/ca-certificates.crt npm ci --ignore-scripts --no-audit --no-fund' || return 1
		mv "$tree/tmp/node-client/node_modules" "$fresh" || return 1
	fi
	mv "$fresh" "$packages"
}

lacking=$(missing)
[ -z "$lacking" ] && exit 0
[ "$(id -u)" = 0 ] || giveup "missing: ${lacking}(installing needs root; tests that need them are left out)"
have apt-get || giveup "missing: ${lacking}(installing needs apt; tests that need them are left out)"

mkdir -p "$dir" || giveup "cannot make $dir"
exec 9>"$dir/.lock"
flock -w 900 9 || giveup "another run holds $dir/.lock"

host_packages || giveup "apt could not install the packages for: $lacking"
mysql_tree || giveup "Debian sid could not be installed in $tree; run again to finish it"
wrappers || giveup "the MySQL of $tree does not run"
: >"$marker"
node_client || giveup "npm could not install the packages of test/clients/node"
lacking=$(missing)
[ -z "$lacking" ] || giveup "still missing: $lacking"

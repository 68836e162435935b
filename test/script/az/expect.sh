# For scripts that run Azure's az: each command's exit code and output are compared.
set -euo pipefail

# is WANT COMMAND…: it exits with 0 and prints WANT, a pattern of the shell.
is() {
	local want=$1 out code=0
	shift
	out=$("$@") || code=$?
	if [ $code != 0 ] || [[ $out != $want ]]; then
		echo "exit code $code, output: $out; wanted 0 and: $want; from: $*" >&2
		exit 1
	fi
}

# refused CODE WANT COMMAND…: it exits with CODE and says WANT on standard error.
refused() {
	local code=$1 want=$2 got=0 text
	shift 2
	text=$("$@" 2>&1 >/dev/null) || got=$?
	if [ $got != $code ] || [[ $text != *$want* ]]; then
		echo "exit code $got, said: $text; wanted $code and: $want; from: $*" >&2
		exit 1
	fi
}

guid='????????-????-????-????-????????????'

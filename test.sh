#!/usr/bin/env bash
#
# ./test.sh         installs what is missing, checks the code, and runs every test with PostgreSQL, Redis, nginx and Chromium; no test is
#                   skipped. The last line is "N passed, N failed, N skipped". About a quarter of an hour.
# ./test.sh long    the same with every count raised to its full figure, then each fuzz target for SALLYPORT_TEST_FUZZTIME
#                   (20s unless set).
# ./test.sh bench   installs what is missing and runs go run ./bench instead, which writes bench/results.json and
#                   docs/performance.md; with the name of a file behind it, only that file.
#
# Debian, as root. Elsewhere, or as another user, it runs too if nothing is missing; it says what is.
#
# shellcheck disable=SC2317 # some functions are called by name

set -euo pipefail
json=${2:+$(realpath -m -- "$2")}
cd "$(dirname "${BASH_SOURCE[0]}")"

mode=${1:-quick}
case $mode${json:+ json} in
quick | long | bench | 'bench json') ;;
*)
	sed -n '3,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
	exit 2
	;;
esac

# --- what is missing

missing=()

# need PACKAGE TEST...: PACKAGE is missing unless TEST succeeds.
need() {
	local package=$1
	shift
	"$@" >/dev/null 2>&1 || missing+=("$package")
}

has_postgres() { command -v initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb'; }
has_redis() { command -v redis-server || command -v valkey-server; }
has_nginx() { command -v nginx || test -x /usr/sbin/nginx; }
has_chromium() { test -n "${CHROMIUM:-}" || command -v chromium || command -v chromium-browser || command -v google-chrome; }
has_fonts() { compgen -G '/usr/share/fonts/*/*'; }

install_missing() {
	need ca-certificates test -e /etc/ssl/certs/ca-certificates.crt
	need git command -v git
	need curl command -v curl
	need gcc command -v gcc
	need libc6-dev test -e /usr/include/stdlib.h
	need postgresql has_postgres
	need redis-server has_redis
	need nginx-light has_nginx
	need nodejs command -v node
	need npm command -v npm
	need chromium has_chromium
	need fonts-dejavu-core has_fonts
	if ((${#missing[@]} == 0)); then
		return
	fi
	if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
		echo "test.sh: missing: ${missing[*]} (names of Debian packages)." >&2
		echo "test.sh: on Debian, as root, this script installs them; here, please do it yourself and start again." >&2
		exit 1
	fi
	echo "--- installing ${missing[*]}"
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}"
}

install_missing
command -v go >/dev/null || PATH=$PATH:/usr/local/go/bin
if ! command -v go >/dev/null; then
	echo "test.sh: Go is missing: install 1.26 or newer from https://go.dev/dl/" >&2
	exit 1
fi

export SALLYPORT_TEST_REQUIRE=1 # fail rather than skip
if [[ $mode == long ]]; then
	export SALLYPORT_TEST_LONG=1
fi
# Under the race detector each process sleeps for a second at its end, so that reports can be written. Hundreds are started.
export GORACE="atexit_sleep_ms=50 ${GORACE:-}"
# A checkout that belongs to another user must not stop a build.
export GOFLAGS="${GOFLAGS:-} -buildvcs=false"

# --- one PostgreSQL cluster for the whole run

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [[ -z ${SALLYPORT_TEST_POSTGRES:-} ]]; then
	go build -o "$work/" ./internal/testdb/withpostgres
	status=0
	"$work/withpostgres" ./test.sh "$mode" ${json:+"$json"} || status=$?
	exit "$status"
fi

# nested lists the folders of the modules inside this one: their requirements do not reach our users.
nested() {
	find . -mindepth 2 -name go.mod -not -path '*/testdata/*' -not -path '*/node_modules/*' -printf '%h\n' | sort
}

# in_module FOLDER COMMAND...
in_module() {
	local folder=$1
	shift
	(cd "$folder" && "$@")
}

if [[ $mode == bench ]]; then
	go run ./bench ${json:+--json "$json"}
	exit
fi
# There is more memory than time. Not so above: what is measured runs as it does at its user's.
export GOGC="${GOGC:-400}"

# A real OpenID Connect provider, for the tests that sign in there.
if [[ ! -e internal/upstream/oidc-provider/node_modules ]]; then
	echo "--- installing what internal/upstream/oidc-provider needs"
	npm ci --prefix internal/upstream/oidc-provider --ignore-scripts --no-audit --no-fund --loglevel=error
fi

# --- checks

failed=() # the names of checks that failed; the run goes on, to show all there is to mend
notes=()

# check NAME COMMAND...
check() {
	local name=$1
	shift
	echo "--- $name"
	"$@" || failed+=("$name")
}

formatted() {
	local files
	files=$(gofmt -l .) || return
	if [[ -n $files ]]; then
		printf 'gofmt would change:\n%s\n' "$files"
		return 1
	fi
}

# vulnerabilities fails if one is found (exit code 3) and for any trouble but one: the database cannot be reached.
vulnerabilities() {
	local status=0
	go tool govulncheck ./... >"$work/vuln" 2>&1 || status=$?
	if ((status != 0 && status != 3)) &&
		grep -qE 'fetching vulnerabilities|vuln\.go\.dev' "$work/vuln" &&
		grep -qE 'dial tcp|no such host|connection (refused|reset)|i/o timeout|deadline exceeded|TLS handshake|proxyconnect|unreachable|x509:|unexpected EOF' "$work/vuln"; then
		printf '\n*** NOT CHECKED for known vulnerabilities: the database cannot be reached:\n*** %s\n\n' "$(tail -n 1 "$work/vuln")"
		notes+=("govulncheck SKIPPED: its database cannot be reached")
		return
	fi
	cat "$work/vuln"
	return "$status"
}

check gofmt formatted
check 'go mod verify' go mod verify
for module in . $(nested); do
	check "go vet $module" in_module "$module" go vet ./...
done
check staticcheck go tool staticcheck ./...
check govulncheck vulnerabilities
check 'npm install e2e' in_module e2e npm install --no-save --silent
check 'npm install e2e/clients' in_module e2e/clients npm ci --silent --ignore-scripts
check 'scripts of pages' in_module e2e npm run --silent check

# --- tests

# tests prints the events of every go test. What it cannot say in events (a pattern that matches nothing, a broken go.mod) is
# kept in a file, because it runs in a pipe.
tests() {
	# SQLite, in Go as it was translated from C, takes most of the processor under the race detector, which knows as little of its
	# memory as of C's; slow hashes of others come next. What calls them is watched as ever; the long run watches them, too. So it does
	# the processes that the tests of cmd/sallyport start by the hundred; what runs inside them is watched in its own package's tests.
	# Packages wait a lot, for disks and processes, so that more of them run at once than there are processors.
	local flags=(-json -shuffle=on -vet=off -timeout 30m -p "$(($(nproc) + 1))") race=(-race) module
	for module in modernc.org/... golang.org/x/crypto/... github.com/go-crypt/... github.com/cedar-policy/...; do
		race+=("-gcflags=$module=-race=false")
	done
	if [[ $mode == long ]]; then
		flags=(-json -shuffle=on -vet=off -timeout 6h) race=(-race)
		go_tests . ./...
		others
		e2e
		fuzz
		return
	fi
	others >"$work/others" &
	# Those that take longest begin first: nobody waits for them alone.
	local all longest='/(server|account|store/postgres)$'
	all=$(go list ./... | grep -v /cmd/sallyport$)
	# shellcheck disable=SC2046 # names of packages have no spaces
	go_tests . $(grep -E "$longest" <<<"$all") $(grep -vE "$longest" <<<"$all")
	wait
	cat "$work/others"
	e2e
}

# go_tests MODULE PACKAGE...: with the flags of tests.
go_tests() {
	in_module "$1" go test "${flags[@]}" "${race[@]}" "${@:2}" || echo "go test in $1" >>"$work/failed"
}

# others prints the events of the tests that mostly wait for processes: they run beside those that mostly compute.
others() {
	local module
	if [[ $mode != long ]]; then
		go test "${flags[@]}" ./cmd/sallyport || echo "go test ./cmd/sallyport" >>"$work/failed"
	fi
	for module in $(nested); do
		go_tests "$module" ./...
	done
}

# e2e alone: a person would not wait for a page as long as a busy machine makes them.
e2e() {
	in_module e2e npm run --silent events || echo "e2e" >>"$work/failed"
}

# fuzz runs each fuzz target alone, without -race, which the ordinary run gave its seeds.
fuzz() {
	local file target
	while IFS=: read -r file target; do
		echo "--- $target in ${file%/*} for ${SALLYPORT_TEST_FUZZTIME:-20s}"
		in_module "${file%/*}" go test -json -run '^$' -fuzz "^$target\$" -fuzztime "${SALLYPORT_TEST_FUZZTIME:-20s}" . ||
			echo "fuzz $target" >>"$work/failed"
	done < <(grep -roE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed 's/:func /:/' | sort)
}

echo "--- tests"
go build -o "$work/" ./internal/testtally
status=0
tests | "$work/testtally" "$work/summary" || status=1
if [[ -e $work/failed ]]; then
	status=1
fi

echo
for note in ${notes[@]+"${notes[@]}"}; do
	echo "*** $note"
done
if ((${#failed[@]} > 0)); then
	status=1
	printf '*** FAILED: %s\n' "${failed[@]}"
fi
cat "$work/summary"
exit "$status"

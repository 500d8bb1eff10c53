#!/bin/sh
# The tests and the demonstration on a real CockroachDB.
#
#   deploy/test-cockroach.sh [PART…]
#
# The parts, all of them by default, the short ones first:
#   kills    the demonstration on one node, which is killed twice in mid-day and started again
#   three    the demonstration on three nodes, of which the first is killed in mid-day for good
#   binary   the tests that start a node of their own, by the cockroach program
#   url      the tests of ledger, clearing and citycard, on one node that they share by its URL
#
# The program is COCKROACH_BINARY, or cockroach on PATH; without one this fails. CARDS (3000) is the
# size of the demonstration's city. Everything listens on the loopback interface and is removed.
set -eu

GO=${GO:-go}
CARDS=${CARDS:-3000}
binary=${COCKROACH_BINARY:-$(command -v cockroach || true)}
if ! [ -x "$binary" ]; then
	echo "no cockroach program: set COCKROACH_BINARY or put cockroach on PATH" >&2
	exit 1
fi
unset COCKROACH_BINARY CITYCARD_TEST_DATABASE_URL CITYCARD_DB CITYCARD_LANGUAGE
export LC_ALL=C # the demonstration's report is read in English

work=$(mktemp -d "${TMPDIR:-/tmp}/citycard-cockroach-XXXXXX")
finish() {
	for pid in "$work"/*.pid; do
		[ ! -f "$pid" ] || kill -9 "$(cat "$pid")" 2>/dev/null || true
	done
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

say() { printf 'test-cockroach: %s\n' "$*" >&2; }
fail() {
	say "$*"
	exit 1
}

# A port that nothing listens on.
port() {
	while :; do
		free=$(shuf -i 20000-32000 -n 1)
		grep -qi ":$(printf %04X "$free") " /proc/net/tcp || break
	done
	echo "$free"
}

# node NAME COMMAND PORT FLAG…: starts a node in the background.
node() {
	name=$1 command=$2 listen=$3
	shift 3
	"$binary" "$command" --insecure --listen-addr="127.0.0.1:$listen" --http-addr=127.0.0.1:0 "$@" >"$work/$name.log" 2>&1 &
	echo $! >"$work/$name.pid"
}

# killed NAME: the node ends as in a power cut.
killed() {
	kill -9 "$(cat "$work/$1.pid")"
	wait "$(cat "$work/$1.pid")" 2>/dev/null || true
	rm "$work/$1.pid"
}

# ask PORT DATABASE STATEMENT: the one value that the node answers.
ask() { PGCONNECT_TIMEOUT=5 psql -qAt "postgres://root@127.0.0.1:$1/$2?sslmode=disable" -c "$3"; }

# answers NAME PORT: waits until the node does.
answers() {
	tries=0
	until ask "$2" defaultdb 'SELECT 1' >/dev/null 2>&1; do
		tries=$((tries + 1))
		if [ $tries -gt 120 ] || ! kill -0 "$(cat "$work/$1.pid")" 2>/dev/null; then
			tail -n 5 "$work/$1.log" >&2
			fail "node $1 does not answer"
		fi
		sleep 1
	done
}

# booked PORT ROWS: waits until the demonstration has booked so many more rows.
booked() {
	before=$(ask "$1" city 'SELECT count(*) FROM journal' 2>/dev/null || echo 0)
	while kill -0 "$demo" 2>/dev/null; do
		now=$(ask "$1" city 'SELECT count(*) FROM journal' 2>/dev/null || echo 0)
		[ "$now" -lt $((before + $2)) ] || return 0
		sleep 1
	done
	cat "$work/demo.log" >&2
	fail "the demonstration ended before $2 more rows were booked"
}

# demonstrate URL: starts a demonstration in the background.
demonstrate() {
	CGO_ENABLED=0 $GO build -o "$work/citycard" ./cmd/citycard
	CGO_ENABLED=0 $GO build -o "$work/cardsim" ./cmd/cardsim
	"$work/citycard" demo --no-pcsc --cards "$CARDS" --data "$work/data" --json "$work/report.json" --db "$1" >"$work/demo.log" 2>&1 &
	demo=$!
}

# holds WHAT: waits for the demonstration's end and its verdict.
holds() {
	if ! wait "$demo" || ! grep -q "THE BOOKS HOLD" "$work/demo.log"; then
		cat "$work/demo.log" >&2
		fail "$1: the books do not hold"
	fi
	grep -E "^(sent|lost|doubled|wrong) |, in all " "$work/demo.log" >&2 || true
	say "$1: the books hold"
	rm -rf "$work/data"
}

# quick PORT: a node for tests. What was deleted is cleared away soon, because tests empty their
# tables instead of making new ones. Admission control is off: a node that was built with an
# ordinary Go toolchain cannot see how busy its processors are, so it never hands out more than its
# first 100,000 permits for answers. After that every statement waits for ever.
quick() {
	while read -r setting; do
		ask "$1" defaultdb "$setting" >/dev/null || say "not set: $setting"
	done <<-END
		SET CLUSTER SETTING sql.stats.automatic_collection.enabled = false
		SET CLUSTER SETTING admission.sql_kv_response.enabled = false
		SET CLUSTER SETTING admission.sql_sql_response.enabled = false
		ALTER RANGE default CONFIGURE ZONE USING gc.ttlseconds = 300
	END
}

part_url() {
	listen=$(port)
	node tests start-single-node "$listen" --store=type=mem,size=4GiB
	answers tests "$listen"
	quick "$listen"
	rooms="./ledger/... ./clearing/... ./cmd/check ./cmd/server ./cmd/citycard"
	format='{{$rapid := false}}{{range .TestImports}}{{if eq . "pgregory.net/rapid"}}{{$rapid = true}}{{end}}{{end}}'
	format="$format"'{{range .XTestImports}}{{if eq . "pgregory.net/rapid"}}{{$rapid = true}}{{end}}{{end}}{{if $rapid}}{{.ImportPath}}{{end}}'
	# shellcheck disable=SC2086 # a list of packages
	random=$($GO list -f "$format" $rooms)
	export CITYCARD_TEST_DATABASE_URL="postgres://root@127.0.0.1:$listen/defaultdb?sslmode=disable"
	# shellcheck disable=SC2086
	$GO test -count=1 -p 1 -timeout 40m $($GO list $rooms | grep -vxF "$random")
	# Those that try random input try less of it: each try empties a database.
	# shellcheck disable=SC2086
	$GO test -count=1 -p 1 -timeout 40m $random -args -rapid.checks="${CHECKS:-5}"
	unset CITYCARD_TEST_DATABASE_URL
	killed tests
	say "the tests pass on a node named by its URL"
}

part_binary() {
	COCKROACH_BINARY=$binary $GO test -count=1 -timeout 40m -run 'TestDemo$|TestKilledInTheMiddle|TestTwoProcesses|TestCrowdDay|TestLooks' ./cmd/citycard
	say "the tests pass on nodes that they start"
}

part_kills() {
	listen=$(port)
	node one start-single-node "$listen" --store="$work/one"
	answers one "$listen"
	ask "$listen" defaultdb 'CREATE DATABASE city'
	demonstrate "postgres://root@127.0.0.1:$listen/city?sslmode=disable"
	for _ in 1 2; do
		booked "$listen" $((CARDS * 3))
		killed one
		node one start-single-node "$listen" --store="$work/one"
		answers one "$listen"
	done
	holds "one node, killed twice"
	killed one
}

part_three() {
	a=$(port) b=$(port) c=$(port)
	join=127.0.0.1:$a,127.0.0.1:$b,127.0.0.1:$c
	node first start "$a" --store="$work/first" --join="$join"
	node second start "$b" --store="$work/second" --join="$join"
	node third start "$c" --store="$work/third" --join="$join"
	tries=0
	until "$binary" init --insecure --host="127.0.0.1:$a" >"$work/init.log" 2>&1 || grep -q 'already been initialized' "$work/init.log"; do
		tries=$((tries + 1))
		[ $tries -lt 60 ] || fail "the nodes do not become a cluster: $(cat "$work/init.log")"
		sleep 1
	done
	for name in "first $a" "second $b" "third $c"; do
		# shellcheck disable=SC2086 # a name and a port
		answers $name
	done
	ask "$a" defaultdb 'CREATE DATABASE city'
	tries=0
	until [ "$(ask "$a" defaultdb 'SELECT count(*) FROM crdb_internal.ranges_no_leases WHERE array_length(replicas, 1) < 3')" = 0 ]; do
		tries=$((tries + 1))
		[ $tries -lt 300 ] || fail "the ranges do not get three replicas"
		sleep 1
	done
	demonstrate "postgres://root@$join/city?sslmode=disable"
	booked "$b" $((CARDS * 3))
	killed first
	holds "three nodes, one killed"
	killed second
	killed third
}

for part in ${*:-kills three binary url}; do
	say "$part"
	case $part in
	url | binary | kills | three) "part_$part" ;;
	*) fail "there is no part $part: want kills, three, binary, url" ;;
	esac
done

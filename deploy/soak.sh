#!/bin/sh
# The long checks: more of what "make test" does in minutes.
#
#   deploy/soak.sh SEED MINUTES
#
# A third of the time each: fuzz targets; properties over random input, random records and random
# changes of the database; a big day through faults. Terminals at readers through faults take about
# as long as all of these together, and counters a third of that. A part whose time is up has ended
# well; one that fails names what it found. The seed is printed and repeats everything but the
# fuzzing, whose finds are kept in testdata/fuzz. Exit code 1 if any part failed.
set -u

seed=$1 minutes=$2
GO=${GO:-go}
third=$((minutes * 60 / 3))
failed=

say() { printf 'soak: %s\n' "$*" >&2; }

# run NAME SECONDS COMMAND…: a command that may take all its time.
run() {
	name=$1 seconds=$2
	shift 2
	say "$name, at most $seconds s"
	code=0
	timeout --signal=INT --kill-after=60 "$seconds" "$@" || code=$?
	case $code in
	0) ;;
	124 | 130) say "$name: the time is up" ;;
	*) failed="$failed
  $name (exit code $code)" ;;
	esac
}

say "seed $seed, $minutes minutes; repeat with: make soak SEED=$seed MINUTES=$minutes"
export CITYCARD_SOAK_SEED="$seed"

targets=$($GO list ./... | while read -r package; do
	$GO test -list '^Fuzz' "$package" | sed -n "s|^Fuzz|$package Fuzz|p"
done)
count=$(printf '%s\n' "$targets" | grep -c Fuzz)
each=$((third / (count > 0 ? count : 1)))
[ "$each" -ge 10 ] || each=10
while read -r package target; do
	[ -n "$target" ] || continue
	say "fuzz $package $target for $each s"
	$GO test -run '^$' -fuzz "^$target\$" -fuzztime "${each}s" -fuzzminimizetime 10x "$package" || failed="$failed
  $package $target"
done <<END
$targets
END

# Random input by a seed, in all packages that have some: more of it the more time there is.
properties=$($GO list -f '{{range .TestImports}}{{if eq . "pgregory.net/rapid"}}{{$.ImportPath}}{{end}}{{end}} {{range .XTestImports}}{{if eq . "pgregory.net/rapid"}}{{$.ImportPath}}{{end}}{{end}}' ./...)
# shellcheck disable=SC2086 # a list of packages
run "properties" $((third / 2)) $GO test -count=1 -timeout 24h $properties -args -rapid.seed="$seed" -rapid.checks=$((minutes * 100))
run "random records" $((third / 4)) env CITYCARD_SOAK_RECORDS=$((minutes * 2000)) $GO test -count=1 -timeout 24h -run TestSoak ./clearing/intake
run "random changes of the database" $((third / 4)) env CITYCARD_SOAK_CHANGES=$((minutes * 20)) $GO test -count=1 -timeout 24h -run TestChanges ./cmd/citycard

run "a lane without a broker for a week" 600 env CITYCARD_SOAK_TAPS=1000000 $GO test -count=1 -timeout 24h -run TestWeekWithoutBroker -v ./cmd/cardterm

# About three payments a second; it ends by itself.
run "terminals, readers and cards through faults" $((minutes * 60)) env CITYCARD_SOAK_READER_TAPS=$((minutes * 10000 / 60)) $GO test -count=1 -timeout 24h -run TestTorture -v ./cmd/cardterm

# Cards are torn, and counters, the key service and the centre killed.
run "counters and cards through faults" $((minutes * 60)) env CITYCARD_SOAK_COUNTER_ACTS=$((minutes * 2000 / 60)) $GO test -count=1 -timeout 24h -run TestCounterEndurance -v ./cmd/cardterm

run "a big day through faults" "$third" env DAY_RECORDS=$((minutes * 15000)) $GO test -count=1 -timeout 24h -run TestCrowdDay ./cmd/citycard

if [ -n "$failed" ]; then
	say "failed:$failed"
	exit 1
fi
say "nothing found"

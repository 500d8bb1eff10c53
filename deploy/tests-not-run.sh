#!/bin/sh
# Says how many tests were not run. gotestsum calls it when the tests have ended and has listed
# each of them with its reason. In continuous integration, where all must run, it fails.
set -eu

if [ "${TESTS_SKIPPED:-0}" -eq 0 ]; then
	echo "every test was run"
else
	echo "$TESTS_SKIPPED of $TESTS_TOTAL tests were not run; each is named above with its reason"
fi
if [ -z "${CITYCARD_TEST_DATABASE_URL:-}${COCKROACH_BINARY:-}" ] && ! command -v cockroach >/dev/null; then
	echo "the ledger was tested on PostgreSQL; for CockroachDB put cockroach on PATH or set CITYCARD_TEST_DATABASE_URL"
fi
[ -z "${CI:-}" ] || [ "${TESTS_SKIPPED:-0}" -eq 0 ]

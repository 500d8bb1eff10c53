package ledgertest

import (
	"os"
	"strconv"
)

// Server is the environment variable that names the server to test on.
const Server = "CITYCARD_TEST_DATABASE_URL"

// What a long run sets, see "make soak".
const (
	SoakSeed    = "CITYCARD_SOAK_SEED"    // of all that is random
	SoakRecords = "CITYCARD_SOAK_RECORDS" // how many records each topic gets
	SoakChanges = "CITYCARD_SOAK_CHANGES" // how many changes are made to the database
)

// Setting is the number in an environment variable, or the usual one where it is not set.
func Setting(t TB, variable string, usual uint64) uint64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		t.Fatalf("%s is %q, want a whole number", variable, text)
	}
	return n
}

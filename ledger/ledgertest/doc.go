// Package ledgertest gives each test a fresh, migrated database.
//
// The server is the one at CITYCARD_TEST_DATABASE_URL, else a private one that lives as long as the
// test process (a cockroach binary or the machine's PostgreSQL; see package embedded). On
// PostgreSQL each database is a clone of a migrated template. On CockroachDB it is a database that
// an earlier test has used and that was emptied, or a new one that is migrated. The private server
// syncs its commits only in runs with benchmarks. If a test uses its database for minutes, the
// server's activity is written to standard error.
//
// A package whose tests use it should have
//
//	func TestMain(m *testing.M) { ledgertest.Main(m) }
//
// so that the private server is stopped at the end.
//
// A [Relay] between a client and its database loses messages, such as the answer to a COMMIT.
package ledgertest

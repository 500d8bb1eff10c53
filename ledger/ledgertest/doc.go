// Package ledgertest gives each test a fresh, migrated database.
//
// The server is the one at CITYCARD_TEST_DATABASE_URL, else a private one that lives as long as
// the test process (a cockroach binary or the machine's PostgreSQL; see package embedded). On
// PostgreSQL each database is a clone of a migrated template. On CockroachDB it is one that an
// earlier test has left, emptied, or a new one that is migrated. The private server syncs its
// commits only in runs with benchmarks. A test that has its database for minutes is told what the
// server is doing.
//
// A package whose tests use it should have
//
//	func TestMain(m *testing.M) { ledgertest.Main(m) }
//
// so that the private server is stopped at the end.
package ledgertest

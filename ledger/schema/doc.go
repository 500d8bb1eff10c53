// Package schema holds the ledger's tables as numbered SQL files and brings a database up to them,
// forward only.
//
// The same files serve CockroachDB and PostgreSQL 15 and later; what differs between the two is all
// in dialect.go. A program that migrates may be killed at any moment: each statement is committed
// alone and can be repeated, and a file counts as applied after its last one. Programs that only
// use the tables ask Check, which changes nothing.
//
// Two decisions, with their reasons:
//
// journal has one index, its primary key (effective day, subject, id). It proves that a row is new,
// keeps the working set of a day together, and serves a card's statement. Each further index would
// cost the hot path about a third.
//
// accounts, streams and rows are joined by numbers hashed from names, so no key is a rising counter
// and no sequence is read while posting.
package schema

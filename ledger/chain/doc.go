// Package chain has the values that the books consist of, and how they are hashed: rows, the links
// of a stream's chain, the entries of the audit, the seal of a day, and the proof of one row. It
// needs no database: a proof is checked with this package alone.
//
// # What covers what
//
//	row ──▶ Row.ContentHash ──▶ Tree ──▶ Link.Root ──▶ Link.HeadAfter ──▶ Tree of a day's batches
//	                                                                            │
//	                          AuditEntry.HashAfter ──▶ HeadLeaf of the audit    ▼
//	                                                              └──▶ Tree of HeadLeaf ──▶ Seal
//
// Every layout that is hashed is stated at its function and never changes: what is stored today
// must be provable by the code of tomorrow. A layout begins with a version byte or a text with a
// number, so that a second version can exist beside the first.
package chain

// Package truth knows the expected result. The simulated city reports to it every record that it
// sends, and what it did to the record. Package truth computes the verdict, the amount, the key and
// the payee with its own code, never with clearing's, and writes them to files. Afterwards Compare
// compares the ledger with them.
//
// Truth knows what it knows as the maker of the records: that a TAC was broken,
// that a terminal stands in no registry, that two records are the same tap. It
// therefore needs no keys. What it calculates itself:
//
//   - the identity of a record: only what is signed (identity.go);
//   - the verdict: first the reasons to reject, then the reasons to suspend, then whether the
//     identity was seen before. The first of two variants counts; a second one with the same signed
//     part is a duplicate, any other is disputed (book.go);
//   - the outcome of a record in which any one byte was altered (altered.go);
//   - fares: shortest way over the metro, priced and discounted by the city's documents as of the
//     second that the card signed (fare.go);
//   - medical settlements by the documents of the claim's day (medical.go);
//   - whether an amount can have been in a purse (rules.go);
//   - whether a list of pensions can be meant on the day (pension.go).
//
// The figures are those of the city's rule documents, read and calculated by its own code; an exact
// amount becomes whole fen in one place (share.go).
//
// A record of 0 fen (metro entry, a hospital bill that the patient pays alone) has an identity and
// a verdict like any other.
//
// Files: records-DAY-PART.jsonl, one JSON object a line, in the order in which they
// were sent within a card; purses.jsonl, what the cards hold after the last day;
// summary-DAY.json. Days in one directory are one truth.
package truth

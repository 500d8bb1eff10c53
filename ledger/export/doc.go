// Package export writes the books to a stream that can be kept, handed over and verified without the database (package verify), and reads it again.
//
// An export, version 1, is UTF-8 text, one JSON object a line, each with one member that tells what the line holds:
//
//	export    version and dialect; the first line
//	audit     an entry of the audit; before accounts and days, because it tells how they were opened and changed
//	chart     the version of the chart of accounts, and the audit's last entry
//	account   an account of the chart, as it is, and the hash of what it was opened with
//	stream    a stream and where it stands
//	batch     a link of a stream's chain (chain.Link)
//	row       a row of the journal (ledger.Row: subject and id in hex, evidence in base64)
//	balance   an account's sums
//	turnover  an account's sums of one booking day
//	hold      a hold and what became of it
//	head      where a stream left a day
//	day       a booking day, with its seal when it is sealed
//	end       the number of lines before it and the SHA-256 of their bytes; the last line
//
// The kinds come in this order, except that each batch is followed by its rows; batches are in the order of stream number and sequence, rows in
// that of their positions, accounts in that of their openings and numbers. Hashes are in hex, amounts in whole fen, days as YYYYMMDD. A reader refuses what it does not know, an export cut short, and one
// with other bytes than its last line says.
//
// All of an export is one moment's view. Writing and reading it takes constant memory.
package export

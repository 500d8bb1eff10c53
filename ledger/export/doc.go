// Package export reads the books out of the database as lines, writes them to a stream that can be
// kept, handed over and verified without the database (package verify), and reads that again.
//
// # Lines
//
// Each line has one member, which tells what it holds:
//
//	export    version and dialect; the first line
//	books     the identity of the books
//	audit     an entry of the audit; early, because it tells how accounts and days were opened
//	          and changed
//	chart     the version of the chart of accounts, and the audit's last entry
//	account   an account of the chart, as it is, and the hash of what it was opened with
//	stream    a stream and where it stands
//	batch     a link of a stream's chain (chain.Link)
//	row       a row of the journal (chain.Row)
//	balance   an account's sums
//	turnover  an account's sums of one booking day
//	hold      a hold and what became of it
//	head      where a stream left a day
//	day       a booking day, with its seal when it is sealed
//	end       the number of lines before it and the SHA-256 of their bytes; the last line
//
// The kinds come in this order, except that each batch is followed by its rows; batches are in the
// order of stream number and sequence, rows in that of their positions, accounts in that of their
// openings and numbers. Hashes are in hex, subjects and ids of JSON too, amounts in whole fen, days
// as YYYYMMDD. A reader refuses an unknown kind of line, one that comes too late, an incomplete
// export, and one whose bytes differ from what its last line says. A line has at most 16 MB.
//
// # Layout
//
// Version 4, which is written, is frames: a length as 4 bytes, big endian, and as many bytes. Those
// of a row are the canonical ones that are hashed (chain.Row.AppendCanonical), which begin with a
// zero byte, and the hash that is stored, 32 bytes. All other lines are JSON, one object with one
// member. What the last line hashes are all frames before it, lengths included.
//
// Version 3, which is read, is text: each line JSON, rows too, with a line feed after it. The audit
// alone (WriteAudit) is written in it, for people and other programs. Its first line says part
// audit, and it has lines of the kinds books, audit, chart, head and day: so it shows that each
// entry follows from the one before it, where the audit ends, and which entries the seals of days
// cover.
//
// All of an export is one moment's view. Writing and reading it takes memory that does not grow
// with it: rows, which the database has in the order of their keys, are sorted in files that take
// about as much as the export. They are on the file system of the directory for temporary ones
// (TMPDIR) and have no name there, so that nothing is left of them, however the program ends.
package export

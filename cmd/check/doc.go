// Package check compares the books with the truth of a simulated city (package truth), with code of
// its own and in limited memory: every row, every kept record, the count of every verdict, the
// shadow balance of every card. It reads a database or an export. Its Report has the totals of the
// days.
package check

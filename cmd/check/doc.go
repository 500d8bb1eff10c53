// Package check holds the books against the truth of a simulated city (package truth), from outside
// and in bounded memory: every row, every kept record, the count of every verdict, the shadow
// balance of every card. It reads a database or an export. Its Report says what days came to.
package check

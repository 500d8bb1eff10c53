// Package books finds the books of a data directory and opens them, for every command. It says
// which database they are in, waits for a process that is starting to serve them, and refuses
// tables that this program does not know.
package books

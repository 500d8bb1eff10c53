// Package server is a clearing process: its base (the books and the broker), the inputs that it
// reads before it starts, and the running parts: intake, load authority, metrics and pages.
// "citycard serve" and the demonstration both start it. It also has the functions for the data
// directory that other commands use: key store, seal key, receipts, closes.
package server

// Package server is a clearing process: the base that it works on (the books and the broker), what
// it reads before it starts, and the parts that run: intake, load authority, metrics and pages.
// "citycard serve" and the demonstration start it alike. Beside it are the things of its data
// directory that other commands use too: key store, seal key, channels' tokens, receipts, closes.
package server

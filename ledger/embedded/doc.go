// Package embedded opens the program's database: the one at a given URL, or a private one that is
// started and stopped with the program.
//
// Open takes, in this order: a URL; a cockroach binary (COCKROACH_BINARY or on the PATH), run as a
// single node on the loopback interface; the newest PostgreSQL of this machine, run as a private
// server in a directory of its own. The private servers are durable: every commit is synced before
// it is answered.
//
// A private CockroachDB listens on 127.0.0.1 only, on free ports, and accepts only clients that
// have the certificate of its user root. Certificates are made at every start, in a directory that
// only its owner can enter, and the key that signed them is removed. The node is a child of this
// program, with its output in a file; it sees nothing of our environment, is stopped in good order,
// and on Linux dies with the program.
//
// A private PostgreSQL listens on 127.0.0.1 only, on a free port, and asks for a random password
// that is kept in a file only its owner can read. PostgreSQL refuses to run as root. When the
// program runs as root, the server runs as the user postgres or, if there is none, as nobody; that
// user must be able to reach the directory. When the program is killed the server lives on; the
// next Open of the same directory, which a file lock allows once the program is gone, stops it in
// good order and starts it again.
package embedded

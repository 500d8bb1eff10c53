// Package pcscd makes sure that a smart card daemon answers, for programs that
// must not link to PC/SC themselves and on machines without a service manager.
//
// As root on Linux it starts one that is private: in a mount namespace of its own, with a folder of
// its own in the place of /run/pcscd and virtual readers at ports of their own. So two programs, or
// two runs of the tests, disturb neither each other nor the machine's daemon. The PC/SC library
// finds it by an environment variable.
//
// Elsewhere the machine's daemon is used where one answers, and left alone. Otherwise one is
// started. A started daemon is a child of this process and runs in the foreground. Close stops it,
// and it ends when this process ends (on Linux also when this process is killed). Whether a daemon
// answers is checked as libpcsclite does it: with a CMD_VERSION message over its socket.
package pcscd

// Package pcscd makes sure that a smart card daemon answers, for programs that
// must not link to PC/SC themselves and on machines without a service manager.
//
// As root on Linux it starts one that is private: in a mount namespace of its own, with a folder
// of its own in the place of /run/pcscd and virtual readers at ports of their own. So two programs,
// or two runs of the tests, do not disturb each other, nor the machine's daemon. The PC/SC library
// finds it by an environment variable.
//
// Elsewhere the machine's daemon is used where one answers, and left alone. Otherwise one is
// started. What was started is our child in the foreground, ends with us (also when we are killed,
// on Linux), and is stopped by Close. Whether it answers is asked the way
// libpcsclite asks: a CMD_VERSION message over its socket.
package pcscd

// Package pcscd makes sure that a smart card daemon answers, for programs that
// must not link to PC/SC themselves and on machines without a service manager.
//
// When one answers already it is used and left alone. Otherwise one is started
// as our child in the foreground, ends with us (also when we are killed, on
// Linux), and is stopped by Close. Whether it answers is asked the way
// libpcsclite asks: a CMD_VERSION message over its socket.
package pcscd

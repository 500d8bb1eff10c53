// Package pcscdtest gives a test a pcscd with two empty virtual readers. The PC/SC library of the
// test's process, and of the programs that it starts, finds this daemon and no other.
package pcscdtest

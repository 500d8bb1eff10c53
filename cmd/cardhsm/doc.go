// Command cardhsm keeps the masters of cards in a hardware security module, and answers as the
// key service with them. It reaches the module through its maker's PKCS#11 library, and for that
// alone it is a program of its own: PKCS#11 needs cgo, which citycard does not have.
//
//	cardhsm tokens   lists the tokens that the library shows
//	cardhsm init     gives an empty token its name and PINs
//	cardhsm make     makes the first masters, inside the token
//	cardhsm import   brings the masters of a key store's file into a token, for a move
//	cardhsm rotate   makes another generation of masters, inside the token
//	cardhsm list     shows the masters with their check values, and no keys
//	cardhsm serve    the key service, as citycard keyservice, with these masters
//
// A PIN is read from a file that nobody else can read, or asked for on the terminal; it is never
// a flag or a variable. Exit codes and the precedence of flags, environment and configuration
// file are those of package service.
package main

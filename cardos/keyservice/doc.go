// Package keyservice is the one place where the masters of cards are opened, and both sides of
// the wire to it: what is asked of it, the server, and the client.
//
// The masters themselves are in a [Backend]: in an encrypted file ([Software]), or in a PKCS#11
// token (package hsm, which says how each operation is done there and what leaves the token).
// A copy of the memory of clearing, of a load authority or of a counter has no master by which
// money comes onto a card or off it.
package keyservice

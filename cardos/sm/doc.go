// Package sm holds the Chinese algorithms as far as their standards define them for
// use on cards: the block cipher SM4 (GB/T 32907) in the two uses that cards make
// of a block cipher, and the digest SM3 (GB/T 32905).
//
// The purse does not use them here. JT/T 978 has SM4 besides 3DES, and a personalisation file has a
// grouping of SM4 keys (B1A0), but four things were not found: the derivation of card keys and
// session keys from an SM4 master, the block over which its MACs chain, the length to which they
// are cut, and the commands that switch the algorithm. Nor was the SM4 authentication found and the
// SM2 and SM3 services of social-security cards of version 3. Cards made here say algorithm 00
// (3DES) and refuse the others.
package sm

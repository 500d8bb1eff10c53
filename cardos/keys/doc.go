// Package keys holds the cryptography of purse and social-security cards: the derivation of a
// card's keys from a master, the derivation of a session key from a card's key, the data that each
// MAC and TAC covers, and a store that keeps masters in an encrypted file.
//
// Algorithms, as the PBOC 2.0/3.0 electronic purse (part 1 and 2) uses them
// with algorithm identifier 00:
//
//   - card key from master, per level: 3DES(master, F) || 3DES(master, ^F), with
//     the eight bytes F of the issuer first and of the card second;
//   - session key, load: 3DES(load key, random4 || online sequence2 || 8000);
//   - session key, purchase: 3DES(purchase key, random4 || offline sequence2 ||
//     low two bytes of the terminal's sequence);
//   - MAC1, MAC2: single-DES CBC-MAC under the eight-byte session key, IV 0, always
//     padded with 80 00.., the left four bytes;
//   - TAC: the same under left half XOR right half of the TAC key;
//   - secure messaging: retail MAC and 3DES-ECB under the whole 16-byte key.
//
// All numbers are big-endian, all amounts whole fen.
//
// Masters never leave their [Store], with two exceptions: what clearing holds itself ([Held]: TAC
// masters, and the keys of its own data) and the masters for a SAM ([Store.SAMKeys]), which must be
// used elsewhere. A [Key] never prints itself.
//
// Masters are rotated by adding a generation to the file ([RotateFile]); a long-running process
// uses the store through a [Keyring], which follows the file, and checks TACs with [TACs], which
// follows a keyring or a key service.
package keys

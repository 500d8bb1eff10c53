// Package hsm keeps the masters of cards in a PKCS#11 token: a hardware security module, or
// SoftHSM2 in tests. It is the second backend of the key service, beside the encrypted file of
// package keys, and gives the same answers. It needs cgo, so only the program cardhsm imports it.
//
// What stays in the token:
//
//   - Masters are made in it (or brought in once, for a migration), are sensitive and cannot be
//     extracted. They can do one thing: derive.
//   - A card's key is derived with CKM_DES3_ECB_ENCRYPT_DATA, a level at a time, from a factor F
//     and its inverse: 3DES(master, F) || 3DES(master, ^F).
//   - A session key has eight bytes, 3DES(card key, X). Few tokens still do single DES, so it is
//     derived from X || X as a key of two equal halves. Under such a key triple DES is single DES,
//     and the last block of CKM_DES3_CBC with IV 0 is the CBC-MAC.
//   - A retail MAC needs the left half of a card's key alone. It is derived from F || F, again
//     as two equal halves; the last block goes through the whole key.
//
// Tokens correct the parity bits of the DES keys that they derive. DES ignores these bits, so no
// MAC depends on them. The keys that go onto a card are derived as generic secrets, which have
// no parity, so that the bytes are those that the software store gives.
//
// What leaves the token:
//
//   - The TAC masters, which clearing verifies with. A card's TAC key is left half XOR right
//     half of what is derived, for which PKCS#11 has no mechanism, so the service checks TACs in
//     its memory.
//   - The keys of one card while it is personalised. They go onto the card under a key that is
//     derived from the transport key of its batch, and stays in the token. SoftHSM2 wraps under no
//     triple-DES key, so a card's keys come out and go in once more as the text that is enciphered.
//
// Both leave wrapped with RSA-OAEP under a key that the process made for itself. But for that text
// no key crosses the PKCS#11 interface in the clear, in either direction.
//
// Derived keys are session objects and are destroyed with the operation that derived them. A
// token that was taken out or that ended the login is opened and logged in to again by the next
// operation. After a refused PIN the package never tries it again: three attempts would lock the
// token.
package hsm

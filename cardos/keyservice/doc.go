// Package keyservice is the one place where the masters of cards are opened, and both sides of
// the wire to it: what is asked of it, the server, and the client.
//
// The masters themselves are in a [Backend]: in an encrypted file ([Software]), or in a PKCS#11
// token that lets neither masters nor derived keys out. A token does all operations with
// CKM_DES3_ECB_ENCRYPT_DATA (derivation), DES3-CBC and DES3-ECB; outside of it only ciphertext
// and what is signed are combined by XOR:
//
//   - A card's key, per level: derive from the master, or from the level before, with the data
//     F || ^F. The parity bits of DES keys do not matter: a token may set them.
//   - A session key S = E(random4 || sequence2 || 8000): derive a double-length key from the
//     card's key, with these eight bytes twice. Its halves are equal, so that triple DES with it
//     is single DES with S.
//   - MAC1 and MAC2: the left half of the last block of DES3-CBC with that key, IV 0, over the
//     padded data.
//   - Secure messaging, a retail MAC under L || R: derive L || L from the level before with the
//     data F || F; encipher all blocks but the last with DES3-CBC under it, IV the challenge; XOR
//     the last block of that (ciphertext) with the last block of the data, and encipher it with
//     DES3-ECB under L || R. Enciphered data are DES3-ECB under L || R.
//   - Personalisation: the answer to the blank's challenge is DES3-ECB under the transport key,
//     which is in the token too. A half of a card's key under the transport key: derive L || L
//     (or R || R with ^F || ^F) and wrap it with DES3-CBC, IV 0: the first block is the half as
//     DES3-ECB gives it.
//   - A TAC is made under left half XOR right half of a card's TAC key, which no mechanism makes
//     of keys that stay inside. It need not: the TAC masters are keys that clearing may hold in
//     memory ([keys.Held]), so a token keeps them, the key of tokens and the keys of persons'
//     data as objects that a session may read after it has logged in (CKA_SENSITIVE false), and
//     all others as such that it may not. TACs are checked in the memory of the process that asks
//     for them.
//
// So a copy of the memory of clearing, of a load authority or of a counter has no master by which
// money comes onto a card or off it.
package keyservice

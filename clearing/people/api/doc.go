// Package api is the one way by which people act: HTTP/1.1 with JSON under /v1/. The server half
// answers (Server); the client half signs and asks (Client).
//
// # What holds
//
//   - A key never leaves its owner. The client makes the statement of what it has shown, signs it,
//     and sends the signature (chain.Signature) with the act.
//   - The server believes nothing that a client has shown. It makes the change once more, and
//     compares its hash with the one that was signed (package proposal). The client does not
//     believe the server either: it signs only a hash that it has computed from what it shows.
//   - A draft says what a request would do, and stores no proposal (a kind may keep content that is
//     too large for one beside it, which goes again where nobody proposes it); proposing is a
//     second request, with the signature. The same signed request may be sent again after a lost
//     answer: nothing is done twice.
//   - With dry_run=true an act is done and rolled back.
//   - Over a network reading takes a signed statement too (people.Store.Looks), in the header
//     Citycard-Signed, and so does a large body, which the statement names: nothing large is read
//     before. Two large bodies are in memory at once.
//   - A roster of persons is never in memory. The statement in its header, of the act itself, is
//     believed before anything of it is read; it is signed once more when it has gone, for the
//     audit; and the answer comes in lines while it is imported.
//   - Of what an act is about nothing is read before its signature is believed.
//   - At a Unix socket, which only the owner of its directory can open, reading takes no
//     signature: who can open it can read the data directory.
//   - An answer other than 2xx is a Problem (RFC 9457): what kind it is, what went wrong, and what
//     to do, in the language of Accept-Language. Where a request is not as it must be, the problem
//     names the fields.
//
// docs/api.yaml is the OpenAPI document that the types of this package make; a test makes it again
// and compares.
package api

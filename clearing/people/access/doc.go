// Package access says which organisation's system sends a request over an API, and lets it do only
// what is its own. People are not known here: they sign what they do.
//
// A unit, such as the top-up channel channel:counter, proves itself by a credential: a bearer
// token, or a TLS certificate of its own, of which the SHA-256 is registered. Nobody here signs
// certificates, so nothing is believed about one but who holds its key; its dates count.
//
// A credential is issued and revoked by acts, which are in the ledger's audit, and ends by itself:
// how long one may be good for is in units.json, by kind of unit. The table keeps the SHA-256 of a
// token and never the token, which is printed once. There is no salt and no slow hash: those
// protect what people choose, and a token is 256 random bits, which nobody finds by trying and no
// two units share. A token is looked up by its hash, so how long that takes says nothing about the
// tokens that there are.
//
// All processes share the table. Each reads the whole of it every second (Door.Follow): a city has
// a few hundred credentials. So an act counts everywhere within MaxAge, and a request costs the
// database nothing, not even one of a stranger. If the table could not be read for MaxAge, all
// requests are refused until it can be: an old answer might let somebody in who was shut out.
//
// Handler is the one way in. It asks, in this order: who it is, whether too many requests came,
// what the body says, and whether that is about the unit's own. What cannot say whose it is cannot
// be served.
package access

// Package page is the pages at which staff work, one server on one machine. It listens on loopback
// alone and serves whole pages: no scripts, nothing from elsewhere.
//
// Who opens a page has read its address where the program printed it: the address has a token of
// 256 random bits, made at each start. It is exchanged for a cookie (SameSite=Strict, HttpOnly) and
// then leaves the address. Without the cookie there is no page. What other pages in the same
// browser try is refused: a request for another host than the one listened on (DNS rebinding), a
// POST from another origin or from none, a page in a frame. There is no CORS.
//
//	Host     the address listened on, or localhost with its port      else 421
//	token    compared in constant time                                else 403
//	cookie   likewise                                                 else 403
//	POST     Origin is that host, a body of at most 4 kB              else 403, 413
//	GET      changes nothing
//
// Everybody who can read the program's output, or its memory, has the token: the machine's own
// accounts are the border.
//
// Station is the page of the desk at a metro station. What it does is bound to what it has shown:
// an offer is kept here under a random number, which is good once and for two minutes.
package page

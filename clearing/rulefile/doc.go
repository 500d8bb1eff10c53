// Package rulefile reads files of rules: one JSON document with versions, each in force from a
// moment on. A file is read strictly, since a misspelt field, one that stands there twice or null
// would otherwise be a silent default, and every fault is named by version and field, so that an
// operator can correct the file in one go.
//
// A version begins with its head, Since, SinceDay or Between, and ends with Figures; what lies
// between them is its room's. Every version has a name that no other of the file has, and in
// records a hash of its content behind it (Term): so a record never names two rules with one word.
package rulefile

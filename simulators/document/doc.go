// Package document reads the rule documents that a city writes, for the simulators. It is written
// from what docs/configuration.md says of them, and shares no code with clearing.
//
// A document is one JSON object with versions. Each version begins at a moment and, in most kinds,
// holds until the next begins; what is before the first version has the first. Reading is strict: a
// field that the simulators do not know would be a rule that they do not follow.
package document

// Package peopletest enrols people for tests, with keys of their own: the keepers kim and lee; ann
// and bob, supervisors of the issuer; cleo, its clerk; omar, clerk of the operator metro; and max,
// who was disabled.
package peopletest

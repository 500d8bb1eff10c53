// Package demostaff enrols the people of a demonstration or a trial: the keepers kim and lee, and
// ann and bob, supervisors of the issuer. They are marked so, and their keys lie in one folder
// under no passphrase, so that one process can act as all of them. Real people have their keys
// apart.
package demostaff

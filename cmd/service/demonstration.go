package service

import "flag"

// RegisterDemo adds --demo to a command that acts with master keys. Without it the
// command refuses what only a demonstration may use.
func RegisterDemo(flags *flag.FlagSet, demo *bool) {
	flags.BoolVar(demo, "demo", false, "this is a demonstration or a trial: TEST masters, which anybody can make, may be used")
}

// AllowKeys refuses the key store at a path outside a demonstration, if test says that it holds
// TEST masters: anybody who knows the seed makes cards, taps and loads that verify under them.
func AllowKeys(test bool, path string, demo bool) error {
	if demo || !test {
		return nil
	}
	return Fail("the key store %s holds TEST masters, which anybody can make from their seed", path).Todo(`give --keys of a store that "citycard keys" made without --seed, or --demo where this is a demonstration`)
}

package main

import (
	"flag"

	"citycard/simulators/plan"
)

// registerShares gives every fault a flag.
func registerShares(flags *flag.FlagSet, s *plan.Shares) {
	*s = plan.DefaultShares()
	flags.Float64Var(&s.Duplicate, "duplicates", s.Duplicate, "`SHARE` of records sent twice")
	flags.Float64Var(&s.OutOfOrder, "out-of-order", s.OutOfOrder, "`SHARE` of taps held back")
	flags.Float64Var(&s.Late, "late", s.Late, "`SHARE` of cards with rides of yesterday")
	flags.Float64Var(&s.Tampered, "tampered", s.Tampered, "`SHARE` of taps and loads with a copy of which one byte differs")
	flags.Float64Var(&s.Undecodable, "undecodable", s.Undecodable, "`SHARE` of taps with bytes beside them that are no message")
	flags.Float64Var(&s.Invalid, "invalid-field", s.Invalid, "`SHARE` of taps with a copy of impossible length")
	flags.Float64Var(&s.UnknownTerminal, "unknown-terminal", s.UnknownTerminal, "`SHARE` of bus rides at an unregistered SAM")
	flags.Float64Var(&s.WrongClock, "wrong-clock", s.WrongClock, "`SHARE` of bus rides at a clock 400 days slow")
	flags.Float64Var(&s.Foreign, "foreign", s.Foreign, "`SHARE` of cards that are joined by another city's card")
	flags.Float64Var(&s.Torn, "torn", s.Torn, "`SHARE` of bus rides at which the card pays and leaves too early; of cities with chips")
	flags.Float64Var(&s.Claim, "bad-claims", s.Claim, "`SHARE` of claims, for each fault")
	flags.Float64Var(&s.Pension, "bad-pensions", s.Pension, "`SHARE` of pension lines, for each fault")
	flags.Float64Var(&s.CounterGap, "counter-gaps", s.CounterGap, "direct: `SHARE` of taps before which one of the card was lost")
	flags.Float64Var(&s.SAMGap, "sam-gaps", s.SAMGap, "direct: `SHARE` of taps before which the SAM lost one")
	flags.Float64Var(&s.Hot, "hot-share", s.Hot, "direct: `SHARE` of rides for --hot-operator")
	flags.Var((*list)(&s.Fields), "tampered-fields", "`NAMES` of the fields that are tampered with, such as card,tac; empty: every field")
}

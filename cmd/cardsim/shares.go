package main

import (
	"flag"

	"citycard/simulators/plan"
)

// registerShares gives every fault a flag.
func registerShares(flags *flag.FlagSet, s *plan.Shares) {
	*s = plan.DefaultShares()
	for _, f := range []struct {
		name, usage string
		value       *float64
	}{
		{"duplicates", "`SHARE` of records sent twice / 重复", &s.Duplicate},
		{"out-of-order", "`SHARE` of taps held back / 乱序", &s.OutOfOrder},
		{"late", "`SHARE` of cards with rides of yesterday / 迟到", &s.Late},
		{"tampered", "`SHARE` of taps and loads with a copy of which one byte differs / 篡改", &s.Tampered},
		{"undecodable", "`SHARE` of taps with bytes beside them that are no message / 无法解析", &s.Undecodable},
		{"invalid-field", "`SHARE` of taps with a copy of impossible length / 字段错误", &s.Invalid},
		{"unknown-terminal", "`SHARE` of bus rides at an unregistered SAM / 未登记终端", &s.UnknownTerminal},
		{"wrong-clock", "`SHARE` of bus rides at a clock 400 days slow / 时钟错误", &s.WrongClock},
		{"foreign", "`SHARE` of cards that are joined by another city's card / 外地卡", &s.Foreign},
		{"bad-claims", "`SHARE` of claims, for each fault / 问题结算", &s.Claim},
		{"bad-pensions", "`SHARE` of pension lines, for each fault / 问题发放", &s.Pension},
		{"counter-gaps", "direct: `SHARE` of taps before which one of the card was lost / 卡计数器缺口", &s.CounterGap},
		{"sam-gaps", "direct: `SHARE` of taps before which the SAM lost one / 终端序号缺口", &s.SAMGap},
		{"hot-share", "direct: `SHARE` of rides for --hot-operator / 热点运营商占比", &s.Hot},
	} {
		flags.Float64Var(f.value, f.name, *f.value, f.usage)
	}
	flags.Var((*list)(&s.Fields), "tampered-fields", "`NAMES` of the fields that are tampered with, such as card,tac; empty: every field / 篡改字段")
}

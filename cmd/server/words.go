package server

import (
	"citycard/clearing/chart"
	"citycard/clearing/verdict"
	"citycard/language"
	"citycard/ledger"
)

// verdictIn is a verdict by its name, with what it means.
func verdictIn(l language.Language, name string) string {
	if v, ok := verdict.Parse(name); ok {
		return v.In(l)
	}
	return name
}

// purposeIn is a purpose of the tallies with what it means; an unknown one stands alone.
func purposeIn(l language.Language, name string) string {
	english, chinese := "", ""
	switch name {
	case "tap":
		chinese = "刷卡"
	case chart.MetroEntry:
		chinese = "地铁进站"
	case chart.PurposeName(chart.PurposeMetroExit):
		chinese = "地铁出站"
	case chart.PurposeName(chart.PurposeBus):
		chinese = "公交"
	case chart.PurposeName(chart.PurposeOtherFare):
		chinese = "其他票款"
	case chart.PurposeName(chart.PurposeLoad):
		chinese = "圈存"
	case chart.AllCash:
		chinese = "医保结算"
	case chart.PurposeName(chart.PurposePension):
		chinese = "养老金"
	case chart.PurposeName(chart.PurposePensionReturn):
		english, chinese = "the bank returned the payout", "养老金退票"
	case chart.PurposeName(chart.PurposePensionAgain):
		english, chinese = "a returned payout is paid again", "退票重发"
	}
	return l.Coded(name, english, chinese)
}

// StateIn is the state of a day with what it means.
func StateIn(l language.Language, state ledger.DayState) string {
	chinese := ""
	switch state {
	case ledger.DayOpen:
		chinese = "开放"
	case ledger.DayClosing:
		chinese = "日切中"
	case ledger.DayClosed:
		chinese = "已日切"
	case ledger.DaySealed:
		chinese = "已封账"
	}
	return l.Coded(string(state), string(state), chinese)
}

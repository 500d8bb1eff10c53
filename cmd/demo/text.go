package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"citycard/clearing/counters"
	"citycard/clearing/verdict"
	"citycard/cmd/check"
	"citycard/cmd/service"
	"citycard/language"
)

// writeText prints the report for people.
func writeText(out io.Writer, r *check.Report, l language.Language) (failed error) {
	table := service.Table{Numbers: []int{1}}
	line := table.Add
	head := func(format string, args ...any) {
		failed = errors.Join(failed, table.Write(out))
		fmt.Fprintf(out, "\n%s\n", language.Textf(format, args...).In(l))
	}
	count := func(n int64) string { return fmt.Sprint(n) }

	head("Clearing day %s", r.Day)
	writeVerdicts(&table, r, l)
	head("By purpose (yuan)")
	table.Numbers = []int{1, 2}
	for _, name := range sortedKeys(r.ByPurpose) {
		line(l.Coded(name, "", purposeInChinese(name)), count(r.ByPurpose[name].Count), r.ByPurpose[name].Fen.String())
	}
	head("Net positions (yuan)")
	table.Numbers = []int{1}
	for _, code := range sortedKeys(r.NetPositions) {
		line(code, r.NetPositions[code].String())
	}
	head("Suspended, rejected and quarantined, by reason")
	table.Numbers = []int{0}
	for _, reasons := range []map[verdict.Reason]int64{r.Suspended, r.Rejected, r.Kept} {
		for _, reason := range sortedKeys(reasons) {
			line(count(reasons[reason]), reason.In(l))
		}
	}
	if r.Findings != nil {
		head("Found in cards and SAMs at the close")
		for _, kind := range counters.Kinds() {
			english, chinese := kind.Explain()
			line(count(int64(r.Findings[kind.String()])), l.Coded(kind.String(), english, chinese))
		}
	}
	head("Books (yuan)")
	table.Numbers = []int{1}
	line(l.Of("debits"), r.Books.DebitsFen.String())
	line(l.Of("credits"), r.Books.CreditsFen.String())
	line(l.Of("reserve"), r.Reserve.ReserveFen.String())
	line(l.Of("+ owed by channels"), r.Reserve.ChannelsFen.String())
	line(l.Of("+ owed by the national centre"), r.Reserve.CentreFen.String())
	line(l.Of("= float"), r.Reserve.FloatFen.String())
	line(l.Of("+ paid, unwritten"), r.Reserve.UnwrittenFen.String())
	line(l.Of("+ suspense"), r.Reserve.SuspenseFen.String())
	line(l.Of("+ owed to operators"), r.Reserve.OperatorsFen.String())
	line(l.Of("+ pending for operators"), r.Reserve.PendingFen.String())
	line(l.Of("+ deposits, passes, fees"), (r.Reserve.DepositsFen + r.Reserve.PassesFen + r.Reserve.FeesFen).String())
	line(l.Of("all purses, as read"), r.Reserve.PursesFen.String())
	line(l.Of("+ paid without a TAC"), r.Unconfirmed.OpenFen.String())
	head("Checks")
	line(l.Of("lost"), count(r.Lost))
	line(l.Of("doubled"), count(r.Doubled))
	line(l.Of("wrong"), count(r.Wrong))
	line(l.Of("purse mismatches"), count(r.PurseMismatches))
	if err := errors.Join(failed, table.Write(out)); err != nil {
		return err
	}
	for _, fault := range r.Faults {
		fmt.Fprintln(out, "  ! "+fault)
	}
	return writeEnd(out, r, l)
}

// writeVerdicts adds how many records were ruled how.
func writeVerdicts(table *service.Table, r *check.Report, l language.Language) {
	line := func(title string, n int64) { table.Add(title, fmt.Sprint(n)) }
	line(l.Of("sent"), r.Sent)
	line(l.Of("cleared"), r.Cleared)
	line(l.Of("duplicates"), r.Duplicate)
	line(l.Of("disputed"), r.Disputed)
	line(l.Of("pending"), r.Pending)
	line(l.Of("without a TAC"), r.Unconfirmed.Count)
	line(l.Of("of these, proved later"), r.Unconfirmed.Late)
	line(l.Of("suspended"), total(r.Suspended))
	line(l.Of("rejected"), total(r.Rejected))
	line(l.Of("quarantined"), total(r.Kept))
}

func writeEnd(out io.Writer, r *check.Report, l language.Language) error {
	pcsc := language.Textf("%d cards, %d taps, %d updates at a desk, %d sales and %d loads at counters went through PC/SC",
		r.PCSCCards, r.PCSCTaps, r.PCSCUpdates, r.PCSCSales, r.PCSCLoads)
	if r.PCSCCards == 0 {
		pcsc = language.Textf("the PC/SC leg was left out")
	}
	fmt.Fprintf(out, "\n%s\n", language.Textf("%w; %.0f cleared a second", pcsc, r.ClearedPerSecond).In(l))
	var took []string
	for _, step := range steps() {
		took = append(took, language.Textf("%w %.1f s", step.title, r.Seconds[step.name]).In(l))
	}
	took = append(took, language.Textf("in all %.1f s", r.Seconds["total"]).In(l))
	fmt.Fprintln(out, strings.Join(took, l.Choose(", ", "，")))
	result := l.Of("THE BOOKS HOLD")
	if !r.Holds() {
		result = l.Of("THE BOOKS DO NOT HOLD")
	}
	_, err := fmt.Fprintln(out, result)
	return err
}

// purposeInChinese says what a purpose of the report is; in English its name says it.
func purposeInChinese(name string) string {
	switch name {
	case "metro_exit":
		return "地铁出站"
	case "bus":
		return "公交"
	case "other_fare":
		return "其他票款"
	case "zero_fare":
		return "零票价"
	case "load":
		return "圈存"
	case "load_authorised":
		return "圈存授权"
	case "load_refund":
		return "圈存退款"
	case "medical_fund":
		return "医保基金支付"
	case "medical_account":
		return "个人账户支付"
	case "medical_cash":
		return "全部现金支付的医保结算"
	case "pension":
		return "待遇发放"
	case "pension_return":
		return "退票"
	case "pension_again":
		return "退票重发"
	case "opening":
		return "期初余额"
	case "receipt":
		return "收款"
	case "release":
		return "解除挂账"
	case "correction":
		return "更正解除"
	case "card_price":
		return "卡费"
	case "card_fee":
		return "工本费"
	case "card_deposit":
		return "押金"
	case "card_refund":
		return "退卡退还"
	case "emptied":
		return "退卡清空余额"
	case "settlement":
		return "结算"
	}
	return ""
}

func writeJSON(path string, r *check.Report) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o600); err != nil {
		return language.Textf("write the report: %w", err)
	}
	return nil
}

func total[K comparable](counts map[K]int64) int64 {
	n := int64(0)
	for _, c := range counts {
		n += c
	}
	return n
}

func sortedKeys[K ~string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

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
)

// writeText prints the report for people.
func writeText(out io.Writer, r *check.Report) (failed error) {
	table := service.Table{Numbers: []int{1}}
	line := table.Add
	head := func(title string) {
		failed = errors.Join(failed, table.Write(out))
		fmt.Fprintf(out, "\n%s\n", title)
	}
	count := func(n int64) string { return fmt.Sprint(n) }

	head("Clearing day " + r.Day + " / 清算日")
	line("sent / 已发送", count(r.Sent))
	line("cleared / 已清算", count(r.Cleared))
	line("duplicates / 重复", count(r.Duplicate))
	line("disputed / 争议", count(r.Disputed))
	line("pending / 待异地确认", count(r.Pending))
	line("suspended / 挂账", count(total(r.Suspended)))
	line("rejected / 拒绝", count(total(r.Rejected)))
	line("quarantined / 隔离", count(total(r.Kept)))

	head("By purpose / 按用途 (yuan 元)")
	table.Numbers = []int{1, 2}
	for _, name := range sortedKeys(r.ByPurpose) {
		line(name, count(r.ByPurpose[name].Count), r.ByPurpose[name].Fen.String())
	}
	head("Net positions / 轧差 (yuan 元)")
	table.Numbers = []int{1}
	for _, code := range sortedKeys(r.NetPositions) {
		line(code, r.NetPositions[code].String())
	}
	head("Suspended, rejected and quarantined, by reason / 挂账、拒绝与隔离原因")
	for _, reasons := range []map[verdict.Reason]int64{r.Suspended, r.Rejected, r.Kept} {
		for _, reason := range sortedKeys(reasons) {
			entry, _ := verdict.Explain(reason)
			line(string(reason), count(reasons[reason]), entry.English+" / "+entry.Chinese)
		}
	}
	if r.Findings != nil {
		head("Found in cards and SAMs at the close / 日终核对发现")
		for _, kind := range counters.Kinds() {
			english, chinese := kind.Explain()
			line(kind.String(), count(int64(r.Findings[kind.String()])), english+" / "+chinese)
		}
	}
	head("Books / 账簿 (yuan 元)")
	line("debits / 借方", r.Books.DebitsFen.String())
	line("credits / 贷方", r.Books.CreditsFen.String())
	line("reserve / 备付金", r.Reserve.ReserveFen.String())
	line("+ owed by channels / 渠道应收", r.Reserve.ChannelsFen.String())
	line("+ owed by the national centre / 全国清算中心应收", r.Reserve.CentreFen.String())
	line("= float / 电子钱包余额", r.Reserve.FloatFen.String())
	line("+ paid, unwritten / 已付未写卡", r.Reserve.UnwrittenFen.String())
	line("+ suspense / 挂账", r.Reserve.SuspenseFen.String())
	line("+ owed to operators / 应付运营商", r.Reserve.OperatorsFen.String())
	line("+ pending for operators / 待确认应付运营商", r.Reserve.PendingFen.String())
	line("+ deposits, passes, fees / 押金、预付月票、手续费", (r.Reserve.DepositsFen + r.Reserve.PassesFen + r.Reserve.FeesFen).String())
	line("all purses, as read / 卡内余额合计", r.Reserve.PursesFen.String())
	head("Checks / 核对")
	line("lost / 丢失", count(r.Lost))
	line("doubled / 重记", count(r.Doubled))
	line("wrong / 错记", count(r.Wrong))
	line("purse mismatches / 余额不符", count(r.PurseMismatches))
	if err := errors.Join(failed, table.Write(out)); err != nil {
		return err
	}
	for _, fault := range r.Faults {
		fmt.Fprintln(out, "  ! "+fault)
	}
	return writeEnd(out, r)
}

func writeEnd(out io.Writer, r *check.Report) error {
	pcsc := fmt.Sprintf("%d cards went through PC/SC / 经 PC/SC 发卡 %d 张", r.PCSCCards, r.PCSCCards)
	if r.PCSCCards == 0 {
		pcsc = "the PC/SC leg was left out / 未经 PC/SC"
	}
	fmt.Fprintf(out, "\n%s; %.0f cleared a second / 每秒清算 %.0f 笔\n", pcsc, r.ClearedPerSecond, r.ClearedPerSecond)
	var phases []string
	for _, name := range sortedKeys(r.Seconds) {
		phases = append(phases, fmt.Sprintf("%s %.1f s", name, r.Seconds[name]))
	}
	fmt.Fprintln(out, strings.Join(phases, ", "))
	result := "THE BOOKS HOLD / 账目相符"
	if !r.Holds() {
		result = "THE BOOKS DO NOT HOLD / 账目不符"
	}
	_, err := fmt.Fprintln(out, result)
	return err
}

func writeJSON(path string, r *check.Report) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the report: %w", err)
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

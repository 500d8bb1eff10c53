package service

import (
	"strings"
	"testing"
)

// TestTable has cells of both widths and numbers of each size, and a row that ends early.
func TestTable(t *testing.T) {
	var table Table
	table.Head("ACCOUNT 账户", ">DEBITS 借方", "STATE 状态")
	table.Add("reserve", "1234567.50", "open")
	table.Add("fund:居民", "-123456.00", "冻结")
	table.Add("agent", "-0.05", "")
	table.Add("合计", "999")
	table.Add("none", "", "open")
	var out strings.Builder
	if err := table.Write(&out); err != nil {
		t.Fatal(err)
	}
	want := `
ACCOUNT 账户   DEBITS 借方  STATE 状态
reserve       1,234,567.50  open
fund:居民      -123,456.00  冻结
agent                -0.05
合计                   999
none                        open
`
	if got := "\n" + out.String(); got != want {
		t.Errorf("printed%swant%s", got, want)
	}
}

// TestTableOfOneLineRows has cells with characters that would begin another column or another row.
func TestTableOfOneLineRows(t *testing.T) {
	var table Table
	table.Add("1", "a\tb\nc\r\u0085\x1b[1m\x00d", "last")
	var out strings.Builder
	if err := table.Write(&out); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "1  a b c   [1m d  last\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}

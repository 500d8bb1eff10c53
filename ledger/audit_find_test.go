package ledger_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"citycard/ledger"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// TestSearchAudit searches more entries than one statement looks at, in both orders, by all that
// one can search by.
func TestSearchAudit(t *testing.T) {
	b := newBooks(t)
	const many = 2050
	b.must(b.Write(t.Context(), func(tx pgx.Tx) error {
		for i := range many {
			by := ledger.Approval{First: []string{"Li", "wang"}[i%2], Reason: fmt.Sprintf("Reason %d", i%10), At: noon.Add(time.Duration(i) * time.Minute)}
			if err := ledger.Record(t.Context(), tx, []string{"look", "ask"}[i%3/2], fmt.Sprintf("Card %d", i), by); err != nil {
				return err
			}
		}
		return nil
	}))
	by := approved
	by.At, by.Signed = noon.Add(many*time.Minute), []chain.Signature{signedBy("Li"), signedBy("Wang")}
	b.must(b.Write(t.Context(), func(tx pgx.Tx) error { return ledger.Approve(t.Context(), tx, "decide", "100% of it", by) }))
	all, err := b.Audit(t.Context())
	b.must(err)
	has := func(text, part string) bool { return strings.Contains(strings.ToLower(text), strings.ToLower(part)) }
	for name, c := range map[string]struct {
		search ledger.AuditSearch
		want   func(e *chain.AuditEntry) bool
		least  int
	}{
		"all":         {ledger.AuditSearch{}, func(*chain.AuditEntry) bool { return true }, many + 3},
		"act":         {ledger.AuditSearch{Act: "ask"}, func(e *chain.AuditEntry) bool { return e.Act == "ask" }, 683},
		"own act":     {ledger.AuditSearch{Act: chain.ActOpenDay}, func(e *chain.AuditEntry) bool { return e.Number == 1 }, 1},
		"person":      {ledger.AuditSearch{Person: "WANG"}, func(e *chain.AuditEntry) bool { return e.First == "wang" || e.Second == "Wang" }, many/2 + 1},
		"about":       {ledger.AuditSearch{About: "card 20"}, func(e *chain.AuditEntry) bool { return has(e.What, "card 20") }, 61},
		"reason":      {ledger.AuditSearch{About: "reason 7"}, func(e *chain.AuditEntry) bool { return e.Reason == "Reason 7" }, many / 10},
		"no pattern":  {ledger.AuditSearch{About: "100%"}, func(e *chain.AuditEntry) bool { return e.Act == "decide" }, 1},
		"from":        {ledger.AuditSearch{From: noon.Add(2040 * time.Minute)}, func(e *chain.AuditEntry) bool { return !e.At.Before(noon.Add(2040 * time.Minute)) }, 11},
		"until":       {ledger.AuditSearch{To: noon.Add(3 * time.Minute)}, func(e *chain.AuditEntry) bool { return e.At.Before(noon.Add(3 * time.Minute)) }, 3},
		"between":     {ledger.AuditSearch{From: noon, To: noon.Add(time.Minute)}, func(e *chain.AuditEntry) bool { return e.At.Equal(noon) }, 1},
		"nothing":     {ledger.AuditSearch{From: noon.AddDate(100, 0, 0)}, func(*chain.AuditEntry) bool { return false }, 0},
		"no such act": {ledger.AuditSearch{Act: "Ask"}, func(*chain.AuditEntry) bool { return false }, 0},
		"several": {
			ledger.AuditSearch{Act: "look", Person: "Li", About: "reason 4", From: noon.Add(100 * time.Minute), To: noon.Add(1000 * time.Minute)},
			func(e *chain.AuditEntry) bool {
				return e.Act == "look" && e.First == "Li" && e.Reason == "Reason 4" && !e.At.Before(noon.Add(100*time.Minute)) && e.At.Before(noon.Add(1000*time.Minute))
			}, 60,
		},
	} {
		var want []chain.AuditEntry
		for i := range all {
			if c.want(&all[i]) {
				want = append(want, all[i])
			}
		}
		if len(want) < c.least {
			t.Errorf("%s: %d entries match, want %d or more", name, len(want), c.least)
		}
		for _, oldest := range []bool{true, false} {
			if c.search.OldestFirst = oldest; !oldest {
				slices.Reverse(want)
			}
			var got []chain.AuditEntry
			b.must(b.SearchAudit(t.Context(), c.search, func(e chain.AuditEntry) error { got = append(got, e); return nil }))
			same := slices.EqualFunc(got, want, func(x, y chain.AuditEntry) bool {
				return x.Number == y.Number && x.Hash == y.Hash && x.At.Equal(y.At) && x.What == y.What && slices.Equal(x.Signed, y.Signed)
			})
			if !same {
				t.Errorf("%s, oldest first %v: %d entries, want %d", name, oldest, len(got), len(want))
			}
		}
	}
	errEnough := errors.New("enough")
	var last int64
	err = b.SearchAudit(t.Context(), ledger.AuditSearch{}, func(e chain.AuditEntry) error { last = e.Number; return errEnough })
	if !errors.Is(err, errEnough) || last != many+3 {
		t.Errorf("the first is entry %d, %v; want %d and the caller's error", last, err, many+3)
	}
}

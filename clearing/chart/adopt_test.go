package chart_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/clearing/schema"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
	"citycard/ledger/verify"
)

func TestMain(m *testing.M) { ledgertest.Main(m) }

const today ledger.Day = 20260105

// centre is a process that holds a registry and adopts what is new in it.
type centre struct {
	*testing.T
	ledger *ledger.Ledger
	store  *registry.Store
	live   *registry.Registry

	refused []string // what was reported, since it was asked last
}

func newCentre(t *testing.T) *centre {
	t.Helper()
	url := ledgertest.New(t)
	c := &centre{T: t, ledger: ledgertest.Connect(t, url, 8)}
	c.must(schema.Apply(t.Context(), url))
	clearingtest.New(t, nil).Found(t, c.ledger.Pool())
	c.store = registry.NewStore(c.ledger.Pool())
	c.must(c.ledger.OpenDay(t.Context(), today))
	c.restart()
	return c
}

func (c *centre) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c *centre) adopt(ctx context.Context, rows *index.Edition) error {
	return chart.Adopt(ctx, c.ledger, "test", rows, func(opening ledger.Transfer, err error) {
		var because *ledger.TransferError
		if !errors.As(err, &because) {
			because = &ledger.TransferError{}
		}
		c.refused = append(c.refused, fmt.Sprintf("%d %d", opening.Amount, because.Reason))
	})
}

// restart loads the registry and adopts it whole, as a process does that starts.
func (c *centre) restart() {
	c.Helper()
	edition, err := c.store.Load(c.Context())
	c.must(err)
	c.must(c.adopt(c.Context(), edition))
	c.live = registry.New(edition)
}

// follow adopts what is new, as a running process does.
func (c *centre) follow() {
	c.Helper()
	c.must(c.live.Update(c.Context(), c.store, c.adopt))
}

func (c *centre) wantRefused(what string, want ...string) {
	c.Helper()
	if !slices.Equal(c.refused, want) {
		c.Errorf("%s: reported %q, want %q", what, c.refused, want)
	}
	c.refused = nil
}

func (c *centre) wantBalances(want map[string]ledger.Fen) {
	c.Helper()
	for code, fen := range want {
		sums, err := c.ledger.Balance(c.Context(), code)
		c.must(err)
		if sums.CreditBalance() != fen {
			c.Errorf("%s holds %d fen, want %d", code, sums.CreditBalance(), fen)
		}
	}
}

func (c *centre) sound() {
	c.Helper()
	_, err := verify.Books(c.Context(), c.ledger, nil, func(f verify.Fault) { c.Error(f) })
	c.must(err)
}

// TestImpossiblePurse has a purse of more than the ledger takes in force, from before imports
// were bounded: it is reported, processes that run take the registry up and others start, with
// all that can be booked, and a later change corrects it.
func TestImpossiblePurse(t *testing.T) {
	c := newCentre(t)
	card := clearingtest.Hex(clearingtest.Card)
	clearingtest.Smuggle(t, c.ledger.Pool(), clearingtest.Smuggled{
		Kind: registry.Purses, Key: card, From: 20260101, Record: []string{clearingtest.Card, clearingtest.Issuer, "2000000000000000", "20260101"},
	})
	refused := fmt.Sprintf("2000000000000000 %d", ledger.BadAmount)
	c.follow()
	c.wantRefused("running", refused)
	if got := c.live.Current().Number(); got != 2 {
		t.Fatalf("the running process is at version %d, want 2", got)
	}
	for range 2 {
		c.restart()
		c.wantRefused("started", refused)
	}
	clearingtest.Change(t, c.ledger.Pool(), map[string]string{"purses.csv": "card,issuer,fen,day\n" + clearingtest.OtherCard + "," + clearingtest.Issuer + ",700,20260101\n"})
	c.follow()
	c.wantRefused("the next change")
	c.wantBalances(map[string]ledger.Fen{chart.Float: 700, "personal:" + clearingtest.Worker: 50_000})
	clearingtest.Change(t, c.ledger.Pool(), map[string]string{"purses.csv": "card,issuer,fen,day\n" + clearingtest.Card + "," + clearingtest.Issuer + ",2000,20260101\n"})
	c.follow()
	c.restart()
	c.wantRefused("the corrected purse")
	c.wantBalances(map[string]ledger.Fen{chart.Float: 2700, chart.Reserve: -2700})
	c.sound()
}

// TestImpossibleAccount does the same with a personal account, whose correction may also
// say that there is none.
func TestImpossibleAccount(t *testing.T) {
	for _, corrected := range []ledger.Fen{0, 800} {
		c := newCentre(t)
		const newcomer = "000000000000000000000000000000aa"
		clearingtest.Smuggle(t, c.ledger.Pool(), clearingtest.Smuggled{
			Kind: registry.Persons, Key: clearingtest.Hex(newcomer), From: 20260101,
			Record: []string{newcomer, "employee", "working", "9000000000000000000", "0", "", "20260101"},
		})
		c.follow()
		c.wantRefused("running", fmt.Sprintf("9000000000000000000 %d", ledger.BadAmount))
		clearingtest.Change(t, c.ledger.Pool(), map[string]string{
			"persons.csv": "token,insurance,status,personal_account_fen,pension_fen,certified_until,effective_from\n" +
				fmt.Sprintf("%s,employee,working,%d,0,,20260101\n", newcomer, corrected),
		})
		c.follow()
		c.restart()
		c.wantRefused("corrected")
		c.wantBalances(map[string]ledger.Fen{"personal:" + newcomer: corrected})
		c.sound()
	}
}

// TestOpeningRefusedForAWhile has the reserve frozen while a purse is taken over: what can be
// booked is, and the rest when a process starts after the account moves again.
func TestOpeningRefusedForAWhile(t *testing.T) {
	c := newCentre(t)
	c.must(c.ledger.MarkAccount(t.Context(), chart.Reserve, ledger.Marks{Frozen: true}, clearingtest.Approved()))
	clearingtest.Change(t, c.ledger.Pool(), map[string]string{
		"purses.csv": "card,issuer,fen,day\n" + clearingtest.Card + "," + clearingtest.Issuer + ",2000,20260101\n",
		"persons.csv": "token,insurance,status,personal_account_fen,pension_fen,certified_until,effective_from\n" +
			"000000000000000000000000000000aa,employee,working,300,0,,20260101\n",
	})
	refused := fmt.Sprintf("2000 %d", ledger.AccountFrozen)
	c.follow()
	c.wantRefused("running", refused)
	c.restart()
	c.wantRefused("started", refused)
	c.wantBalances(map[string]ledger.Fen{chart.Float: 0, "personal:000000000000000000000000000000aa": 300})
	c.must(c.ledger.MarkAccount(t.Context(), chart.Reserve, ledger.Marks{}, clearingtest.Approved()))
	for range 2 {
		c.restart()
		c.wantRefused("with the account free")
		c.wantBalances(map[string]ledger.Fen{chart.Float: 2000, "personal:000000000000000000000000000000aa": 300})
	}
	c.sound()
}

// TestOpeningOfACorrectedPerson registers a person with money and corrects the row, and adds
// an earlier one, while no process runs: the one that starts books the money, once.
func TestOpeningOfACorrectedPerson(t *testing.T) {
	const newcomer, header = "000000000000000000000000000000aa", "token,insurance,status,personal_account_fen,pension_fen,certified_until,effective_from\n"
	for _, running := range []bool{false, true} {
		c := newCentre(t)
		for _, row := range []string{
			",employee,working,30000,0,,20260101\n",
			",employee,retired,0,100,,20260101\n",
			",resident,resident,0,0,,20250101\n",
			",employee,retired,0,200,,20260301\n",
		} {
			clearingtest.Change(t, c.ledger.Pool(), map[string]string{"persons.csv": header + newcomer + row})
			if running {
				c.follow()
			}
		}
		c.restart()
		c.restart()
		c.wantRefused("started")
		c.wantBalances(map[string]ledger.Fen{"personal:" + newcomer: 30_000})
		_, err := registry.Read(clearingtest.WriteFiles(t, map[string]string{"persons.csv": header + newcomer + ",employee,retired,0,100,,20260101\n"}), c.live.Current())
		c.must(err)
		if p, _ := c.live.Current().PersonOn(index.Token(clearingtest.Hex(newcomer)), 20260201); p.Status.String() != "retired" || p.Pension != 100 {
			t.Errorf("the person reads %+v, want the corrected row", p)
		}
		c.sound()
	}
}

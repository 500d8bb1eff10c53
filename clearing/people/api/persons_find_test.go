package api_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/cardos/keys"
	"citycard/clearing/people"
	"citycard/clearing/persons"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// finding asks for a person in a ledger, under a signature that may be another question's, too.
type finding struct {
	*town
	store *persons.Store
	staff *people.Store
}

func (w *town) findingIn(l *ledger.Ledger) *finding {
	w.Helper()
	store, err := persons.NewStore(l, keys.GenerateTest(1).Held(), time.UTC)
	w.must(err)
	staff, err := people.NewStore(l)
	w.must(err)
	return &finding{w, store, staff}
}

// by is the approval of a question.
func (f *finding) by() ledger.Approval {
	f.Helper()
	by, err := f.staff.Signed(f.Context(), f.town.staff.Sign(f, "cleo", persons.ActRead, persons.ReadText, "complaint 7"), persons.ActRead)
	f.must(err)
	return by
}

// reads are what the audit says of questions.
func (w *town) reads() (what []string) {
	w.Helper()
	entries, err := w.ledger.Audit(w.Context(), persons.ActRead)
	w.must(err)
	for _, e := range entries {
		what = append(what, e.What)
	}
	return what
}

// TestFindCut cuts the connection around the COMMIT of the audit's entry, before the database has
// it and after: who is found is in the audit, once.
func TestFindCut(t *testing.T) {
	w := newTown(t, 1000)
	w.listen()
	_, _, err := w.client("ann").ImportPersons(t.Context(), w.order(oneRow), unheard)
	w.must(err)
	certificate, _ := persons.ParseCertificate(number)
	cutter, through := ledgertest.NewCutter(t, w.ledger.Pool().Config().ConnString())
	for n, answered := range []bool{false, true} {
		f := w.findingIn(ledgertest.Connect(t, through, 2))
		by := f.by()
		cuts := 0
		by.Check = func(check func(context.Context, pgx.Tx) error) func(context.Context, pgx.Tx) error {
			return func(ctx context.Context, tx pgx.Tx) error {
				if cuts++; cuts == 1 {
					cutter.Arm(1, answered)
				}
				return check(ctx, tx)
			}
		}(by.Check)
		p, found, err := f.store.Find(t.Context(), certificate, by)
		if err != nil || !found || p.Name != "张三" || !cutter.Disarm() || cuts < 2 {
			t.Errorf("answered %t: %+v, %v after %d attempts", answered, p, err, cuts)
		}
		if reads := w.reads(); len(reads) != n+1 {
			t.Errorf("answered %t: the audit has %d questions", answered, len(reads))
		}
	}
}

// TestFindTwiceAtOnce asks for two people at once under one signature: one of them is answered, and
// the audit has that one. The signature says nothing of whom it asks for.
func TestFindTwiceAtOnce(t *testing.T) {
	w := newTown(t, 1000)
	w.listen()
	_, _, err := w.client("ann").ImportPersons(t.Context(), w.order(oneRow+passports(1, 3)), unheard)
	w.must(err)
	f := w.findingIn(w.ledger)
	first, _ := persons.ParseCertificate(number)
	second, _ := persons.ParseCertificate("USA-1")
	by := f.by()
	other, err := f.staff.Signed(t.Context(), by.Signed[0], persons.ActRead)
	w.must(err)
	var once sync.Once
	by.Check = func(check func(context.Context, pgx.Tx) error) func(context.Context, pgx.Tx) error {
		return func(ctx context.Context, tx pgx.Tx) error {
			once.Do(func() { // while the first question has not its entry yet
				if _, found, err := f.store.Find(t.Context(), second, other); err != nil || !found {
					t.Errorf("the other question: found %t, %v", found, err)
				}
			})
			return check(ctx, tx)
		}
	}(by.Check)
	p, found, err := f.store.Find(t.Context(), first, by)
	if err == nil || found || p.Name != "" {
		t.Errorf("both questions are answered under one signature: %+v, %v", p, err)
	}
	if reads := w.reads(); len(reads) != 1 {
		t.Errorf("the audit has %q", reads)
	}
}

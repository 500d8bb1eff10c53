package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"citycard/clearing/cards"
	"citycard/clearing/clearingtest"
	"citycard/clearing/people"
	"citycard/clearing/people/peopletest"
	"citycard/cmd/books"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/terminals/counter"
)

// TestStockCommands has pieces received, moved, made into cards, sold, spoilt and counted, and a
// bank's files taken: testdata/stock. The command sell sells a card at a counter, opens opens a
// shift, and follow has the registry follow.
func TestStockCommands(t *testing.T) {
	b, dir := bookstest.New(t)
	fillDecisions(t, b)
	client := serveBooks(t, b, &server.Settings{Common: service.Common{Data: dir}})
	staff := staffed(t, b.Ledger)
	enrols := peopletest.Of(t, b.Ledger)
	for id, role := range map[string]people.Role{"cara": people.Clerk, "sara": people.Supervisor} {
		e := people.Enrolment{ID: id, Name: id, Unit: "channel:counter", Role: role, Key: peopletest.Key(t, id).Public().String()}
		if err := enrols.Enrol(t.Context(), e, enrols.Two(t, "kim", "lee", people.ActEnrol, id, "test")); err != nil {
			t.Fatal(err)
		}
	}
	client.As(peopletest.Key(t, "cara"), time.Now)
	commands := staffCommands()
	commands["follow"] = func(ts *testscript.TestScript, _ bool, _ []string) {
		ts.Check(server.FollowIssued(t.Context(), b.Ledger))
	}
	commands["sell"] = func(ts *testscript.TestScript, neg bool, args []string) {
		order := &cards.Order{Number: "sale " + args[0] + args[1], Channel: "counter", Counter: "1", Do: cards.Sell, Card: args[0], Product: args[1]}
		if order.Product == "social" {
			ts.Check(soldToPerson(t, b, enrols, order))
			return
		}
		_, err := client.StepCard(t.Context(), order, "", false)
		if neg != (err != nil) || err != nil && !strings.Contains(fmt.Sprint(err), args[2]) {
			ts.Fatalf("sold: %v", err)
		}
	}
	commands["opens"] = func(ts *testscript.TestScript, _ bool, args []string) {
		o := &cards.ShiftOrder{Number: "shift " + args[0], Channel: "counter", Counter: args[0], Do: cards.Opens}
		_, err := client.OpenShift(t.Context(), o, "", false)
		ts.Check(err)
	}
	keys := t.TempDir()
	scripts(t, testscript.Params{Dir: "testdata/stock", Cmds: commands, Setup: func(e *testscript.Env) error {
		e.Setenv("DATA", dir)
		e.Setenv("DB", b.URL)
		e.Setenv("ISSUER", clearingtest.Issuer)
		staff(e)
		for _, id := range []string{"cara", "sara"} {
			e.Setenv(strings.ToUpper(id), peopletest.KeyFile(t, keys, id, false))
		}
		return nil
	}})
}

// soldToPerson has cara sell a card to a person, where there is no key store for the certificate.
func soldToPerson(t *testing.T, b *books.Books, staff *peopletest.Staff, o *cards.Order) error {
	set, err := clearingtest.Rules()
	if err != nil {
		return err
	}
	office := &cards.Office{
		Ledger: b.Ledger, Owner: "test",
		InForce: func(context.Context) (*cards.Figures, error) {
			return &cards.Figures{Products: set.Products, Calendar: set.Calendar, Now: time.Now()}, nil
		},
		Token: func(context.Context, string) ([16]byte, error) { return [16]byte{1}, nil },
	}
	o.Certificate, o.Salt = "paper", strings.Repeat("5a", 32)
	said := o.Said()
	by, err := staff.SignedFor(t.Context(), staff.Sign(t, "cara", cards.ActSell, said.What(), ""), cards.ActSell, "channel:counter")
	if err == nil {
		_, err = office.Do(t.Context(), o, by)
	}
	return err
}

// TestReportOfJob reads what a report says of blanks.
func TestReportOfJob(t *testing.T) {
	path := clearingtest.WriteFiles(t, map[string]string{"report": `{"line":2,"number":"1","state":"begun","time":"2026-01-05T08:00:00Z","serial":7}
{"line":2,"number":"1","state":"issued","time":"2026-01-05T08:00:00Z","serial":7,"issued":{"kind":"transit","number":"03105070200000000101","issuer":"99994910FFFFFFFF","atr":"3b"},"card_type":1,"start":"20260101","expiry":"20301231"}
{"line":3,"number":"2","state":"spoilt","time":"2026-01-05T08:00:00Z","serial":8,"error":"worn"}
{"line":3,"number":"2","state":"other","time":"2026-01-05T08:00:00Z","serial":9}
{"line":3,"number":"2","state":"issued","time":"2026-01-05T08:00:00Z","issued":{"kind":"ssc","card_number":"A00000001","atr":"3b"}}
{"line":4,"num`})
	lines, err := issuedLines(path + "/report")
	if err != nil || len(lines) != 3 {
		t.Fatalf("%+v, %v", lines, err)
	}
	made := lines[0].Made
	if lines[0].Line != 2 || lines[0].Serial != 7 || made.Number != "03105070200000000101" || made.Issuer != "99994910ffffffff" || made.Type != 1 || made.Begins != 20260101 || made.Expires != 20301231 {
		t.Errorf("%+v %+v", lines[0], made)
	}
	if lines[1].Line != 3 || lines[1].Serial != 8 || lines[1].Made != nil || lines[2].Serial != 0 || lines[2].Made.Number != "A00000001" || lines[2].Made.Issuer != "" {
		t.Errorf("%+v", lines[1:])
	}
	if _, err := madeOf(&counter.Entry{State: counter.Made}); err == nil {
		t.Error("a card that nobody names is taken")
	}
}

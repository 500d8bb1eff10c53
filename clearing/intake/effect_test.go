package intake_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/intake"
	"citycard/clearing/message"
	"citycard/clearing/rules"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// follower is a clearing process that follows the rules of the database, and judges by those that
// it has.
type follower struct {
	h      *house
	shelf  *rules.Shelf
	line   *line
	cancel context.CancelFunc
	ended  chan error
}

// follow starts one with a line of its own to the database.
func (h *house) follow(t *testing.T, owner string) *follower {
	t.Helper()
	l, through := newLine(t, h.url, "", false)
	far, town := *h, *h.town
	far.ledger, far.town = ledgertest.Connect(t, through, 8), &town
	store := &rules.Store{Ledger: far.ledger}
	set, err := store.InForce(t.Context())
	h.must(err)
	p := &follower{h: h, shelf: rules.NewShelf(set), line: l, ended: make(chan error, 1)}
	town.Rules = p.shelf
	in := far.intake(owner)
	ctx, cancel := context.WithCancel(t.Context())
	p.cancel = cancel
	// Terminals need not have heard of fares for their taps to be judged.
	unpublished := func(context.Context, *rules.Set) error { return errors.New("the broker is away") }
	go p.shelf.Follow(ctx, store, 10*time.Millisecond, unpublished, slog.New(slog.DiscardHandler))
	go func() { p.ended <- in.Run(ctx) }()
	return p
}

// kill ends it so that nothing of it reaches the database any more.
func (p *follower) kill() {
	p.line.cutAll()
	p.cancel()
	<-p.ended // with whatever the cut line made of it
}

func (p *follower) stop() {
	p.h.Helper()
	p.cancel()
	p.h.must(<-p.ended)
}

// cityTime is a second of 5 January 2026 by the city's clocks.
func cityTime(t *testing.T, clock string) time.Time {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04:05", "2026-01-05 "+clock, zone)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// clockAt is the database's clock.
func clockAt(t *testing.T, clock string) func() time.Time {
	at := cityTime(t, clock)
	return func() time.Time { return at }
}

// dearer are the example fares, and others of four o'clock on 5 January 2026 by which line 1 costs
// an ordinary card 80 % of 2.00 yuan in place of 80 % of 1.00 yuan.
func dearer() map[rules.Kind][]byte {
	text := string(rules.Fares.Example())
	_, version, _ := strings.Cut(text, `"versions": [`)
	version = version[:strings.LastIndex(version, "]")]
	version = strings.NewReplacer(`"zz-2013"`, `"zz-2026"`, `"20131223"`, `"2026-01-05T04:00"`, `"last": 499, "fen": 100`, `"last": 499, "fen": 200`).Replace(version)
	return map[rules.Kind][]byte{rules.Fares: []byte(text[:strings.LastIndex(text, "]")] + "," + version + "]}")}
}

// propose founds the rules of the house's town and proposes dearer fares, half an hour before they
// begin.
func (h *house) propose(t *testing.T) (proposal rules.Content, tables []string) {
	t.Helper()
	store := &rules.Store{Ledger: h.ledger}
	by := func(name, clock string) ledger.Approval {
		return ledger.Approval{First: name, Reason: "council", At: cityTime(t, clock)}
	}
	zone, err := time.LoadLocation("Asia/Shanghai")
	h.must(err)
	h.must(store.Found(t.Context(), h.town.Rules.Current(), zone, by("server", "00:00:00")))
	draft, err := store.Draft(t.Context(), dearer(), cityTime(t, "03:30:00"))
	h.must(err)
	draft.Accepted = true // twice the price
	proposal, err = store.Keep(t.Context(), draft)
	h.must(err)
	for _, table := range draft.Set.Tables.All() {
		tables = append(tables, table.Version())
	}
	if len(tables) != 2 {
		t.Fatalf("tables %q, want one before four o'clock and one from then on", tables)
	}
	return proposal, tables
}

// priced are taps that a terminal has priced by a table, the old one or the new one.
type priced struct {
	clock string
	fen   uint32
	table int
}

// sendPriced signs a tap for each and sends them all to a partition.
func (h *house) sendPriced(t *testing.T, tables []string, sequence *uint32, partition int32, all ...priced) (fen ledger.Fen) {
	t.Helper()
	var messages []sent
	for _, p := range all {
		*sequence++
		m := h.town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: *sequence, Fen: p.fen, At: cityTime(t, p.clock)})
		m.FareVersion = tables[p.table]
		messages = append(messages, sent{message.TopicTaps, partition, clearingtest.Encode(m)})
		fen += ledger.Fen(p.fen)
	}
	h.send(messages...)
	return fen
}

// flags counts the records of a partition of taps and those whose fare was flagged, and gives the
// edition of the last batch.
func (h *house) flags(stream string) (records, flagged int64, edition string) {
	h.Helper()
	rows, err := h.ledger.Pool().Query(h.Context(), "SELECT note FROM batches WHERE stream = $1 ORDER BY sequence", ledger.IDOfStream(stream))
	h.must(err)
	defer rows.Close()
	for rows.Next() {
		var data []byte
		h.must(rows.Scan(&data))
		var note docket.Note
		h.must(json.Unmarshal(data, &note))
		for _, line := range note.Tally {
			records += line.Count
		}
		flagged += note.Flags.Flagged
		edition, _, _ = strings.Cut(note.Versions["rules"], "+")
	}
	h.must(rows.Err())
	return records, flagged, edition
}

// TestFaresTakeEffect runs two processes over one database and broker while fares of four o'clock
// are approved, a minute before. One process is killed between the approval and its effect, and
// starts again. Taps are signed on both sides of four o'clock, at both prices, and come in before,
// during and after: those of partition 0 have the price of their second, those of partition 1 have
// not. In two of the runs the line breaks as the approval is committed.
func TestFaresTakeEffect(t *testing.T) {
	for name, fault := range map[string]struct{ cut, stored bool }{
		"no fault": {}, "approval not stored at first": {cut: true}, "approval stored, its answer lost": {cut: true, stored: true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			proposal, tables := h.propose(t)
			first, second := h.follow(t, "first"), h.follow(t, "second")
			sequence, paid := uint32(0), ledger.Fen(0)
			good := []priced{{"03:58:00", 80, 0}, {"03:59:59", 80, 0}}
			bad := []priced{{"03:58:00", 160, 0}, {"03:59:59", 160, 0}}
			send := func() {
				t.Helper()
				for range 10 {
					paid += h.sendPriced(t, tables, &sequence, 0, good...) + h.sendPriced(t, tables, &sequence, 1, bad...) + h.sendPriced(t, tables, &sequence, 2, good...)
				}
				h.must(intake.Await(t.Context(), h.client, h.ledger, nil))
			}
			send()

			h.approve(t, proposal, fault.cut, fault.stored)
			first.kill()
			h.until("the second process is on edition 2", func() bool { return second.shelf.Current().Edition.Number == 2 })

			good = append(good, priced{"03:59:59", 80, 1}, priced{"04:00:00", 160, 1}, priced{"04:00:00", 160, 0}, priced{"04:00:01", 160, 1})
			bad = append(bad, priced{"03:59:59", 160, 1}, priced{"04:00:00", 80, 0}, priced{"04:00:00", 80, 1}, priced{"04:00:01", 80, 0})
			send()
			first = h.follow(t, "first")
			send()
			second.stop()
			send()
			first.stop()

			for stream, wrong := range map[string]bool{"taps/0": false, "taps/1": true, "taps/2": false} {
				records, flagged, edition := h.flags(stream)
				want := int64(0)
				if wrong {
					want = records
				}
				if records != 10*2+3*10*6 || flagged != want || edition != "2" {
					t.Errorf("%s: %d records, of which %d are flagged, the last by edition %s; want 200, %d, 2", stream, records, flagged, edition, want)
				}
			}
			h.wantBalances(map[string]ledger.Fen{"operator:bus": paid, "float:own": -paid})
			h.verify()
		})
	}
}

// approve approves a minute before four o'clock. With cut, the line to the database breaks as the
// approval is committed, which the database hears of, or not.
func (h *house) approve(t *testing.T, proposal rules.Content, cut, stored bool) {
	t.Helper()
	l, through := newLine(t, h.url, "", stored)
	store := &rules.Store{Ledger: ledgertest.Connect(t, through, 4), Now: clockAt(t, "03:59:00")}
	done := make(chan error, 1)
	if cut {
		l.armBehind("INSERT INTO editions", "commit", stored)
	}
	go func() {
		done <- store.Approve(t.Context(), proposal, ledger.Approval{First: "ann", Second: "bob", Reason: "council", At: cityTime(t, "03:59:00")})
	}()
	if cut {
		<-l.broken
		var editions int64
		h.must(h.ledger.Pool().QueryRow(t.Context(), "SELECT count(*) FROM editions").Scan(&editions))
		if want := map[bool]int64{false: 1, true: 2}[stored]; editions != want {
			t.Errorf("%d editions when the line is broken, want %d", editions, want)
		}
		l.mend()
	}
	h.must(<-done)
	if told := h.audited(rules.ActApprove); len(told) != 1 || told[0].Second != "bob" {
		t.Errorf("the audit has %+v, want one approval", told)
	}
}

// TestFaresHeldUp loses the COMMIT of an approval on the way to the database, whose line stays. The
// database gives the approval up before the person who approves does: if the COMMIT came later
// still, nothing would be in force.
func TestFaresHeldUp(t *testing.T) {
	h := newHouse(t)
	proposal, _ := h.propose(t)
	l, through := newLine(t, h.url, "", false)
	l.quiet = true
	store := &rules.Store{Ledger: ledgertest.Connect(t, through, 4), Now: clockAt(t, "03:59:00")}
	l.armBehind("INSERT INTO editions", "commit", false)
	done := make(chan error, 1)
	go func() {
		done <- store.Approve(t.Context(), proposal, ledger.Approval{First: "ann", Second: "bob", Reason: "council", At: cityTime(t, "03:59:00")})
	}()
	<-l.broken
	var number int64 // of the audit's last entry, whose row the approval holds
	h.must(h.ledger.Pool().QueryRow(t.Context(), "SELECT number FROM audit_end WHERE one = 1 FOR UPDATE").Scan(&number))
	select {
	case err := <-done:
		t.Errorf("the database held the approval until it was given up here: %v", err)
	default:
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ended with %v", err)
		}
	}
	set, err := (&rules.Store{Ledger: h.ledger}).InForce(t.Context())
	if err != nil || set.Edition.Number != 1 {
		t.Errorf("in force: %v, %v; want the first edition", set.Edition, err)
	}
}

// TestFaresUnseen lets a process miss an approval, as one does that stood still: its last look is
// before the approval. Ten seconds later taps wait until it has looked again, and have the price of
// their second.
func TestFaresUnseen(t *testing.T) {
	h := newHouse(t)
	proposal, tables := h.propose(t)
	store := &rules.Store{Ledger: h.ledger}
	set, err := store.InForce(t.Context())
	h.must(err)
	var clock atomic.Pointer[time.Time]
	tell := func(text string) {
		at := cityTime(t, text)
		clock.Store(&at)
	}
	shelf := rules.Timed(set, cityTime(t, "03:58:59"), func() time.Time { return *clock.Load() })
	far, town := *h, *h.town
	far.town, town.Rules = &town, shelf
	far.spoil = func(all map[string]func() intake.Rules) {
		taps := all[message.TopicTaps]
		all[message.TopicTaps] = func() intake.Rules { return taps().While(shelf.Fresh) }
	}
	tell("03:59:08")
	in := far.intake("only")
	ended, stop := h.run(in)
	h.awaitReady(in, ended, "")
	var sequence uint32
	h.sendPriced(t, tables, &sequence, 0, priced{"03:59:07", 80, 0})
	h.must(intake.Await(t.Context(), h.client, h.ledger, nil))

	h.approve(t, proposal, false, false)
	tell("03:59:09")
	h.sendPriced(t, tables, &sequence, 0, priced{"03:59:59", 80, 0}, priced{"04:00:00", 160, 1})
	h.awaitReady(in, ended, rules.ErrOutdated.Error())
	tell("04:00:01")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		shelf.Follow(ctx, store, 10*time.Millisecond, func(context.Context, *rules.Set) error { return nil }, slog.New(slog.DiscardHandler))
	}()
	h.must(intake.Await(t.Context(), h.client, h.ledger, nil))
	stop()
	cancel()
	<-followed
	if records, flagged, edition := h.flags("taps/0"); records != 3 || flagged != 0 || edition != "2" {
		t.Errorf("%d records, of which %d are flagged, the last by edition %s; want 3, 0, 2", records, flagged, edition)
	}
	h.verify()
}

// TestFaresTooLate approves fares of four o'clock twenty seconds before: it is refused, and the old
// price counts after four o'clock too.
func TestFaresTooLate(t *testing.T) {
	h := newHouse(t)
	proposal, tables := h.propose(t)
	p := h.follow(t, "only")
	store := &rules.Store{Ledger: h.ledger, Now: clockAt(t, "03:59:40")}
	err := store.Approve(t.Context(), proposal, ledger.Approval{First: "ann", Second: "bob", Reason: "council", At: cityTime(t, "03:59:40")})
	if err == nil || !strings.Contains(err.Error(), "zz-2026+") || !strings.Contains(err.Error(), "would hold at 2026-01-05T04:00,") {
		t.Errorf("approved twenty seconds before: %v", err)
	}
	var sequence uint32
	h.sendPriced(t, tables, &sequence, 0, priced{"03:59:59", 80, 0}, priced{"04:00:00", 80, 0})
	h.sendPriced(t, tables, &sequence, 1, priced{"03:59:59", 160, 0}, priced{"04:00:00", 160, 0}, priced{"04:00:00", 160, 1})
	h.must(intake.Await(t.Context(), h.client, h.ledger, nil))
	p.stop()
	for stream, want := range map[string]int64{"taps/0": 0, "taps/1": 3} {
		if _, flagged, edition := h.flags(stream); flagged != want || edition != "1" {
			t.Errorf("%s: %d are flagged by edition %s, want %d by edition 1", stream, flagged, edition, want)
		}
	}
	h.verify()
}

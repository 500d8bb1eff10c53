package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/terminals/card"
	"citycard/terminals/intent"
	"citycard/terminals/outbox"
	"citycard/terminals/sam"
	"citycard/terminals/station"
	"citycard/terminals/tariff"
)

// deskLane is a desk at station 2 with its outbox at a path; the last run of it may have left
// something there.
func deskLane(t *testing.T, module *sam.Module, path string) *desk {
	t.Helper()
	fares, err := tariff.Of(deskFares())
	must(t, err)
	place := placeFlags{line: 1, station: 2, city: "4910", institution: "0000000000000000"}
	out, err := outbox.Open(path)
	must(t, err)
	book, err := intent.Open(out, place.passages(roleStation))
	must(t, err)
	l := &lane{shared: &shared{}, log: slog.New(slog.DiscardHandler), taps: newTapCounter(prometheus.NewRegistry()).MustCurryWith(prometheus.Labels{"lane": "1"}), out: out, book: book}
	l.role, err = place.role(roleStation, module, fares, nil, nil, l.intend)
	must(t, err)
	return deskOf(l)
}

// stop ends the desk's program as a kill does: nothing more is written.
func (d *desk) stop(t *testing.T) {
	t.Helper()
	must(t, d.out.Close())
}

// cut is a card that goes at the n-th command, before it gets it or after it has carried it out,
// and comes back later.
type cut struct {
	apdu.Card
	at, n int
	after bool
}

var errCut = errors.New("the card left the field")

func (c *cut) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	c.n++
	switch {
	case c.n < c.at:
		return c.Card.Transmit(ctx, command)
	case c.n == c.at && c.after:
		if _, err := c.Card.Transmit(ctx, command); err != nil {
			return nil, err
		}
	}
	return nil, errCut
}

// tapsIn are the taps among records.
func tapsIn(t *testing.T, records []outbox.Record) (taps []*message.Tap) {
	t.Helper()
	for _, r := range records {
		if r.Topic == message.TopicTaps {
			tap := new(message.Tap)
			must(t, proto.Unmarshal(r.Value, tap))
			taps = append(taps, tap)
		}
	}
	return taps
}

// sentBy are the taps in a desk's outbox, by card counter.
func sentBy(t *testing.T, d *desk) map[uint32]*message.Tap {
	t.Helper()
	records, err := d.out.Recent()
	must(t, err)
	taps := map[uint32]*message.Tap{}
	for _, tap := range tapsIn(t, records) {
		if taps[tap.GetCardCounter()] != nil {
			t.Errorf("two taps of counter %d", tap.GetCardCounter())
		}
		taps[tap.GetCardCounter()] = tap
	}
	return taps
}

// A card leaves at each command of an update, before or after it has carried it out; the program
// goes on, or is killed and starts again. Then the staff look and, if it is still needed, correct
// the card: it has been corrected once, and each debit on it is one tap.
func TestUpdateTornAtEachCommand(t *testing.T) {
	store := keys.GenerateTest(7)
	psam := chip.NewPSAM([6]byte{0x49, 0x10, 0x10, 0, 0, 1}, store.SAMKeys())
	psam.PowerOn()
	module, err := sam.Open(t.Context(), psam)
	must(t, err)
	at := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	ask := station.Request{Reason: message.UpdateReason_UPDATE_REASON_NO_ENTRY, Pay: station.InCash, Staff: "A17"}
	torn := 0
	for n := 1; ; n++ {
		for _, how := range []struct{ after, killed bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
			path := filepath.Join(t.TempDir(), "outbox")
			held := personalised(t, store)
			d := deskLane(t, module, path)
			here := station.Here{Place: d.role.desk.Place, Fares: d.role.desk.Fares}
			r, _, err := d.lookNow(t.Context(), held, at)
			must(t, errors.Join(err, r.Err))
			o, err := here.Offer(&r, ask, at)
			must(t, err)
			leaves := &cut{Card: held, at: n, after: how.after}
			tap, err := d.correctNow(t.Context(), leaves, o, at)
			if leaves.n < n { // the whole dialogue is shorter
				if must(t, err); tap == nil || torn < 8 {
					t.Fatalf("tap %v; %d commands were tried", tap, torn)
				}
				d.stop(t)
				return
			}
			torn = n
			if tap != nil || err == nil {
				t.Fatalf("command %d: tap %v, %v", n, tap, err)
			}
			later := at.Add(time.Minute)
			if how.killed { // and somebody has to be fetched
				d.stop(t)
				d, later = deskLane(t, module, path), at.Add(26*time.Hour)
			}
			held.PowerOn()
			finish(t, d, held, &here, ask, later)
			log, taps := held.Describe().Transit.Log, sentBy(t, d)
			if len(log) != 1 || len(taps) != 1 || d.book.Counts() != (intent.Counts{}) {
				t.Errorf("command %d, %+v: %d debits, %d taps, %+v", n, how, len(log), len(taps), d.book.Counts())
			}
			for _, tap := range taps {
				if u := tap.GetUpdate(); u.GetCashFen() != 900 || u.GetStaff() != "A17" || hex.EncodeToString(tap.GetDebit().GetTime()) != log[0].Time {
					t.Errorf("command %d, %+v: tap %v", n, how, tap)
				}
			}
			d.stop(t)
		}
	}
}

// unkept is a card during whose debit the disk fails.
type unkept struct {
	apdu.Card
	fail func()
}

func (b *unkept) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	answer, err := b.Card.Transmit(ctx, command)
	if command[0] == 0x80 && command[1] == 0x54 {
		b.fail()
	}
	return answer, err
}

// If the disk fails behind the debit, the staff read that the card may have paid, and the next run
// of the desk finds that it has.
func TestUpdateWhenTheDiskFails(t *testing.T) {
	store := keys.GenerateTest(7)
	psam := chip.NewPSAM([6]byte{0x49, 0x10, 0x10, 0, 0, 1}, store.SAMKeys())
	psam.PowerOn()
	module, err := sam.Open(t.Context(), psam)
	must(t, err)
	at, path := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC), filepath.Join(t.TempDir(), "outbox")
	held, d := personalised(t, store), deskLane(t, module, path)
	here := station.Here{Place: d.role.desk.Place, Fares: d.role.desk.Fares}
	ask := station.Request{Reason: message.UpdateReason_UPDATE_REASON_NO_ENTRY, Pay: station.InCash, Staff: "A17"}
	r, _, err := d.lookNow(t.Context(), held, at)
	must(t, errors.Join(err, r.Err))
	o, err := here.Offer(&r, ask, at)
	must(t, err)
	tap, err := d.correctNow(t.Context(), &unkept{held, func() { d.stop(t) }}, o, at)
	if _, unknown := errors.AsType[*card.UnknownError](err); tap != nil || !unknown {
		t.Fatalf("tap %v, %v", tap, err)
	}
	var p updateProgram
	if said := p.failed(tap, err); !strings.Contains(said.Error(), "whether the card has paid is not known") {
		t.Error(said)
	}
	d = deskLane(t, module, path)
	defer d.stop(t)
	if _, paid, err := d.lookNow(t.Context(), held, at.Add(time.Hour)); err != nil || paid.GetUpdate().GetCashFen() != 900 {
		t.Errorf("paid %v, %v", paid, err)
	}
	cash := uint32(0)
	for _, tap := range sentBy(t, d) {
		cash += tap.GetUpdate().GetCashFen()
	}
	if passages(held) != 1 || cash != 900 {
		t.Errorf("%d corrections, %d fen in cash", passages(held), cash)
	}
}

// finish does what the staff do with a card that left too early: they look again, and correct it
// unless it says that it has been.
func finish(t *testing.T, d *desk, held apdu.Card, here *station.Here, ask station.Request, at time.Time) {
	t.Helper()
	r, paid, err := d.lookNow(t.Context(), held, at)
	must(t, errors.Join(err, r.Err))
	if paid != nil {
		return
	}
	o, err := here.Offer(&r, ask, at)
	must(t, err)
	tap, err := d.correctNow(t.Context(), held, o, at)
	must(t, err)
	if tap == nil {
		t.Fatal(fmt.Sprint("no tap of ", o.String()))
	}
}

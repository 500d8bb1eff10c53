package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"citycard/cardos/chip"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/terminals/hotlist"
	"citycard/terminals/intent"
	"citycard/terminals/outbox"
	"citycard/terminals/sam"
	"citycard/terminals/tariff"
)

// leavingCard goes away when DEBIT arrives, before or after it has paid.
type leavingCard struct {
	*chip.Chip
	at chip.Moment
}

func (c leavingCard) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if command[0] == 0x80 && command[1] == 0x54 {
		c.LosePower(c.at)
	}
	return c.Chip.Transmit(ctx, command)
}

func newLane(t *testing.T) (*lane, *chip.Chip) {
	t.Helper()
	return newLaneWith(t, nil)
}

func newLaneWith(t *testing.T, hot *hotlist.List) (*lane, *chip.Chip) {
	t.Helper()
	store, _ := keyFile(t)
	psam := chip.NewPSAM([6]byte{0x49, 0x10, 0x10, 0, 0, 1}, store.SAMKeys())
	psam.PowerOn()
	module, err := sam.Open(t.Context(), psam)
	must(t, err)
	fares, err := tariff.Of(&message.FareTable{Version: "test-1", EffectiveFrom: "20200101000000", MaximumFen: 100_000, MetroStations: 1, MetroClass: []byte{0}, MetroLimitMinutes: 240, Fares: []*message.CardFares{{CardType: 3, Prices: []*message.Prices{{MetroFen: []uint32{0}}}}}})
	must(t, err)
	place := placeFlags{line: 1, station: 1, direction: "in", city: "4910", institution: "0000000000000000"}
	out, err := outbox.Open(filepath.Join(t.TempDir(), "outbox"))
	must(t, err)
	t.Cleanup(func() { must(t, out.Close()) })
	book, err := intent.Open(out, place.passages(roleGate))
	must(t, err)
	r, err := place.role(roleGate, module, fares, hot, nil, book.Begin)
	must(t, err)
	return &lane{shared: &shared{}, log: slog.New(slog.DiscardHandler), taps: newTapCounter(prometheus.NewRegistry()).MustCurryWith(prometheus.Labels{"lane": "1"}), role: r, out: out, book: book}, personalised(t, store)
}

func counted(t *testing.T, l *lane, outcome string) float64 {
	t.Helper()
	var m dto.Metric
	must(t, l.taps.WithLabelValues(outcome).Write(&m))
	return m.GetCounter().GetValue()
}

// A torn tap is recorded once, whether or not the card had paid, and a card that comes in between
// does not disturb this.
func TestTornTapIsRecordedOnce(t *testing.T) {
	at := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	for name, moment := range map[string]chip.Moment{"debited": chip.AfterCommit, "not debited": chip.BeforeCommit} {
		t.Run(name, func(t *testing.T) {
			l, card := newLane(t)
			must(t, l.take(t.Context(), leavingCard{card, moment}, at))
			if n := l.out.Status().Next; n != 1 || l.book.Counts().Open != 1 {
				t.Fatalf("after the tear: %d records, %+v", n, l.book.Counts())
			}
			stranger := chip.NewSocialSecurity(1)
			stranger.PowerOn()
			must(t, l.take(t.Context(), stranger, at))
			if l.book.Counts().Open != 1 {
				t.Fatal("another card closed the open outcome")
			}
			card.PowerOn()
			must(t, l.take(t.Context(), card, at.Add(time.Minute)))
			// The intent, the tap, the end of the intent.
			if n := l.out.Status().Next; n != 3 || l.book.Counts() != (intent.Counts{}) {
				t.Errorf("in the end: %d records, %+v; want 3, none", n, l.book.Counts())
			}
			if log := card.Describe().Transit.Log; len(log) != 1 {
				t.Errorf("the card paid %d times, want once", len(log))
			}
			if n := counted(t, l, "paid"); n != 1 {
				t.Errorf("metric says paid %v times", n)
			}
		})
	}
}

// A torn entry that was paid lets its card in hours later, as long as it counts; after the limit of
// the trip the card enters once more, and both entries are recorded.
func TestTornEntryHoursLater(t *testing.T) {
	at := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	for later, entries := range map[time.Duration]int{2 * time.Hour: 1, 5 * time.Hour: 2} {
		l, card := newLane(t)
		must(t, l.take(t.Context(), leavingCard{card, chip.AfterCommit}, at))
		card.PowerOn()
		must(t, l.take(t.Context(), card, at.Add(later)))
		if log, n := card.Describe().Transit.Log, counted(t, l, "paid"); len(log) != entries || n != float64(entries) || counted(t, l, "refused") != 0 {
			t.Errorf("%s later: the card entered %d times, %v times counted as paid, want %d", later, len(log), n, entries)
		}
		if n := l.out.Status().Next; n != uint64(2+entries) || l.book.Counts() != (intent.Counts{}) {
			t.Errorf("%s later: %d records, %+v", later, n, l.book.Counts())
		}
	}
}

// A listed card is refused and counted as that, and the agent begins again with a list
// whose file is damaged.
func TestListedCard(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hotlist")
	must(t, os.WriteFile(path, []byte("damaged"), 0o600))
	list, err := openHotlist(path, slog.New(slog.DiscardHandler))
	must(t, err)
	l, card := newLaneWith(t, list)
	number, err := tunion.ParseNumber(card.Describe().Transit.Number)
	must(t, err)
	must(t, list.Apply(&message.HotlistEntry{Version: 1, Card: number[2:], Rows: []*message.HotlistRow{{From: "20261124080000", Reason: "lost"}}}))
	at := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	must(t, l.take(t.Context(), card, at))
	if n := l.out.Status().Next; n != 0 || counted(t, l, "listed") != 1 || len(card.Describe().Transit.Log) != 0 {
		t.Errorf("%d records of a listed card, counted %v times as listed", n, counted(t, l, "listed"))
	}
	must(t, l.take(t.Context(), card, at.Add(-time.Second)))
	if n := l.out.Status().Next; n != 1 {
		t.Errorf("%d records a second before, want 1", n)
	}
}

// If the outbox accepts no records, the lane does not touch a card.
func TestNoRoomNoCharge(t *testing.T) {
	l, card := newLane(t)
	closed, err := outbox.Open(filepath.Join(t.TempDir(), "closed"))
	must(t, err)
	must(t, closed.Close())
	l.out = closed
	must(t, l.take(t.Context(), card, time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)))
	if log := card.Describe().Transit.Log; len(log) != 0 || counted(t, l, "closed") != 1 {
		t.Errorf("the card was charged: %+v", log)
	}
}

package intent_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/clearing/message"
	"citycard/simulators/pcscd/pcscdtest"
	"citycard/simulators/specimen"
	"citycard/terminals/intent"
	"citycard/terminals/outbox"
	"citycard/terminals/reader"
	"citycard/terminals/sam"
	"citycard/terminals/tariff"
	"citycard/terminals/validator"
)

// rides is how many are measured at least: enough for a hundredth.
const rides = 1000

// bench is a lane with all its parts on a real disk.
type bench struct {
	*testing.B
	out  *outbox.Log
	book *intent.Book
	v    *validator.Validator
}

func newBench(b *testing.B, module *sam.Module) *bench {
	b.Helper()
	check := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	out, err := outbox.Open(filepath.Join(b.TempDir(), "outbox"))
	check(err)
	b.Cleanup(func() { _ = out.Close() })
	book, err := intent.Open(out, bus())
	check(err)
	fares, err := tariff.Of(&message.FareTable{Version: "test-1", EffectiveFrom: "20200101000000", MaximumFen: 100_000, Fares: []*message.CardFares{{CardType: 1, Prices: []*message.Prices{{Bus: []*message.BusFare{{Line: 9}}}}}}})
	check(err)
	v, err := validator.New(module, fares, validator.Place{City: 0x4910, Operator: 3, Line: 9, Vehicle: "A1", Medium: message.Medium_MEDIUM_CONTACTLESS})
	check(err)
	return &bench{b, out, book, v}
}

// take takes one ride as a lane does.
func (b *bench) take(ctx context.Context, held apdu.Card, at time.Time) error {
	if err := b.out.Ready(); err != nil {
		return err
	}
	if _, err := b.book.Settle(ctx, held, at, b.v.Resolve); err != nil {
		return err
	}
	tap, err := b.v.Ride(ctx, held, at)
	return errors.Join(err, b.book.End(tap, err))
}

// parts are card and SAM in memory.
func parts(b *testing.B) (held apdu.Card, module *sam.Module) {
	b.Helper()
	var chips [2]*chip.Chip
	for i, kind := range []specimen.Kind{specimen.Transit, specimen.PSAM} {
		c, err := specimen.New(b.Context(), kind, 1, morning())
		if err != nil {
			b.Fatal(err)
		}
		c.PowerOn()
		chips[i] = c
	}
	module, err := sam.Open(b.Context(), chips[1])
	if err != nil {
		b.Fatal(err)
	}
	return chips[0], module
}

// BenchmarkIntent measures what an intent costs: a ride on a card in memory with the intent and the
// record synced, the same with the record alone, and the disk's own sync.
func BenchmarkIntent(b *testing.B) {
	held, module := parts(b)
	with, without := newBench(b, module), newBench(b, module)
	with.v.Intend(with.book.Begin)
	file := blank(b)
	var both, alone, sync []time.Duration
	for i := range max(b.N, rides) {
		at := morning().Add(time.Duration(i) * time.Minute)
		both = append(both, took(b, func() error { return with.take(b.Context(), held, at) }))
		alone = append(alone, took(b, func() error { return without.take(b.Context(), held, at.Add(time.Second)) }))
		sync = append(sync, took(b, func() error {
			_, err := file.WriteAt(make([]byte, 300), int64(i)*300)
			return errors.Join(err, syscall.Fdatasync(int(file.Fd())))
		}))
	}
	report(b, both, "terminals.tap_memory")
	report(b, alone, "terminals.tap_no_intent")
	report(b, sync, "terminals.disk_sync")
}

// BenchmarkIntentPCSC measures a ride with the intent and the record synced, card and SAM each in a
// virtual reader behind a real pcscd.
func BenchmarkIntentPCSC(b *testing.B) {
	slots, o := pcscdtest.Slots(b), reader.Observe()
	b.Cleanup(func() { _ = o.Close() })
	var cards [2]*reader.Card
	for i, kind := range []specimen.Kind{specimen.Transit, specimen.PSAM} {
		c, err := specimen.New(b.Context(), kind, 1, morning())
		if err == nil {
			err = slots[i].Insert(b.Context(), c)
		}
		if err != nil {
			b.Fatal(err)
		}
		r, err := o.Open(b.Context(), fmt.Sprintf("Virtual PCD 00 %02d", i))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = r.Close() })
		if cards[i], err = r.WaitCard(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = cards[i].Close() })
	}
	module, err := sam.Open(b.Context(), cards[1])
	if err != nil {
		b.Fatal(err)
	}
	lane := newBench(b, module)
	lane.v.Intend(lane.book.Begin)
	var taps []time.Duration
	for i := range max(b.N, rides) {
		taps = append(taps, took(b, func() error { return lane.take(b.Context(), cards[0], morning().Add(time.Duration(i)*time.Minute)) }))
	}
	report(b, taps, "terminals.tap_pcsc")
}

// BenchmarkAppend measures how many records a second an outbox takes from one lane, and from
// sixteen that share its syncs.
func BenchmarkAppend(b *testing.B) {
	out, err := outbox.Open(filepath.Join(b.TempDir(), "outbox"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = out.Close() })
	record := outbox.Record{Topic: message.TopicTaps, Key: make([]byte, 20), Value: make([]byte, 150)}
	for key, lanes := range map[string]int{"terminals.outbox_appends_per_second": 1, "terminals.outbox_appends_16_per_second": 16} {
		began := time.Now()
		var all sync.WaitGroup
		for range lanes {
			all.Go(func() {
				for range rides {
					if err := out.Append(record); err != nil {
						b.Error(err)
					}
				}
			})
		}
		all.Wait()
		b.ReportMetric(float64(lanes*rides)/time.Since(began).Seconds(), key)
	}
}

// blank is a file that is as long as it will be.
func blank(b *testing.B) *os.File {
	b.Helper()
	file, err := os.Create(filepath.Join(b.TempDir(), "blank"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = file.Close() })
	if _, err := file.Write(make([]byte, 4<<20)); err != nil {
		b.Fatal(err)
	}
	return file
}

func took(b *testing.B, do func() error) time.Duration {
	b.Helper()
	began := time.Now()
	if err := do(); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}

// report reports the half and the hundredth.
func report(b *testing.B, took []time.Duration, name string) {
	b.Helper()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, name+"_p50_ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, name+"_p99_ms")
}

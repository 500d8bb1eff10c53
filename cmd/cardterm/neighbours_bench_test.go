package main

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"citycard/clearing/message"
	"citycard/terminals/card"
	"citycard/terminals/intent"
	"citycard/terminals/outbox"
)

// What the lanes of an agent pay for telling each other of torn payments: every lane has one, tells
// the others, and the next lane settles it, which the disk of the first one must know. All lanes do
// so at the same moment. A payment that is not torn tells nobody.
func BenchmarkNeighboursTell(b *testing.B) {
	for _, lanes := range []int{2, 4, 8} {
		b.Run(strconv.Itoa(lanes), func(b *testing.B) {
			all := newNeighbours(slog.New(slog.DiscardHandler), time.UTC, time.Hour, nil)
			books := make([]*intent.Book, lanes)
			for i := range books {
				out, err := outbox.Open(filepath.Join(b.TempDir(), "outbox"))
				must(b, err)
				b.Cleanup(func() { must(b, out.Close()) })
				books[i], err = intent.Open(out, intent.Place{})
				must(b, err)
				all.add(strconv.Itoa(i), books[i])
			}
			b.ResetTimer()
			var working sync.WaitGroup
			for i, book := range books {
				working.Go(func() {
					for n := range b.N {
						tap := &message.Tap{CardCounter: uint32(n % 0xFFFF), Debit: &message.Debit{
							Card: make([]byte, 10), Issuer: make([]byte, 8), Terminal: []byte{0x49, 0x10, 0x10, 0, 0, byte(i)}, TerminalSequence: uint32(n),
							Time: []byte{0x20, 0x26, 0x11, 0x24, 8, 0, 0}, Type: 9, AmountFen: 2,
						}}
						if err := errors.Join(book.Begin(tap), book.End(nil, &card.UnknownError{Tap: tap, Err: errors.New("torn")})); !torn(err) {
							b.Error(err)
							return
						}
						all.told(strconv.Itoa((i+1)%lanes), message.IntentKey(tap.GetDebit()), nil)
					}
				})
			}
			working.Wait()
		})
	}
}

// torn reports whether the end of a torn payment is that its outcome is not known, or no error.
func torn(err error) bool {
	_, unknown := errors.AsType[*card.UnknownError](err)
	return err == nil || unknown
}

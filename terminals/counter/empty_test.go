package counter_test

import (
	"path/filepath"
	"testing"

	"citycard/cardos/bcd"
	"citycard/cardos/chip"
	"citycard/clearing/message"
	"citycard/terminals/counter"
	"citycard/terminals/intent"
	"citycard/terminals/outbox"
	"citycard/terminals/sam"
)

// A card that is taken back pays its balance once, at whatever command it is torn and even if the
// counter is killed then.
func TestDrain(t *testing.T) {
	psam := chip.NewPSAM([6]byte{0x49, 0x10, 0x30, 0, 0, 9}, store.SAMKeys())
	psam.PowerOn()
	module, err := sam.Open(t.Context(), psam)
	must(t, err)
	for at, whole := 0, false; !whole; at++ {
		for _, moment := range []chip.Moment{chip.BeforeCommit, chip.AfterCommit} {
			held := chip.NewTransit(1)
			issue(t, held, transitOrder())
			_, err := topUp(t, held, &office{}, 700)
			must(t, err)
			id, path := idOf(t, held), filepath.Join(t.TempDir(), "purse")
			open := func() (*counter.Drain, *outbox.Log) {
				out, err := outbox.Open(path)
				must(t, err)
				book, err := intent.Open(out, intent.Place{})
				must(t, err)
				return &counter.Drain{Module: module, Book: book, Medium: message.Medium_MEDIUM_CONTACT}, out
			}
			d, out := open()
			leaves := &cut{Chip: held, at: at, moment: moment}
			_, err = d.Pay(t.Context(), leaves, id, 700, morning)
			if whole = leaves.n <= at; whole {
				must(t, err)
			}
			must(t, out.Close())
			held.PowerOn()
			d, out = open()
			for range 2 { // asked again, it pays no more
				paid, err := d.Finish(t.Context(), held, id, 700, morning)
				must(t, err)
				if want := (counter.Paid{Terminal: module.Terminal(), Time: bcd.Time(morning)}); paid != want {
					t.Errorf("command %d, moment %v: it has paid as %+v, want %+v", at, moment, paid, want)
				}
			}
			if read := held.Describe().Transit; read.BalanceFen != 0 || len(read.Log) != 2 {
				t.Errorf("command %d, moment %v: card %+v", at, moment, read)
			}
			if taps := tapsIn(t, out); taps != 1 {
				t.Errorf("command %d, moment %v: %d taps", at, moment, taps)
			}
		}
		if at > 30 {
			t.Fatal("the dialogue never ends")
		}
	}
}

// tapsIn closes an outbox and counts its taps.
func tapsIn(t *testing.T, out *outbox.Log) (taps int) {
	t.Helper()
	records, err := out.Recent()
	must(t, err)
	for _, r := range records {
		if r.Topic == message.TopicTaps {
			taps++
		}
	}
	must(t, out.Close())
	return taps
}

package intake_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/intake"
	"citycard/clearing/message"
	"citycard/clearing/verdict"
	"citycard/ledger"
	"citycard/ledger/verify"
)

// unsigned are copies of a record that differ where no card signs: in the number of its card
// and the id of its issuer beyond what derives the card's keys.
func unsigned(card, issuer []byte) (alterations []func(card, issuer []byte)) {
	for place := range card[:2] {
		alterations = append(alterations, func(card, _ []byte) { card[place] ^= 0x15 })
	}
	for place := 4; place < len(issuer); place++ {
		alterations = append(alterations, func(_, issuer []byte) { issuer[place] ^= 0x01 })
	}
	return append(alterations, func(card, _ []byte) { card[0] |= 0xF0 }) // padded with F
}

// tally counts what the batches of all streams say of their records.
func (h *house) tally() map[verdict.Verdict]int64 {
	h.Helper()
	names := map[string]verdict.Verdict{}
	for v := verdict.Cleared; v <= verdict.Noted; v++ {
		names[v.String()] = v
	}
	counts := map[verdict.Verdict]int64{}
	h.must(h.ledger.Notes(h.Context(), today, func(data []byte) error {
		var note docket.Note
		err := json.Unmarshal(data, &note)
		for _, line := range note.Tally {
			counts[names[line.Verdict]] += line.Count
		}
		return err
	}))
	return counts
}

// TestUnsignedCardBytes sends a tap, an entry of 0 fen and a load, each with copies whose card
// number and issuer differ where nothing is signed, in one batch and over batches and
// partitions, the copies before or after: each is booked once, whichever comes first, and
// nothing is suspended or disputed.
func TestUnsignedCardBytes(t *testing.T) {
	for _, test := range []struct{ before, apart bool }{{false, false}, {false, true}, {true, false}, {true, true}} {
		t.Run(fmt.Sprintf("before=%v apart=%v", test.before, test.apart), func(t *testing.T) {
			h := newHouse(t)
			authority := h.authority()
			request := h.town.LoadRequest(clearingtest.Card, "order-1", 7, 0, 5000, noon(5))
			mac2, err := authority.Authorise(t.Context(), request)
			h.must(err)
			for i, alter := range unsigned(request.Card, request.Issuer) {
				again := proto.CloneOf(request)
				alter(again.Card, again.Issuer)
				if mac, err := authority.Authorise(t.Context(), again); err != nil || mac != mac2 {
					t.Errorf("the order with alteration %d is answered %x, %v", i, mac, err)
				}
			}
			entry := h.town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.MetroGate, Sequence: 1, At: noon(5)})
			load := h.town.Load(clearingtest.Card, 7, 5000, 5000, noon(5))
			originals := []sent{tap(h.ride(1)), tap(entry), {message.TopicLoads, 0, clearingtest.Encode(load)}}
			var copies []sent
			for i, alter := range unsigned(load.Card, load.Issuer) {
				ride, entry, load := h.ride(1), proto.CloneOf(entry), proto.CloneOf(load)
				alter(ride.Debit.Card, ride.Debit.Issuer)
				alter(entry.Debit.Card, entry.Debit.Issuer)
				alter(load.Card, load.Issuer)
				ride.CardCounter += uint32(i) // and what else nobody signs
				copies = append(copies, tap(ride), tap(entry), sent{message.TopicLoads, 0, clearingtest.Encode(load)})
			}
			messages := append(originals, copies...)
			if test.before {
				messages = append(copies, originals...)
			}
			if test.apart {
				for i := range messages {
					messages[i].partition = int32(i/3) % partitions
				}
				for i := 0; i < len(messages); i += 9 {
					h.send(messages[i:min(i+9, len(messages))]...)
					h.clear()
				}
			} else {
				h.send(messages...)
				h.clear()
			}
			h.wantBalances(map[string]ledger.Fen{
				"operator:bus": 80, "float:own": 5000 - 80, "unwritten:own": 0, "channel:counter": -5000,
				"suspense:unknown_card": 0, "suspense:load_not_paid": 0,
			})
			got := h.tally()
			if got[verdict.Cleared] != 3 || got[verdict.Duplicate] != int64(len(copies)) || len(got) != 2 {
				t.Errorf("the records became %v, want 3 cleared and %d duplicates", got, len(copies))
			}
			_, err = verify.Books(t.Context(), h.ledger, nil, func(f verify.Fault) { t.Error(f) })
			h.must(err)
		})
	}
}

// TestSignedTwice has one number of a SAM signed twice by one card, for two amounts: the first
// is paid, the second disputed and kept, in which version it comes ever again.
func TestSignedTwice(t *testing.T) {
	h := newHouse(t)
	other := h.town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: 1, Fen: 90, At: noon(5)})
	later := h.town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: 1, Fen: 80, At: noon(5).Add(time.Second)})
	h.send(tap(h.ride(1)), tap(other), tap(later), tap(other), tap(h.ride(1)))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 80, "float:own": -80})
	if got := h.tally(); got[verdict.Cleared] != 1 || got[verdict.Disputed] != 2 || got[verdict.Duplicate] != 2 {
		t.Errorf("the records became %v, want 1 cleared, 2 disputed, 2 duplicates", got)
	}
}

// TestForeignTACs sends another city's tap after a copy with another TAC, which nobody here can
// tell from the right one: both words are kept for its issuer.
func TestForeignTACs(t *testing.T) {
	h := newHouseWith(t, listOtherCity)
	altered, unsigned := h.visit(1, 80), h.visit(1, 80)
	altered.Debit.Tac[0] ^= 1
	unsigned.Debit.Card[0] ^= 0xF0
	unsigned.Debit.Issuer[7] ^= 0x01
	h.send(tap(altered), tap(h.visit(1, 80)), tap(unsigned))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"centre": -80, "pending:bus": 80})
	if got := h.tally(); got[verdict.Pending] != 1 || got[verdict.Disputed] != 2 || len(got) != 2 {
		t.Errorf("the records became %v, want 1 pending and 2 disputed", got)
	}
}

// TestTransactionTypes sends signed transactions of other types than a topic's: each is
// rejected with its reason and kept.
func TestTransactionTypes(t *testing.T) {
	h := newHouse(t)
	unload := h.town.Load(clearingtest.Card, 1, 5000, 5000, noon(5))
	unload.Type = 3
	h.town.SignLoad(unload)
	load := h.town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: 1, Fen: 80, At: noon(5), Type: 2})
	purchase := h.town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: 2, Fen: 70, At: noon(5), Type: 6})
	h.send(sent{message.TopicLoads, 0, clearingtest.Encode(unload)}, tap(load), tap(purchase))
	stop := h.start("test")
	h.must(intake.Await(t.Context(), h.client, h.ledger, nil))
	for _, record := range append(h.read(message.TopicRejectsTransit, 1), h.read(message.TopicRejectsLoads, 1)...) {
		var reject message.Reject
		h.must(proto.Unmarshal(record.Value, &reject))
		if reject.GetReason() != string(verdict.TransactionType) {
			t.Errorf("rejected as %s, want %s", reject.GetReason(), verdict.TransactionType)
		}
	}
	h.must(stop())
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 70, "float:own": -70, "suspense:load_not_paid": 0})
}

// TestLateClose clears a tap of the day on which it arrives while the clearing day is one long
// past, because its close is late: the tap is as plausible as if the close were not.
func TestLateClose(t *testing.T) {
	h := newHouse(t)
	now := time.Now().UTC()
	ride := func(sequence uint32, at time.Time) sent {
		return tap(h.town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: sequence, Fen: 80, At: at}))
	}
	h.send(ride(1, now), ride(2, now.AddDate(0, 0, 3)))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 80, "suspense:implausible_date": 80, "float:own": -160})
}

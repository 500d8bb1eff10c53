package load

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/ledger"
)

// NewPoster is the gatherer of an Authority. With each load it keeps that the card's word is to
// come, and of one whose channel pays at once at which terminal that was: the shift there has the
// cash.
func NewPoster(ctx context.Context, l *ledger.Ledger, stream, owner string, linger time.Duration) (*ledger.Gatherer, error) {
	return l.NewKeeper(ctx, stream, owner, 0, linger, keepPaid)
}

// Taken is the cash of a load that a channel took at a terminal, or gave back (below zero).
type Taken struct {
	Key      ledger.Key // of the row that booked it
	Channel  string
	Terminal []byte
	Fen      ledger.Fen
}

// ReadTaken reads the evidence of a paid load. It is false for a load that was paid before, and had
// waited for its card: who writes that takes no cash.
func ReadTaken(key ledger.Key, evidence []byte, fen ledger.Fen) (Taken, bool, error) {
	var r message.LoadRequest
	if err := proto.Unmarshal(evidence, &r); err != nil {
		return Taken{}, false, fmt.Errorf("evidence of a paid load: %w", err)
	}
	return Taken{key, r.GetChannel(), r.GetTerminal(), fen}, r.GetPlacer() == "", nil
}

// keepTaken keeps where the loads of a batch that are new were paid.
func keepTaken(ctx context.Context, tx pgx.Tx, transfers []ledger.Transfer, decisions []ledger.Decision) error {
	var all []Taken
	for i := range transfers {
		t := &transfers[i]
		if _, ok := identity.AuthorisedLoad(t.ID); !ok || decisions[i].Result != ledger.Inserted {
			continue
		}
		taken, cash, err := ReadTaken(ledger.Key{Day: t.Day, Subject: t.Subject, ID: t.ID}, t.Evidence, t.Amount)
		if err != nil {
			return err
		}
		if cash {
			all = append(all, taken)
		}
	}
	return KeepTaken(ctx, tx, all...)
}

// KeepTaken keeps, in the transaction that books it, where cash of loads was taken or given back. A
// load whose evidence names no terminal is of no shift.
func KeepTaken(ctx context.Context, tx pgx.Tx, all ...Taken) error {
	all = slices.DeleteFunc(all, func(t Taken) bool { return len(t.Terminal) == 0 })
	if len(all) == 0 {
		return nil
	}
	var cards, ids, terminals [][]byte
	var units []string
	var fen []int64
	for _, t := range all {
		cards, ids, terminals = append(cards, []byte(t.Key.Subject)), append(ids, []byte(t.Key.ID)), append(terminals, append([]byte{}, t.Terminal...))
		units, fen = append(units, chart.Channel(t.Channel)), append(fen, int64(t.Fen))
	}
	_, err := tx.Exec(ctx, `INSERT INTO terminal_loads (card, id, unit, terminal, fen, shift)
		SELECT card, id, unit, terminal, fen, 0 FROM unnest($1::BYTEA[], $2::BYTEA[], $3::TEXT[], $4::BYTEA[], $5::INT8[]) AS t (card, id, unit, terminal, fen)`,
		cards, ids, units, terminals, fen)
	if err != nil {
		return fmt.Errorf("keep at which terminals loads were paid: %w", err)
	}
	return nil
}

// sameOrder reports whether the evidence of two paid loads is that of one order, whatever terminal
// it was asked for at.
func sameOrder(one, other []byte) bool {
	if bytes.Equal(one, other) {
		return true
	}
	var a, b message.LoadRequest
	if proto.Unmarshal(one, &a) != nil || proto.Unmarshal(other, &b) != nil {
		return false
	}
	a.Terminal, b.Terminal = nil, nil
	return proto.Equal(&a, &b)
}

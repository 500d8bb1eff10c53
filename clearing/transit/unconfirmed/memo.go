package unconfirmed

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// Purpose is that of all rulings on taps without a TAC.
const Purpose = "unconfirmed"

// Judge rules on batches of taps without a TAC. It is safe for concurrent use.
type Judge struct{ Registry *registry.Registry }

// Rule decides every record and adds it to the docket, in order.
func (j *Judge) Rule(records []docket.Record, d *docket.Docket) {
	edition := j.Registry.Current()
	d.Versions = map[string]string{"registry": edition.Version()}
	for i := range records {
		r := &records[i]
		tap, err := message.CheckUnconfirmed(r.Value)
		if err != nil {
			d.Reject(faultOf(r.Value), Purpose, r.Offset, r.Value)
			continue
		}
		key := KeyOf(tap)
		d.KeepUnconfirmed(Purpose, fenOf(tap), memoKey(key), r.Value).Operator = operatorOf(edition, key)
	}
}

// faultOf is the reason for which a record is refused.
func faultOf(value []byte) verdict.Reason {
	var tap message.Tap
	if len(value) <= message.RecordLimit && (proto.Unmarshal(value, &tap) != nil || tap.GetDebit() == nil) {
		return verdict.Undecodable
	}
	return verdict.InvalidField
}

func operatorOf(edition *index.Edition, key ledger.Key) string {
	if terminal, ok := terminalOf(edition, key); ok {
		return terminal.Operator
	}
	return docket.UnregisteredOperator
}

func terminalOf(edition *index.Edition, key ledger.Key) (index.Terminal, bool) {
	sam, _, _ := identity.ParseSpend([]byte(key.ID))
	return edition.Terminal(sam, key.Day)
}

// KeyOf is the key that the tap itself has if it comes. The tap has passed CheckUnconfirmed.
func KeyOf(tap *message.Tap) ledger.Key {
	d := tap.GetDebit()
	var card keys.CardID
	var at [message.TimeLen]byte
	message.Fixed(card.ASN[:], d.GetCard())
	message.Fixed(card.Issuer[:], d.GetIssuer())
	message.Fixed(at[:], d.GetTime())
	day, _ := identity.SignedDay(at)
	return ledger.Key{Day: day, Subject: identity.CardOf(card).Subject(), ID: identity.Spend(byte(d.GetType()), d.GetTerminal(), d.GetTerminalSequence())}
}

// memoKey is the key under which a tap is kept that may come itself under its own.
func memoKey(tap ledger.Key) ledger.Key {
	tap.ID = identity.Unconfirmed(tap.ID)
	return tap
}

func resolvedKey(tap ledger.Key) ledger.Key {
	tap.ID = identity.Resolved(tap.ID)
	return tap
}

func fenOf(tap *message.Tap) ledger.Fen { return ledger.Fen(tap.GetDebit().GetAmountFen()) }

// Keep stores, in the transaction of a batch, a row for each tap that the batch keeps.
func Keep(ctx context.Context, tx pgx.Tx, d *docket.Docket) error {
	var cards, ids [][]byte
	var days []int32
	seen := map[ledger.Key]bool{}
	for i := range d.Memos {
		m := &d.Memos[i]
		key := ledger.Key{Day: m.Day, Subject: m.Subject, ID: m.ID}
		if m.Kind != docket.KindUnconfirmed || seen[key] {
			continue
		}
		seen[key] = true
		spend, ok := identity.ParseUnconfirmed(m.ID)
		if !ok {
			return fmt.Errorf("unconfirmed: %x is no id of a tap without a TAC", m.ID)
		}
		cards, days, ids = append(cards, []byte(m.Subject)), append(days, int32(m.Day)), append(ids, []byte(spend))
	}
	if len(cards) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO unconfirmed_taps (card, day, id, booked, decided)
		SELECT u.card, u.day, u.id, $4, '' FROM unnest($1::BYTEA[], $2::INT4[], $3::BYTEA[]) AS u (card, day, id)
		ON CONFLICT (card, day, id) DO NOTHING`, cards, days, ids, d.Source.Day)
	if err != nil {
		return fmt.Errorf("keep taps without a TAC: %w", err)
	}
	return nil
}

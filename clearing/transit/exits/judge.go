package exits

import (
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// Judge rules on batches of exit tickets. It is safe for concurrent use.
type Judge struct{ Registry *registry.Registry }

// Rule decides every record and adds it to the docket, in order.
func (j *Judge) Rule(records []docket.Record, d *docket.Docket) {
	edition := j.Registry.Current()
	d.Versions = map[string]string{"registry": edition.Version()}
	for i := range records {
		r := &records[i]
		t, err := message.CheckExitTicket(r.Value)
		if err != nil {
			d.Reject(faultOf(r.Value), chart.ExitTicket, r.Offset, r.Value)
			continue
		}
		purpose, fen := chart.ExitTicket, ledger.Fen(t.GetCashFen())
		if v := t.GetVoid(); v != nil {
			purpose, fen = chart.ExitVoid, -ledger.Fen(v.GetCashBackFen())
		}
		key := KeyOf(t)
		ruling := d.Note(purpose, max(fen, -fen), key, r.Value)
		ruling.Operator = OperatorOf(edition, t)
		ruling.Asides = []docket.Aside{{Day: key.Day, Purpose: purpose, Fen: fen}}
	}
}

// faultOf is the reason for which a record is refused.
func faultOf(value []byte) verdict.Reason {
	var t message.ExitTicket
	if len(value) <= message.RecordLimit && (proto.Unmarshal(value, &t) != nil || len(t.GetTerminal()) == 0) {
		return verdict.Undecodable
	}
	return verdict.InvalidField
}

// OperatorOf is the operator whose desk gave a ticket.
func OperatorOf(edition *index.Edition, t *message.ExitTicket) string {
	if terminal, ok := edition.Terminal([6]byte(t.GetTerminal()), dayOf(t)); ok {
		return terminal.Operator
	}
	return docket.UnregisteredOperator
}

// KeyOf is the key under which what a desk says of a ticket is kept. It has passed
// CheckExitTicket.
func KeyOf(t *message.ExitTicket) ledger.Key {
	id := identity.ExitTicket(t.GetNumber())
	if t.GetVoid() != nil {
		id = identity.ExitVoid(t.GetNumber())
	}
	return ledger.Key{Day: dayOf(t), Subject: identity.Desk(t.GetTerminal()), ID: id}
}

func dayOf(t *message.ExitTicket) ledger.Day {
	given, err := message.ParseTime(t.GetTime(), time.UTC)
	if err != nil { // it has passed CheckExitTicket
		return identity.NoDay
	}
	return ledger.DayOf(given)
}

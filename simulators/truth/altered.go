package truth

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// coverage says which fields a transaction's TAC covers, directly or through its key, and what its
// message may not hold. Fields are named as in the message that carries the transaction.
type coverage struct {
	covered, open []string
	types         []uint32 // that a record of the topic may have
}

// coverageOf writes the protocol down. The key of a card is derived from institution and city of
// its issuer and the last sixteen digits of its number; the TAC of a purchase covers amount, type,
// terminal, the SAM's sequence and the time, that of a load the new balance, the online sequence,
// amount, type, terminal and time. Taps are purchases (06) and composite ones (09), loads are loads
// (02). A second code is ignored if the terminal gives no reason for it, and these records give
// none.
func coverageOf(topic string) coverage {
	if topic == "loads" {
		return coverage{
			covered: []string{"amount-fen", "terminal", "online-sequence", "time", "new-balance-fen", "tac"},
			open:    []string{"medium", "key-version", "algorithm", "order", "channel", "other-tac", "other-tac-reason", "overdraft-fen"},
			types:   []uint32{0x02},
		}
	}
	return coverage{
		covered: []string{"amount-fen", "terminal", "terminal-sequence", "time", "tac"},
		open: []string{
			"medium", "key-version", "algorithm", "other-tac", "other-tac-reason", "card-counter", "balance-fen", "mode", "movement", "line", "station",
			"entry-station", "entry-time", "card-type", "fare-version", "vehicle", "service-mode", "reason", "cash-fen", "staff", "marks", "entry-line",
			"operator", "here",
		},
		types: []uint32{0x06, 0x09},
	}
}

// Altered returns the facts of a copy of a tap or load in which one byte of one field was changed;
// now is the field's new value. A field that no key and no TAC covers changes nothing. sure is
// false if the city's own keys do not decide: with a changed covered byte, a record of another
// city's card is another record, and this city cannot say that it was never signed. Only a change
// of its TAC leaves it the same record, which then has a second, different TAC.
func (f Facts) Altered(topic, field string, place int, now []byte) (altered Facts, sure bool, err error) {
	c := coverageOf(topic)
	covered := slices.Contains(c.covered, field)
	switch field {
	case "type":
		if !slices.Contains(c.types, number(now)) {
			f.OtherType = true
			return f, true, nil
		}
		covered = true
	case "card":
		covered = place >= 2
	case "issuer":
		covered = place < 4
	case "key-version": // one byte
		f.Invalid = f.Invalid || number(now) > 0xFF
	case "online-sequence": // two bytes
		f.Invalid = f.Invalid || number(now) > 0xFFFF
	case "amount-fen": // a load of nothing is none
		f.Invalid = f.Invalid || topic == "loads" && number(now) == 0
	default:
		if !covered && !slices.Contains(c.open, field) {
			return f, false, fmt.Errorf("truth: %s: nothing is known of a field %q", topic, field)
		}
	}
	f.Forged = f.Forged || covered
	return f, !covered || !f.Foreign || f.Invalid || field == "tac", nil
}

// number is a field of four bytes, high byte first.
func number(b []byte) uint32 {
	if len(b) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

// SignedTap returns what a card signed of a tap besides its key: the amount and the time. For
// another city's card, whose tac this city cannot check, it also includes the tac.
func SignedTap(amount uint32, time, tac []byte, foreign bool) []byte {
	b := append(binary.BigEndian.AppendUint32(nil, amount), time...)
	if foreign {
		b = append(b, tac...)
	}
	return b
}

// SignedLoad returns what a card signed of a load besides its key.
func SignedLoad(amount, newBalance uint32, terminal, time []byte) []byte {
	b := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, amount), newBalance)
	return append(append(b, terminal...), time...)
}

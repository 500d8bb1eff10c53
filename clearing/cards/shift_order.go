package cards

import (
	"crypto/sha256"
	"fmt"

	"citycard/clearing/people"
	"citycard/ledger"
)

// The acts of a shift.
const (
	ActOpenShift  = "open shift"
	ActCloseShift = "close shift"
)

// ShiftOrder opens or closes a shift at a counter.
type ShiftOrder struct {
	Number  string     `json:"order"`
	Channel string     `json:"channel"`
	Counter string     `json:"counter"`
	Ends    bool       `json:"ends,omitempty"`
	Start   ledger.Fen `json:"start_fen,omitempty"`   // cash at the beginning, of one that opens
	Loaded  ledger.Fen `json:"loaded_fen,omitempty"`  // cash for loads, of one that closes
	Counted ledger.Fen `json:"counted_fen,omitempty"` // cash that was counted, of one that closes
}

// Unit is the channel's.
func (o *ShiftOrder) Unit() people.Unit { return people.Unit("channel:" + o.Channel) }

// What is what a person signs who does it.
func (o *ShiftOrder) What() string {
	if o.Ends {
		return fmt.Sprintf("order %s of %s at %s: close with %d fen of loads, counted %d fen", o.Number, o.Unit(), o.Counter, o.Loaded, o.Counted)
	}
	return fmt.Sprintf("order %s of %s at %s: open with %d fen", o.Number, o.Unit(), o.Counter, o.Start)
}

// Content is the hash of all that the order asks for.
func (o *ShiftOrder) Content() [sha256.Size]byte { return sha256.Sum256([]byte(o.What())) }

package cards

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"citycard/clearing/identity"
	"citycard/clearing/people"
	"citycard/language"
	"citycard/ledger"
)

// The acts of a shift. Nobody does ActHandOver alone: who receives the cash signs ActByTwo, and
// under ActHandOver one person asks whether that was done. ActAnothers is none by itself: the
// policy says by it who may do acts of a shift that somebody else has opened.
const (
	ActOpenShift  = "open shift"
	ActOpenOther  = "open shift otherwise" // than the one before has left it
	ActCloseShift = "close shift"
	ActByTwo      = "shift cash by two people"
	ActHandOver   = "hand cash over"
	ActGiveBack   = "give cash of load back"
	ActAnothers   = "work in another's shift"
)

// ShiftDo is what is done with a shift.
type ShiftDo string

// What there is to do.
const (
	Opens     ShiftDo = "open"
	Closes    ShiftDo = "close"
	HandsOver ShiftDo = "hand_over" // cash of the shift that is open or, where none is, of the last one
	GivesBack ShiftDo = "give_back" // cash of a load that its channel has got back, to the customer
)

// To where cash is handed over.
const (
	ToSafe = "safe"
	ToBank = "bank"
)

// ShiftOrder does something with a shift at a counter.
type ShiftOrder struct {
	Number  string     `json:"order"`
	Channel string     `json:"channel"`
	Counter string     `json:"counter"`
	Do      ShiftDo    `json:"do"`
	Start   ledger.Fen `json:"start_fen,omitempty"` // cash at the beginning, of one that opens
	// Otherwise says that it begins with other cash than the one before has left.
	Otherwise bool       `json:"otherwise,omitempty"`
	Loaded    ledger.Fen `json:"loaded_fen,omitempty"`  // of one that closes: what the counter says that loads brought
	Counted   ledger.Fen `json:"counted_fen,omitempty"` // cash that was counted, of one that closes
	Handed    ledger.Fen `json:"handed_fen,omitempty"`  // cash that is handed over
	To        string     `json:"to,omitempty"`          // to where
	Load      string     `json:"load,omitempty"`        // order number of the load whose cash is given back
	Given     ledger.Fen `json:"given_fen,omitempty"`   // cash that is given back
}

// Unit is the channel's.
func (o *ShiftOrder) Unit() people.Unit { return people.Unit("channel:" + o.Channel) }

// What is what a person signs who does it.
func (o *ShiftOrder) What() string {
	of := fmt.Sprintf("order %s of %s at %s: ", o.Number, o.Unit(), o.Counter)
	switch o.Do {
	case Closes:
		return of + fmt.Sprintf("close with %d fen of loads, counted %d fen", o.Loaded, o.Counted)
	case HandsOver:
		return of + fmt.Sprintf("hand %d fen over to %s", o.Handed, o.To)
	case GivesBack:
		return of + fmt.Sprintf("give %d fen of load order %s back", o.Given, o.Load)
	case Opens:
	}
	of += fmt.Sprintf("open with %d fen", o.Start)
	if o.Otherwise {
		of += ", not as the shift before has left it"
	}
	return of
}

// Content is the hash of all that the order asks for.
func (o *ShiftOrder) Content() [sha256.Size]byte { return sha256.Sum256([]byte(o.What())) }

// Act is the order's act as policy and audit name it, of one person.
func (o *ShiftOrder) Act() string {
	switch {
	case o.Do == Closes:
		return ActCloseShift
	case o.Do == HandsOver:
		return ActHandOver
	case o.Do == GivesBack:
		return ActGiveBack
	case o.Otherwise:
		return ActOpenOther
	}
	return ActOpenShift
}

// Check refuses an order that is wrong by itself, with an *OrderError.
func (o *ShiftOrder) Check() error {
	wrong := func(field string, what *language.Text) error { return &OrderError{field, what} }
	if err := checkPlace(o.Number, o.Unit(), o.Counter); err != nil {
		return err
	}
	for field, fen := range map[string]ledger.Fen{"start_fen": o.Start, "counted_fen": o.Counted, "handed_fen": o.Handed, "given_fen": o.Given} {
		if fen < 0 || fen > ledger.MaxAmount {
			return wrong(field, language.Textf("want an amount that is not below zero"))
		}
	}
	switch {
	case o.Do != Opens && o.Do != Closes && o.Do != HandsOver && o.Do != GivesBack:
		return wrong("do", language.Textf("%q is nothing that is done with a shift", string(o.Do)))
	case o.Loaded > ledger.MaxAmount || o.Loaded < -ledger.MaxAmount:
		return wrong("loaded_fen", language.Textf("want an amount"))
	case (o.Do == HandsOver) != (o.Handed > 0) || (o.Do == HandsOver) != (o.To == ToSafe || o.To == ToBank):
		return wrong("handed_fen", language.Textf("want what is handed over to safe or bank, and only there"))
	case (o.Do == GivesBack) != (o.Given > 0) || (o.Do == GivesBack) != (o.Load != "") || o.Load != "" && !identity.IsName(o.Load, MaxOrder):
		return wrong("given_fen", language.Textf("want what is given back, and the order number of its load, and only there"))
	}
	return nil
}

// terminals reads the terminals of a shift's row.
func terminals(text string) (all [][]byte, err error) {
	for _, t := range strings.Fields(text) {
		raw, err := hex.DecodeString(t)
		if err != nil {
			return nil, fmt.Errorf("terminals of a shift: %w", err)
		}
		all = append(all, raw)
	}
	return all, nil
}

// IsShift reports whether an act is one on a shift.
func IsShift(act string) bool { return slices.Contains(ShiftActs(), act) }

// ShiftActs are the acts on shifts.
func ShiftActs() []string {
	return []string{ActOpenShift, ActOpenOther, ActCloseShift, ActByTwo, ActHandOver, ActGiveBack}
}

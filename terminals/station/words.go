package station

import (
	"errors"
	"time"

	"citycard/clearing/message"
	"citycard/language"
	"citycard/terminals/hotlist"
)

// ParseCode reads the code of a reason; the error is ErrReason.
func ParseCode(code string) (message.UpdateReason, error) {
	for number := range message.UpdateReason_name {
		if reason := message.UpdateReason(number); number != 0 && reason.Code() == code {
			return reason, nil
		}
	}
	return 0, ErrReason
}

// Name is a reason in words.
func Name(reason message.UpdateReason) *language.Text {
	switch reason {
	case message.UpdateReason_UPDATE_REASON_EXIT_TIMEOUT:
		return language.Textf("inside for too long")
	case message.UpdateReason_UPDATE_REASON_OVER_TRAVEL:
		return language.Textf("trip beyond the balance")
	case message.UpdateReason_UPDATE_REASON_NO_ENTRY:
		return language.Textf("no entry")
	case message.UpdateReason_UPDATE_REASON_HAS_ENTRY:
		return language.Textf("has an entry")
	case message.UpdateReason_UPDATE_REASON_ENTRY_TIMEOUT:
		return language.Textf("has an old entry")
	}
	return language.Textf("unknown reason")
}

// Text says what the update does.
func (o *Offer) Text() *language.Text {
	if !o.Ends() {
		return language.Textf("writes an entry at station %d, now; a gate takes the fare", o.Entry)
	}
	if o.Entry == 0 {
		return language.Textf("ends the trip here, for the highest fare; the passenger is let out by staff")
	}
	if area, err := AreaOf(o.Reason); err == nil && area == Inside {
		return language.Textf("ends the trip from station %d here; the passenger is let out by staff", o.Entry)
	}
	return language.Textf("ends the trip from station %d here; then a gate lets the card in", o.Entry)
}

// Text says what was found, and what helps.
func (f *Finding) Text() *language.Text {
	entered := f.Entered.Format(time.DateTime)
	switch f.Fault {
	case Nothing:
		return f.passes()
	case Unreadable:
		return language.Textf("the card cannot be read: hold it again; if that does not help, its issuer replaces it: %w", f.Why)
	case NotTransit:
		return language.Textf("this is not a transit card")
	case Blocked:
		return language.Textf("the card is blocked: its issuer can tell why")
	case Open:
		return language.Textf("the gates are open in an emergency, and do nothing to cards")
	case NotEnabled:
		return language.Textf("the card is not in use yet: its issuer enables it")
	case Expired:
		return language.Textf("the card is not valid on this day: its issuer replaces it")
	case Elsewhere:
		return language.Textf("the card is not valid in this city")
	case Listed:
		return f.listed()
	case NoFare:
		return language.Textf("a gate has no fare for this card: %w", f.Why)
	case HasEntry:
		return language.Textf("the card got in at station %d at %s and has not left: update 10 ends that trip here for %s yuan", f.Entry, entered, yuan(f.Fen))
	case EntryTimeout:
		return language.Textf("the card got in at station %d at %s, longer ago than a trip may take: a gate lets it in again; update 12 ends that trip for %s yuan", f.Entry, entered, yuan(f.Fen))
	case NoEntry:
		return language.Textf("the card has not got in: update 03 writes the entry at the station which the passenger names, or ends the trip here for the highest fare, %s yuan", yuan(f.Fen))
	case Clock:
		return language.Textf("the card got in at %s, which is in the future: this clock or the gate's is wrong", entered)
	case ExitTimeout:
		return language.Textf("the card got in at station %d at %s, longer ago than a trip may take: a gate, or update 01, takes the highest fare, %s yuan; the card holds %s", f.Entry, entered, yuan(f.Fen), yuan(f.Balance))
	case BelowMinimum:
		return language.Textf("the card holds %s yuan, and needs %s to get in: load it", yuan(f.Balance), yuan(f.Minimum))
	case OverTravel:
		return language.Textf("the trip from station %d costs %s yuan, and the card holds %s: load it, or update 02 takes cash", f.Entry, yuan(f.Fen), yuan(f.Balance))
	}
	return language.Textf("unknown fault")
}

func (f *Finding) passes() *language.Text {
	if f.Area == Outside {
		return language.Textf("nothing is wrong: a gate lets the card in")
	}
	return language.Textf("nothing is wrong: a gate lets the card out for %s yuan", yuan(f.Fen))
}

func (f *Finding) listed() *language.Text {
	if row, ok := errors.AsType[*hotlist.ListedError](f.Why); ok {
		return language.Textf("the card is on the hotlist since %s (%s): keep it from the gates", row.Since, row.Reason)
	}
	return language.Textf("the card is on the hotlist: keep it from the gates")
}

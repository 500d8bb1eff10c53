package exits

import (
	"time"

	"citycard/clearing/message"
	"citycard/language"
)

// Here is the desk.
type Here struct {
	Terminal      [6]byte // of its SAM
	Line, Station uint32
	Valid         time.Duration // of a ticket
}

// Request is what the staff ask for.
type Request struct {
	Reason  message.ExitReason
	Update  message.UpdateReason // with TRIP_ENDED: the update that ended it
	Cash    uint32               // fen; 0 with TRIP_ENDED
	Card    []byte               // 10 bytes BCD, or none
	Staff   string
	Because string // must be given where staff decide
}

// The reasons why no ticket is given, or none is made void.
var (
	ErrReason  = language.Textf("there is no such reason; there are damaged, lost, ended and staff")
	ErrUpdate  = language.Textf("of a trip that a desk has ended say by which update: 01, 02, 03, 10 or 12; of another reason there is none")
	ErrCash    = language.Textf("a ticket costs at most 1,000 yuan, and nothing for a trip that a desk has ended: its update was paid")
	ErrStaff   = language.Textf("who does it gives a name or number, at most 32 characters")
	ErrBecause = language.Textf("say why, in at most 100 characters")
	ErrBack    = language.Textf("more would be given back than was paid")
	ErrUnknown = language.Textf("the desk does not remember a ticket of that number; it remembers its last 32")
	ErrVoid    = language.Textf("the ticket does not count any more")
)

func (q *Request) check() error {
	ended := q.Reason == message.ExitReason_EXIT_REASON_TRIP_ENDED
	least := 0
	if q.Reason == message.ExitReason_EXIT_REASON_STAFF {
		least = 1
	}
	switch {
	case q.Reason == message.ExitReason_EXIT_REASON_UNSPECIFIED:
		return ErrReason
	case ended != (q.Update != message.UpdateReason_UPDATE_REASON_UNSPECIFIED):
		return ErrUpdate
	case q.Cash > message.TicketCashLimit, ended && q.Cash > 0:
		return ErrCash
	case !message.Visible(q.Staff, 1, message.StaffLimit):
		return ErrStaff
	case !message.Visible(q.Because, least, message.BecauseLimit):
		return ErrBecause
	}
	return nil
}

// ParseReason reads the name of a reason.
func ParseReason(name string) (message.ExitReason, error) {
	for number := range message.ExitReason_name {
		if reason := message.ExitReason(number); number != 0 && ReasonName(reason) == name {
			return reason, nil
		}
	}
	return 0, ErrReason
}

// ReasonName is the name of a reason for programs.
func ReasonName(reason message.ExitReason) string {
	switch reason {
	case message.ExitReason_EXIT_REASON_DAMAGED_CARD:
		return "damaged"
	case message.ExitReason_EXIT_REASON_LOST_TICKET:
		return "lost"
	case message.ExitReason_EXIT_REASON_TRIP_ENDED:
		return "ended"
	case message.ExitReason_EXIT_REASON_STAFF:
		return "staff"
	}
	return "unknown"
}

// Reason is a reason in words.
func Reason(reason message.ExitReason) *language.Text {
	switch reason {
	case message.ExitReason_EXIT_REASON_DAMAGED_CARD:
		return language.Textf("the card cannot be read")
	case message.ExitReason_EXIT_REASON_LOST_TICKET:
		return language.Textf("neither card nor ticket")
	case message.ExitReason_EXIT_REASON_TRIP_ENDED:
		return language.Textf("the trip was ended at the desk")
	case message.ExitReason_EXIT_REASON_STAFF:
		return language.Textf("staff decide")
	}
	return language.Textf("unknown reason")
}

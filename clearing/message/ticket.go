package message

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/bcd"
)

// Limits of an exit ticket.
const (
	// TicketCashLimit is the most that a ticket may cost, fen: ours, so that a slip of the hand is
	// seen at the desk.
	TicketCashLimit = 1000_00
	// TicketValidLimit is how long a ticket may be valid.
	TicketValidLimit = 24 * time.Hour
	// StaffLimit and BecauseLimit are the most characters of a name and of a reason in words.
	StaffLimit   = 32
	BecauseLimit = 100
)

// TicketKey is the key of a desk's tickets on the topic: the number of its SAM, 12 digits.
func TicketKey(t *ExitTicket) []byte { return []byte(hex.EncodeToString(t.GetTerminal())) }

// TicketName is a ticket's number as its paper has it: SAM, day, running number.
func TicketName(t *ExitTicket) string {
	day := t.GetTime()[:min(4, len(t.GetTime()))]
	return fmt.Sprintf("%x-%x-%04d", t.GetTerminal(), day, t.GetNumber())
}

// CheckExitTicket reads a record of topic exit.tickets: a ticket, or that it is void.
func CheckExitTicket(value []byte) (*ExitTicket, error) {
	if len(value) > RecordLimit {
		return nil, fmt.Errorf("an exit ticket of %d bytes, at most %d", len(value), RecordLimit)
	}
	t := new(ExitTicket)
	if err := proto.Unmarshal(value, t); err != nil {
		return nil, fmt.Errorf("no exit ticket: %w", err)
	}
	return t, t.check()
}

func (x *ExitTicket) check() error {
	given, err := ParseTime(x.GetTime(), time.UTC)
	if err != nil {
		return err
	}
	until, err := ParseTime(x.GetValidUntil(), time.UTC)
	if err != nil {
		return fmt.Errorf("valid_until: %w", err)
	}
	const maxPlace = 0xFFFF
	switch {
	case len(x.GetTerminal()) != terminalLen:
		return fmt.Errorf("terminal has %d bytes, want %d", len(x.GetTerminal()), terminalLen)
	case x.GetNumber() == 0:
		return errors.New("number is 0; numbers begin at 1")
	case !until.After(given) || until.Sub(given) > TicketValidLimit:
		return fmt.Errorf("it is valid for %s, want more than nothing and at most %s", until.Sub(given), TicketValidLimit)
	case x.GetCashFen() > TicketCashLimit:
		return fmt.Errorf("cash_fen is %d, at most %d", x.GetCashFen(), TicketCashLimit)
	case !FixedOrAbsent(x.GetCard(), cardLen) || !bcd.Valid(x.GetCard()):
		return errors.New("card is not a number of 20 digits in BCD, nor absent")
	case x.GetStation() == 0 || x.GetStation() > maxPlace || x.GetLine() > maxPlace:
		return fmt.Errorf("station %d, line %d: want a station, and both at most %d", x.GetStation(), x.GetLine(), maxPlace)
	}
	if err := seen("staff", x.GetStaff(), 1, StaffLimit); err != nil {
		return err
	}
	if err := x.checkReason(); err != nil {
		return err
	}
	return x.checkVoid()
}

func (x *ExitTicket) checkReason() error {
	_, update := UpdateReason_name[int32(x.GetUpdate())]
	ended, least := x.GetReason() == ExitReason_EXIT_REASON_TRIP_ENDED, 0
	switch x.GetReason() {
	case ExitReason_EXIT_REASON_DAMAGED_CARD, ExitReason_EXIT_REASON_LOST_TICKET, ExitReason_EXIT_REASON_TRIP_ENDED:
	case ExitReason_EXIT_REASON_STAFF:
		least = 1
	default:
		return fmt.Errorf("reason is %d", x.GetReason())
	}
	switch {
	case !update || ended != (x.GetUpdate() != UpdateReason_UPDATE_REASON_UNSPECIFIED):
		return fmt.Errorf("update is %d, with reason %d", x.GetUpdate(), x.GetReason())
	case ended && x.GetCashFen() != 0:
		return errors.New("there is cash for a trip that an update has ended: the update has it")
	}
	return seen("because", x.GetBecause(), least, BecauseLimit)
}

func (x *ExitTicket) checkVoid() error {
	v := x.GetVoid()
	if v == nil {
		return nil
	}
	if _, err := ParseTime(v.GetTime(), time.UTC); err != nil {
		return fmt.Errorf("void: %w", err)
	}
	if v.GetCashBackFen() > x.GetCashFen() {
		return fmt.Errorf("cash_back_fen is %d of %d", v.GetCashBackFen(), x.GetCashFen())
	}
	if err := seen("staff of void", v.GetStaff(), 1, StaffLimit); err != nil {
		return err
	}
	return seen("because of void", v.GetBecause(), 1, BecauseLimit)
}

// seen returns an error unless a text is visible.
func seen(name, text string, least, most int) error {
	if Visible(text, least, most) {
		return nil
	}
	return fmt.Errorf("%s: want %d to %d characters that can be seen", name, least, most)
}

// Visible reports whether a text has so many characters, and each can be seen.
func Visible(text string, least, most int) bool {
	n := utf8.RuneCountInString(text)
	return n >= least && n <= most && utf8.ValidString(text) && !strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsGraphic(c) })
}

package exits

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/language"
)

// Paper is a ticket as text, with a heading of its own, if any.
func Paper(t *message.ExitTicket, heading string, l language.Language) string {
	var b strings.Builder
	row := func(name, value string) { fmt.Fprintf(&b, "%s: %s\n", name, value) }
	if heading != "" {
		b.WriteString(heading + "\n")
	}
	b.WriteString(l.Of("Exit ticket") + "\n")
	row(l.Of("number"), message.TicketName(t))
	row(l.Of("valid until"), Clock(t.GetValidUntil()))
	row(l.Of("station"), Place(t))
	row(l.Of("time"), Clock(t.GetTime()))
	row(l.Of("reason"), Why(t).In(l))
	row(l.Of("paid in cash"), language.Textf("%s yuan", Yuan(t.GetCashFen())).In(l))
	if card := Card(t); card != "" {
		row(l.Of("card"), card)
	}
	row(l.Of("staff"), t.GetStaff())
	b.WriteString(l.Of("Give it to the staff at the side gate. No gate reads it.") + "\n")
	return b.String()
}

// Why is the reason of a ticket, with the update and the words of staff, if any.
func Why(t *message.ExitTicket) *language.Text {
	switch {
	case t.GetUpdate() != message.UpdateReason_UPDATE_REASON_UNSPECIFIED && t.GetBecause() != "":
		return language.Textf("%w, update %s (%s)", Reason(t.GetReason()), t.GetUpdate().Code(), t.GetBecause())
	case t.GetUpdate() != message.UpdateReason_UPDATE_REASON_UNSPECIFIED:
		return language.Textf("%w, update %s", Reason(t.GetReason()), t.GetUpdate().Code())
	case t.GetBecause() != "":
		return language.Textf("%w (%s)", Reason(t.GetReason()), t.GetBecause())
	}
	return Reason(t.GetReason())
}

// Card is the card of a ticket, masked; empty where nobody knows it.
func Card(t *message.ExitTicket) string {
	if len(t.GetCard()) == 0 {
		return ""
	}
	return tunion.Masked(hex.EncodeToString(t.GetCard()))
}

// Place is the station of a ticket, after its line where it has one.
func Place(t *message.ExitTicket) string {
	if t.GetLine() == 0 {
		return fmt.Sprint(t.GetStation())
	}
	return fmt.Sprintf("%d/%d", t.GetLine(), t.GetStation())
}

// Clock is a time of a ticket for people; one that does not exist is shown as it is.
func Clock(at []byte) string {
	t, err := message.ParseTime(at, time.UTC)
	if err != nil {
		return hex.EncodeToString(at)
	}
	return t.Format(time.DateTime)
}

// Over reports whether a ticket is not valid any more at a time in the city's zone.
func Over(t *message.ExitTicket, at time.Time) bool {
	until, err := message.ParseTime(t.GetValidUntil(), at.Location())
	return err == nil && !at.Before(until)
}

// State is what a ticket is worth at a time in the city's zone.
func State(t *message.ExitTicket, at time.Time) *language.Text {
	switch v := t.GetVoid(); {
	case v != nil:
		return language.Textf("void (%s): %s; %s yuan given back", v.GetStaff(), v.GetBecause(), Yuan(v.GetCashBackFen()))
	case Over(t, at):
		return language.Textf("its time is over")
	}
	return language.Textf("valid, unless it was used")
}

// ParseYuan reads an amount in yuan.
func ParseYuan(text string) (fen uint32, err error) {
	const most = 1_000_000
	whole, part, pointed := strings.Cut(text, ".")
	yuan, err := strconv.ParseUint(whole, 10, 32)
	cents, none := strconv.ParseUint((part + "00")[:2], 10, 8)
	if err != nil || none != nil || yuan >= most || len(part) > 2 || pointed && part == "" {
		return 0, language.Textf("want yuan with at most two decimals")
	}
	return uint32(100*yuan + cents), nil
}

// Yuan writes fen, which may be below zero, as yuan.
func Yuan[T uint32 | int32](fen T) string {
	sign, whole := "", int64(fen)
	if whole < 0 {
		sign, whole = "-", -whole
	}
	return fmt.Sprintf("%s%d.%02d", sign, whole/100, whole%100)
}

package message_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
)

func ticket() *message.ExitTicket {
	return &message.ExitTicket{
		Terminal: []byte{0x99, 0x99, 0, 0, 0, 1}, Number: 7, Time: []byte{0x20, 0x26, 1, 5, 8, 0x31, 0x40},
		ValidUntil: []byte{0x20, 0x26, 1, 5, 8, 0x46, 0x40}, Reason: message.ExitReason_EXIT_REASON_LOST_TICKET,
		CashFen: 900, Staff: "A17", Line: 1, Station: 2,
	}
}

// TestExitTicketRules refuses each record that a desk would not make.
func TestExitTicketRules(t *testing.T) {
	full := ticket()
	full.Reason, full.Because, full.Card = message.ExitReason_EXIT_REASON_STAFF, "上车前已付", []byte{3, 0x10, 0x49, 0x99, 0x90, 0, 0, 0, 0, 0x17}
	full.Void = &message.TicketVoid{Time: full.GetValidUntil(), Staff: "B2", Because: "printed twice", CashBackFen: 900}
	ended := ticket()
	ended.Reason, ended.Update, ended.CashFen = message.ExitReason_EXIT_REASON_TRIP_ENDED, message.UpdateReason_UPDATE_REASON_OVER_TRAVEL, 0
	for _, good := range []*message.ExitTicket{ticket(), full, ended} {
		value, err := proto.Marshal(good)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := message.CheckExitTicket(value); err != nil || !proto.Equal(got, good) {
			t.Errorf("%v is refused: %v", good, err)
		}
	}
	if name := message.TicketName(full); name != "999900000001-20260105-0007" || string(message.TicketKey(full)) != "999900000001" {
		t.Errorf("it is called %s", name)
	}
	for name, spoil := range map[string]func(m *message.ExitTicket){
		"terminal": func(m *message.ExitTicket) { m.Terminal = m.Terminal[1:] },
		"number":   func(m *message.ExitTicket) { m.Number = 0 },
		"time":     func(m *message.ExitTicket) { m.Time = []byte{0x20, 0x26, 0x13, 5, 8, 0x31, 0x40} },
		"until":    func(m *message.ExitTicket) { m.ValidUntil = nil },
		"over":     func(m *message.ExitTicket) { m.ValidUntil = m.Time },
		"long":     func(m *message.ExitTicket) { m.ValidUntil = []byte{0x20, 0x26, 1, 6, 8, 0x31, 0x41} },
		"reason":   func(m *message.ExitTicket) { m.Reason = 9 },
		"none":     func(m *message.ExitTicket) { m.Reason = 0 },
		"update":   func(m *message.ExitTicket) { m.Update = message.UpdateReason_UPDATE_REASON_NO_ENTRY },
		"no update": func(m *message.ExitTicket) {
			m.Reason, m.CashFen, m.Because = message.ExitReason_EXIT_REASON_TRIP_ENDED, 0, ""
		},
		"odd update": func(m *message.ExitTicket) {
			m.Reason, m.CashFen, m.Update = message.ExitReason_EXIT_REASON_TRIP_ENDED, 0, 5
		},
		"cash of an update": func(m *message.ExitTicket) {
			m.Reason, m.Update = message.ExitReason_EXIT_REASON_TRIP_ENDED, message.UpdateReason_UPDATE_REASON_NO_ENTRY
		},
		"cash":      func(m *message.ExitTicket) { m.CashFen = message.TicketCashLimit + 1 },
		"card":      func(m *message.ExitTicket) { m.Card = m.Card[1:] },
		"digits":    func(m *message.ExitTicket) { m.Card[3] = 0xA0 },
		"staff":     func(m *message.ExitTicket) { m.Staff = "" },
		"long name": func(m *message.ExitTicket) { m.Staff = strings.Repeat("长", message.StaffLimit+1) },
		"unseen":    func(m *message.ExitTicket) { m.Staff = "A\u200b17" },
		"why":       func(m *message.ExitTicket) { m.Because = "" },
		"long why":  func(m *message.ExitTicket) { m.Because = strings.Repeat("x", message.BecauseLimit+1) },
		"station":   func(m *message.ExitTicket) { m.Station = 0 },
		"line":      func(m *message.ExitTicket) { m.Line = 0x10000 },
		"void time": func(m *message.ExitTicket) { m.Void.Time = nil },
		"void by":   func(m *message.ExitTicket) { m.Void.Staff = "" },
		"void why":  func(m *message.ExitTicket) { m.Void.Because = "\n" },
		"back":      func(m *message.ExitTicket) { m.Void.CashBackFen = m.CashFen + 1 },
		"large": func(m *message.ExitTicket) {
			m.ProtoReflect().SetUnknown(append([]byte{0x82, 1, 0x80, 0x20}, make([]byte, 4096)...))
		},
	} {
		bad := proto.CloneOf(full)
		spoil(bad)
		value, err := proto.Marshal(bad)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := message.CheckExitTicket(value); err == nil {
			t.Errorf("%s: taken: %v", name, bad)
		}
	}
}

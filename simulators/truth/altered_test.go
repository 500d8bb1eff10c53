package truth

import (
	"testing"

	"citycard/clearing/message"
	"citycard/simulators/forgery"
)

// TestAltered works out, case by case, the expected outcome of a record with one changed byte.
func TestAltered(t *testing.T) {
	own, foreign := Facts{}, Facts{Foreign: true}
	for _, test := range []struct {
		name            string
		of              Facts
		topic, field    string
		place           int
		now             []byte
		verdict, reason string // of the altered record by itself
		sure            bool
	}{
		{"padding and first digit", own, "taps", "card", 0, nil, Cleared, "", true},
		{"third digit", own, "taps", "card", 1, nil, Cleared, "", true},
		{"first of the sixteen", own, "taps", "card", 2, nil, Rejected, "bad_tac", true},
		{"last digit", own, "taps", "card", 9, nil, Rejected, "bad_tac", true},
		{"institution", own, "taps", "issuer", 0, nil, Rejected, "bad_tac", true},
		{"city", own, "taps", "issuer", 3, nil, Rejected, "bad_tac", true},
		{"first of the tail", own, "taps", "issuer", 4, nil, Cleared, "", true},
		{"end of the tail", own, "taps", "issuer", 7, nil, Cleared, "", true},
		{"a purchase instead", own, "taps", "type", 3, []byte{0, 0, 0, 6}, Rejected, "bad_tac", true},
		{"an unload instead", own, "taps", "type", 3, []byte{0, 0, 0, 3}, Rejected, "transaction_type", true},
		{"type of two bytes", own, "taps", "type", 2, []byte{0, 1, 0, 9}, Rejected, "transaction_type", true},
		{"amount", own, "taps", "amount-fen", 3, []byte{0, 0, 0, 1}, Rejected, "bad_tac", true},
		{"amount of nothing", own, "taps", "amount-fen", 3, []byte{0, 0, 0, 0}, Rejected, "bad_tac", true},
		{"second", own, "taps", "time", 6, nil, Rejected, "bad_tac", true},
		{"TAC", own, "taps", "tac", 0, nil, Rejected, "bad_tac", true},
		{"station", own, "taps", "station", 0, nil, Cleared, "", true},
		{"another key version", own, "taps", "key-version", 3, []byte{0, 0, 0, 200}, Cleared, "", true},
		{"key version of two bytes", own, "taps", "key-version", 2, []byte{0, 0, 1, 0}, Rejected, "invalid_field", true},
		{"suspended all the same", Facts{Expired: true}, "taps", "line", 0, nil, Suspended, "card_expired", true},
		{"forged before it is suspended", Facts{Expired: true}, "taps", "tac", 0, nil, Rejected, "bad_tac", true},
		{"other city's station", foreign, "taps", "station", 0, nil, Pending, "", true},
		{"other city's padding", foreign, "taps", "card", 0, nil, Pending, "", true},
		{"other city's TAC", foreign, "taps", "tac", 0, nil, Pending, "", true},
		{"other city's amount", foreign, "taps", "amount-fen", 3, nil, Pending, "", false},
		{"other city's last digit", foreign, "taps", "card", 9, nil, Pending, "", false},
		{"other city's type", foreign, "taps", "type", 3, []byte{0, 0, 0, 7}, Rejected, "transaction_type", true},
		{"load's new balance", own, "loads", "new-balance-fen", 0, nil, Rejected, "bad_tac", true},
		{"load's order", own, "loads", "order", 0, nil, Cleared, "", true},
		{"load's channel", own, "loads", "channel", 0, nil, Cleared, "", true},
		{"load's sequence", own, "loads", "online-sequence", 3, []byte{0, 0, 1, 1}, Rejected, "bad_tac", true},
		{"load's sequence of three bytes", own, "loads", "online-sequence", 1, []byte{0, 1, 0, 1}, Rejected, "invalid_field", true},
		{"load of nothing", own, "loads", "amount-fen", 2, []byte{0, 0, 0, 0}, Rejected, "invalid_field", true},
		{"tap's type in a load", own, "loads", "type", 3, []byte{0, 0, 0, 9}, Rejected, "transaction_type", true},
	} {
		facts, sure, err := test.of.Altered(test.topic, test.field, test.place, test.now)
		verdict, reason := facts.judge()
		if err != nil || sure != test.sure || verdict != test.verdict || reason != test.reason {
			t.Errorf("%s: %s %q, sure %v, %v; want %s %q, sure %v", test.name, verdict, reason, sure, err, test.verdict, test.reason, test.sure)
		}
	}
	if _, _, err := own.Altered("taps", "colour", 0, nil); err == nil {
		t.Error("an unknown field was judged")
	}
}

// TestEveryFieldIsKnown asks about every field that the messages have.
func TestEveryFieldIsKnown(t *testing.T) {
	for topic, fields := range map[string][]string{"taps": forgery.Fields(&message.Tap{}), "loads": forgery.Fields(&message.Load{})} {
		for _, field := range fields {
			if _, _, err := (Facts{}).Altered(topic, field, 0, []byte{0, 0, 0, 1}); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestSignedDecides enters versions of one record. The signed part, and not the rest, decides
// whether a later version is a duplicate or disputed; a forged version is neither.
func TestSignedDecides(t *testing.T) {
	time := []byte{0x20, 0x26, 0x11, 0x24, 8, 0, 0}
	e := Entry{Topic: "taps", Value: []byte("one"), Key: SpendKey(20261124, card(), 9, gate(), 1), Purpose: Bus, Fen: 160, Payee: "operator:a"}
	version := func(value string, signed []byte, facts Facts) {
		e.Value, e.Signed, e.Facts = []byte(value), signed, facts
	}
	b := NewBook()
	for i, step := range []struct {
		value   string
		signed  []byte
		facts   Facts
		verdict string
	}{
		{"forged", SignedTap(160, time, nil, false), Facts{Forged: true}, Rejected},
		{"altered", SignedTap(160, time, nil, false), Facts{}, Cleared},
		{"original", SignedTap(160, time, nil, false), Facts{}, Duplicate},
		{"other amount", SignedTap(170, time, nil, false), Facts{}, Disputed},
		{"other amount", SignedTap(170, time, nil, false), Facts{}, Duplicate},
		{"other amount, other station", SignedTap(170, time, nil, false), Facts{}, Disputed},
		{"forged", SignedTap(160, time, nil, false), Facts{Forged: true}, Duplicate},
	} {
		version(step.value, step.signed, step.facts)
		if r := b.Enter(e); r.Verdict != step.verdict {
			t.Errorf("step %d, %s: %s, want %s", i, step.value, r.Verdict, step.verdict)
		}
	}
	e.Key = SpendKey(20261124, card(), 9, gate(), 2)
	for i, verdict := range []string{Pending, Disputed, Duplicate} {
		tac := []byte{byte(i % 2)}
		version(string(rune('a'+i)), SignedTap(160, time, tac, true), Facts{Foreign: true})
		if r := b.Enter(e); r.Verdict != verdict {
			t.Errorf("another city's version %d: %s, want %s", i, r.Verdict, verdict)
		}
	}
	e.Topic, e.Key, e.Purpose = "loads", LoadKey(20261124, card(), 2, 1), Load
	for i, balance := range []uint32{5000, 5000, 6000} {
		version(string(rune('x'+i)), SignedLoad(5000, balance, gate(), time), Facts{})
		if r := b.Enter(e); r.Verdict != []string{Cleared, Duplicate, Disputed}[i] {
			t.Errorf("load %d: %s", i, r.Verdict)
		}
	}
}

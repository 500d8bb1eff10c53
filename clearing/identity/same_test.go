package identity_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/identity"
	"citycard/clearing/message"
)

func encode(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func someTap() *message.Tap {
	id := card()
	return &message.Tap{CardCounter: 5, BalanceFen: 700, Debit: &message.Debit{
		Card: id.ASN[:], Issuer: id.Issuer[:], Type: 9, AmountFen: 80, Terminal: []byte{1, 2, 3, 4, 5, 6}, TerminalSequence: 7,
		Time: []byte{0x20, 0x26, 1, 5, 0x12, 0, 0}, Tac: []byte{1, 2, 3, 4}, KeyVersion: 1,
	}}
}

func someLoad() *message.Load {
	id := card()
	return &message.Load{
		Card: id.ASN[:], Issuer: id.Issuer[:], Type: 2, AmountFen: 5000, Terminal: []byte{1, 2, 3, 4, 5, 6}, OnlineSequence: 7,
		Time: []byte{0x20, 0x26, 1, 5, 0x12, 0, 0}, NewBalanceFen: 5700, Tac: []byte{1, 2, 3, 4}, Order: "o", Channel: "c",
	}
}

// TestSettledByTwoLanes: a torn tap that several lanes have settled is one, whether or not a lane's
// SAM told the TAC from MAC2, and in either order of the two.
func TestSettledByTwoLanes(t *testing.T) {
	tac, mac2 := someTap().GetDebit().GetTac(), []byte{9, 9, 9, 9}
	unsure := func(first, second []byte) *message.Tap {
		m := someTap()
		m.Debit.Tac, m.Debit.OtherTac, m.Debit.OtherTacReason = first, second, message.Unsure_UNSURE_TORN_TAP
		return m
	}
	lanes := [][]byte{encode(t, someTap()), encode(t, unsure(tac, mac2)), encode(t, unsure(mac2, tac))}
	for i, a := range lanes {
		for j, b := range lanes {
			if !identity.SameTap(a, b) {
				t.Errorf("lanes %d and %d have two taps of one debit", i, j)
			}
		}
	}
}

// TestSame changes one field at a time: what is signed makes another transaction, the rest
// does not.
func TestSame(t *testing.T) {
	for name, test := range map[string]struct {
		tap  func(*message.Tap)
		same bool
	}{
		"nothing":          {func(*message.Tap) {}, true},
		"first digits":     {func(m *message.Tap) { m.Debit.Card[0], m.Debit.Card[1] = 0xFF, 0xFF }, true},
		"issuer's tail":    {func(m *message.Tap) { copy(m.Debit.Issuer[4:], "tail") }, true},
		"counter":          {func(m *message.Tap) { m.CardCounter++ }, true},
		"balance":          {func(m *message.Tap) { m.BalanceFen++ }, true},
		"station":          {func(m *message.Tap) { m.Station++ }, true},
		"vehicle":          {func(m *message.Tap) { m.Vehicle = "B7" }, true},
		"key version":      {func(m *message.Tap) { m.Debit.KeyVersion = 2 }, true},
		"a code beside it": {func(m *message.Tap) { m.Debit.OtherTac = []byte{9, 9, 9, 9} }, true},
		"the other half": {func(m *message.Tap) {
			m.Debit.OtherTac, m.Debit.Tac, m.Debit.OtherTacReason = m.Debit.Tac, []byte{9, 9, 9, 9}, message.Unsure_UNSURE_TORN_TAP
		}, true},
		"the other half for no reason": {func(m *message.Tap) { m.Debit.OtherTac, m.Debit.Tac = m.Debit.Tac, []byte{9, 9, 9, 9} }, false},
		"a reason":                     {func(m *message.Tap) { m.Debit.OtherTacReason = message.Unsure_UNSURE_TORN_TAP }, true},
		"a field of later":             {func(m *message.Tap) { m.ProtoReflect().SetUnknown([]byte{0xA2, 6, 1, 7}) }, true},
		"last digit":                   {func(m *message.Tap) { m.Debit.Card[9]++ }, false},
		"third byte":                   {func(m *message.Tap) { m.Debit.Card[2]++ }, false},
		"issuer's city":                {func(m *message.Tap) { m.Debit.Issuer[3]++ }, false},
		"short card number":            {func(m *message.Tap) { m.Debit.Card = m.Debit.Card[2:] }, false},
		"type":                         {func(m *message.Tap) { m.Debit.Type = 6 }, false},
		"amount":                       {func(m *message.Tap) { m.Debit.AmountFen++ }, false},
		"terminal":                     {func(m *message.Tap) { m.Debit.Terminal[5]++ }, false},
		"sequence":                     {func(m *message.Tap) { m.Debit.TerminalSequence++ }, false},
		"second":                       {func(m *message.Tap) { m.Debit.Time[6]++ }, false},
		"code":                         {func(m *message.Tap) { m.Debit.Tac[3]++ }, false},
		"no code":                      {func(m *message.Tap) { m.Debit.Tac = nil }, false},
		"no debit":                     {func(m *message.Tap) { m.Debit = nil }, false},
	} {
		m := someTap()
		test.tap(m)
		a, b := encode(t, someTap()), encode(t, m)
		if identity.SameTap(a, b) != test.same || identity.SameTap(b, a) != test.same {
			t.Errorf("%s: the same tap %v, want %v", name, !test.same, test.same)
		}
	}
	for name, test := range map[string]struct {
		load func(*message.Load)
		same bool
	}{
		"nothing":       {func(*message.Load) {}, true},
		"first digits":  {func(m *message.Load) { m.Card[1] = 0xFF }, true},
		"issuer's tail": {func(m *message.Load) { m.Issuer[7]++ }, true},
		"order":         {func(m *message.Load) { m.Order, m.Channel = "p", "d" }, true},
		"last digit":    {func(m *message.Load) { m.Card[9]++ }, false},
		"type":          {func(m *message.Load) { m.Type = 1 }, false},
		"amount":        {func(m *message.Load) { m.AmountFen++ }, false},
		"terminal":      {func(m *message.Load) { m.Terminal[0]++ }, false},
		"sequence":      {func(m *message.Load) { m.OnlineSequence++ }, false},
		"time":          {func(m *message.Load) { m.Time[5]++ }, false},
		"new balance":   {func(m *message.Load) { m.NewBalanceFen++ }, false},
		"code":          {func(m *message.Load) { m.Tac[0]++ }, false},
	} {
		m := someLoad()
		test.load(m)
		if got := identity.SameLoad(encode(t, someLoad()), encode(t, m)); got != test.same {
			t.Errorf("%s: the same load %v, want %v", name, got, test.same)
		}
	}
	if identity.SameTap([]byte{0xFF}, []byte{0xFE}) || identity.SameLoad(nil, []byte{0xFF}) {
		t.Error("bytes that are no message are the same")
	}
}

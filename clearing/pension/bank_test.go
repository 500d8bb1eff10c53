package pension

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func person(n byte) Person { return Person{15: n} }

func TestCheckReturn(t *testing.T) {
	for _, c := range []struct {
		paid, returned int64
		want           string
	}{
		{320050, 320050, ""},
		{320050, 320049, CodeAmountDiffers}, // banks return a payment whole
		{320050, 320051, CodeAmountDiffers},
		{320050, 0, CodeAmountDiffers},
		{0, 320050, CodeNotPaid},
		{0, 0, CodeNotPaid},
	} {
		var got string
		if refusal := CheckReturn(c.paid, c.returned); refusal != nil {
			got = refusal.Code
		}
		if got != c.want {
			t.Errorf("paid %d, returned %d: %q, want %q", c.paid, c.returned, got, c.want)
		}
	}
}

// Four lines are sent, 1,000 fen in all; the bank returns the second twice, a
// part of the third, and one that was never sent.
func TestApply(t *testing.T) {
	sent := []Line{{person(1), 100}, {person(2), 200}, {person(3), 300}, {person(4), 400}}
	returns := []Return{
		{Line{person(2), 200}, "账户变更"},
		{Line{person(3), 299}, "未激活"},
		{Line{person(2), 200}, "账户变更"},
		{Line{person(9), 100}, "0"},
	}
	answer, err := Apply(sent, returns)
	if err != nil {
		t.Fatal(err)
	}
	if want := []Line{sent[0], sent[2], sent[3]}; !slices.Equal(answer.Paid, want) || answer.PaidFen != 800 {
		t.Errorf("paid %v, %d fen; want %v, 800", answer.Paid, answer.PaidFen, want)
	}
	if want := []Line{sent[1]}; !slices.Equal(answer.Returned, want) || answer.ReturnedFen != 200 {
		t.Errorf("returned %v, %d fen; want %v, 200", answer.Returned, answer.ReturnedFen, want)
	}
	if answer.Repeated != 1 {
		t.Errorf("repeated %d, want 1", answer.Repeated)
	}
	if len(answer.Faulty) != 2 || answer.Faulty[0].Refusal.Code != CodeAmountDiffers || answer.Faulty[1].Refusal.Code != CodeNotPaid {
		t.Errorf("faulty %v", answer.Faulty)
	}
	if _, err := Apply([]Line{sent[0], sent[0]}, nil); err == nil {
		t.Error("a person twice in a batch: accepted")
	}
}

// Whatever the bank answers, paid + returned = sent, and every return is either
// taken, a repeat or faulty.
func TestApplyProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sent []Line
		var fen int64
		for n := range rapid.IntRange(0, 20).Draw(t, "lines") {
			line := Line{person(byte(n)), rapid.Int64Range(1, 1000).Draw(t, "fen")}
			sent = append(sent, line)
			fen += line.AmountFen
		}
		var returns []Return
		for range rapid.IntRange(0, 30).Draw(t, "returns") {
			r := Return{Line: Line{person(rapid.Byte().Draw(t, "who") % 24), rapid.Int64Range(0, 1000).Draw(t, "returned")}}
			if len(sent) > 0 && rapid.Bool().Draw(t, "fits") {
				r.Line = rapid.SampledFrom(sent).Draw(t, "line")
			}
			returns = append(returns, r)
		}
		answer, err := Apply(sent, returns)
		if err != nil {
			t.Fatal(err)
		}
		if len(answer.Paid)+len(answer.Returned) != len(sent) || answer.PaidFen+answer.ReturnedFen != fen {
			t.Fatalf("sent %d lines, %d fen: %+v", len(sent), fen, answer)
		}
		if len(answer.Returned)+answer.Repeated+len(answer.Faulty) != len(returns) {
			t.Fatalf("%d returns: %+v", len(returns), answer)
		}
	})
}

func TestCauseOf(t *testing.T) {
	for word, want := range map[string]Cause{
		"0":               CauseNoAccount,
		"账号为0":            CauseNoAccount,
		"收款人账户变更":         CauseAccountChanged,
		"账户状态异常":          CauseAbnormal,
		"人行未核实":           CauseUnverified,
		"户名不符":            CauseNameMismatch,
		"证件号不符":           CauseNameMismatch,
		"金融功能未激活":         CauseNotActivated,
		"not_activated":   CauseNotActivated,
		"account_changed": CauseAccountChanged,
		"":                CauseOther,
		"other":           CauseOther,
		"系统错误 E4021":      CauseOther,
	} {
		if got := CauseOf(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}

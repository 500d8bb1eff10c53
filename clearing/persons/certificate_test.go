package persons

import (
	"testing"

	"citycard/ledger"
)

// TestCertificates reads numbers in many forms. The first two are the examples of GB 11643-1999,
// appendix A; all others are invented, in districts that do not exist, with check characters
// computed by hand.
func TestCertificates(t *testing.T) {
	for _, test := range []struct {
		text, number string
		kind         Kind
		born         ledger.Day
		wrong        Reason
	}{
		{"11010519491231002X", "11010519491231002X", Resident, 19491231, ""},
		{"440524188001010014", "440524188001010014", Resident, 18800101, ""},
		{"11010519491231002x", "11010519491231002X", Resident, 19491231, ""},
		{" １１０１０５１９４９１２３１００２Ｘ\t", "11010519491231002X", Resident, 19491231, ""},
		{"419999196001010028", "419999196001010028", Resident, 19600101, ""},
		{"110105194912310021", "", 0, 0, NumberCheck},
		{"110105194912310X2X", "", 0, 0, NumberCharacters},
		{"11010519491231002Y", "", 0, 0, NumberCharacters},
		{"1101051949123100X", "", 0, 0, NumberLength},
		{"110105491231002", "", 0, 0, NumberLength}, // of before 1999, with 15 digits
		{"", "", 0, 0, Missing},
		{"一一零一零五", "", 0, 0, NumberCharacters},                  // 18 bytes
		{withCheck("41999919990229001"), "", 0, 0, NumberBirth}, // 1999 had no 29 February
		{withCheck("41999920000229001"), withCheck("41999920000229001"), Resident, 20000229, ""},
		{withCheck("41999917000101001"), "", 0, 0, NumberBirth},
		{withCheck("01999920000101001"), "", 0, 0, NumberDistrict},
		{withCheck("81000019900101001"), withCheck("81000019900101001"), ResidencePermit, 19900101, ""},
		{withCheck("82000019900101001"), withCheck("82000019900101001"), ResidencePermit, 19900101, ""},
		{withCheck("83000019900101001"), withCheck("83000019900101001"), ResidencePermit, 19900101, ""},
		{withCheck("83000119900101001"), withCheck("83000119900101001"), Resident, 19900101, ""},
		{withCheck("91184019909999001"), withCheck("91184019909999001"), Foreigner, 0, ""}, // no source says where a birth date stands
		{"ABC999978010101", "ABC999978010101", Foreigner, 0, ""},
		{"abc999978010101", "ABC999978010101", Foreigner, 0, ""},
		{"AB1999978010101", "", 0, 0, NumberLength},
		{"USA-123456789", "USA-123456789", Passport, 0, ""},
		{"d-c01x00t47", "D-C01X00T47", Passport, 0, ""},
		{"USA－123456789", "USA-123456789", Passport, 0, ""}, // the hyphen in full width
		{"USA-1234567890", "", 0, 0, PassportForm},
		{"-123456789", "", 0, 0, PassportForm},
		{"USAX-123456789", "", 0, 0, PassportForm},
		{"USA-", "", 0, 0, PassportForm},
		{"USA-12 34", "", 0, 0, PassportForm},
		{"123456789", "", 0, 0, NumberLength},
	} {
		c, wrong := ParseCertificate(test.text)
		var reason Reason
		if wrong != nil {
			reason = wrong.Reason
		}
		if c.Number != test.number || c.Kind != test.kind || c.Born() != test.born || reason != test.wrong {
			t.Errorf("%q: %+v born %d, %q; want %q %s born %d, %q", test.text, c, c.Born(), reason, test.number, test.kind, test.born, test.wrong)
		}
	}
}

// withCheck adds the check character, computed as the standard's appendix B does it: with a weight
// for each place.
func withCheck(digits string) string {
	weights := []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	sum := 0
	for i, weight := range weights {
		sum += weight * int(digits[i]-'0')
	}
	return digits + string("10X98765432"[sum%11])
}

// TestEveryDigitCounts alters each digit of a number, and exchanges each two neighbours: none is
// taken for another number.
func TestEveryDigitCounts(t *testing.T) {
	const number = "419999196001010028"
	refused := func(altered string) {
		t.Helper()
		if c, wrong := ParseCertificate(altered); wrong == nil && altered != number {
			t.Errorf("%s is taken for a %s", altered, c.Kind)
		}
	}
	for i := range number {
		for digit := byte('0'); digit <= '9'; digit++ {
			refused(number[:i] + string(digit) + number[i+1:])
		}
		if i > 0 {
			refused(number[:i-1] + number[i:i+1] + number[i-1:i] + number[i+1:])
		}
	}
}

// TestMasked checks what is shown of numbers and names.
func TestMasked(t *testing.T) {
	for number, want := range map[string]string{"419999196001010028": "419*************28", "D-1": "***", "USA-12": "USA*12"} {
		if got := (Certificate{Number: number}).Masked(); got != want {
			t.Errorf("%s is shown as %s, want %s", number, got, want)
		}
	}
	for name, want := range map[string]string{"张三": "张*", "欧阳娜": "欧**", "𠮷": "𠮷*", "JOHN DOE": "J*******"} {
		if got := maskName(name); got != want {
			t.Errorf("%s is shown as %s, want %s", name, got, want)
		}
	}
}

package pension

import "testing"

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

func TestCheckAgain(t *testing.T) {
	for _, c := range []struct {
		returned, again int64
		want            string
	}{
		{320050, 320050, ""},
		{320050, 320049, CodeAmountDiffers},
		{320050, 320051, CodeAmountDiffers},
		{0, 320050, CodeNotReturned},
		{0, 0, CodeNotReturned},
	} {
		var got string
		if refusal := CheckAgain(c.returned, c.again); refusal != nil {
			got = refusal.Code
		}
		if got != c.want {
			t.Errorf("returned %d, again %d: %q, want %q", c.returned, c.again, got, c.want)
		}
	}
}

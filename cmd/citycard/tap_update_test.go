package main

import (
	"testing"

	"citycard/clearing/message"
	"citycard/language"
)

// A correction is named with its reason, and with who took cash for it.
func TestUpdateIsNamed(t *testing.T) {
	if updateOf(&message.Tap{}) != nil {
		t.Error("a tap that corrects nothing is named")
	}
	for want, u := range map[string]*message.Update{
		"1234，更新 12":                {Reason: message.UpdateReason_UPDATE_REASON_ENTRY_TIMEOUT},
		"1234，更新 02，A17 收现金 9.00 元": {Reason: message.UpdateReason_UPDATE_REASON_OVER_TRAVEL, CashFen: 900, Staff: "A17"},
	} {
		if got := updateOf(&message.Tap{Update: u}).of("1234").In(language.Chinese()); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

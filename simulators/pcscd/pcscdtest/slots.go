package pcscdtest

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"citycard/simulators/pcscd"
	"citycard/simulators/vcard"
)

// startLimit is how long a daemon may take to answer, or another program to let the readers go.
const startLimit = 2 * time.Minute

// Slots returns the slots of "Virtual PCD 00 00" and "Virtual PCD 00 01", until the test ends.
// Without pcscd or vpcd the test fails and says what to install.
func Slots(t testing.TB) [2]*vcard.Slot {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	daemon, err := pcscd.Ensure(ctx, slog.New(slog.DiscardHandler), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := daemon.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, setting := range daemon.Environment() {
		name, value, _ := strings.Cut(setting, "=")
		t.Setenv(name, value)
	}
	slots := [2]*vcard.Slot{vcard.NewSlot(daemon.Slots[0]), vcard.NewSlot(daemon.Slots[1])}
	t.Cleanup(func() {
		for _, slot := range slots {
			if err := slot.Remove(); err != nil && !errors.Is(err, vcard.ErrEmpty) {
				t.Error(err)
			}
		}
	})
	return slots
}

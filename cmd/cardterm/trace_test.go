package main

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"citycard/simulators/pcscd/pcscdtest"
	"citycard/simulators/specimen"
)

// A technician's view of a card: every command is explained, in both languages, and nothing about
// the holder is shown.
func TestTrace(t *testing.T) {
	slot := pcscdtest.Slots(t)[0]
	takeOut(t, nil)
	for _, c := range []struct {
		kind     specimen.Kind
		language string
		want     []string
	}{
		{specimen.Transit, "en", []string{"T=1", "SELECT", "GET BALANCE", "balance = ", "READ RECORD", "industry = 02", "enabled = 01", "done"}},
		{specimen.SocialV2, "zh", []string{"：ATR ", "，T=0", "选择", "取响应（选择）", "读记录", "隐去"}},
	} {
		card, err := specimen.New(t.Context(), c.kind, 7, specimenDate())
		must(t, err)
		must(t, slot.Insert(t.Context(), card))
		text := string(output(t, "trace", "--once", "--reader", "00 00", "--language", c.language))
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the trace lacks %q:\n%.2000s", c.kind, want, text)
			}
		}
		// Every specimen's identity number begins with 419999.
		if strings.Contains(text, "419999") || strings.Contains(text, hexOf("419999")) {
			t.Errorf("%s: the holder is in the trace", c.kind)
		}
		takeOut(t, slot)
	}
}

// Commands typed by hand are sent and explained; a PIN among them is not shown.
func TestTraceOfCommands(t *testing.T) {
	slot := pcscdtest.Slots(t)[0]
	takeOut(t, nil)
	card, err := specimen.New(t.Context(), specimen.SocialV2, 7, specimenDate())
	must(t, err)
	must(t, slot.Insert(t.Context(), card))
	cmd := command(t, "trace", "--commands", "--reader", "00 00")
	cmd.Stdin = strings.NewReader("# a PIN\n00A404000F 7378312E73682EC9E7BBE1B1A3D5CF\n\n0020000003123456 # right\n00B2030400\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{"1. SELECT", "30 more bytes wait", "2. VERIFY PIN", "[3 bytes hidden]", "3. READ RECORD"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("the trace lacks %q: %s", want, out)
		}
	}
	if bytes.Contains(out, []byte("123456")) {
		t.Error("the PIN is in the trace")
	}
	for _, c := range []struct{ in, language, want string }{{"xyz\n", "en", "line 1"}, {"", "fr", "--language"}} {
		cmd := command(t, "trace", "--commands", "--reader", "00 00", "--language", c.language)
		cmd.Stdin = strings.NewReader(c.in)
		if out, err := cmd.CombinedOutput(); err == nil || !bytes.Contains(out, []byte(c.want)) {
			t.Errorf("%q in %s: %v, %s, want %q", c.in, c.language, err, out, c.want)
		}
	}
}

func specimenDate() time.Time { return time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC) }

func hexOf(s string) string { return hex.EncodeToString([]byte(s)) }

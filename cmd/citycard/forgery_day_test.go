package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"citycard/simulators/truth"
)

// TestForgeryDay clears a day on which every tap and load of a city with chips has a copy beside it
// of which one byte of one field was altered, before the original or after it: the books agree with
// the truth, every purse agrees, and the operators get what they are owed.
func TestForgeryDay(t *testing.T) {
	t.Parallel()
	p := build(t, "citycard", "cardsim")
	dir := reachableDir(t)
	data, field := filepath.Join(dir, "data"), filepath.Join(dir, "field")
	city := []string{"--data", field, "--cards", "600", "--seed", "5", "--keys", filepath.Join(data, "keys.age"), "--day", testDay}
	p.testKeys(t, data, 5)
	p.run(t, "cardsim", append([]string{"issue"}, city...)...)
	s, kafka, api := p.serving(t, data, filepath.Join(field, "registry"))
	s.start()
	s.ready()
	staff := p.enrolled(t, "--data", data)
	staff.receive("50000000", "fund:employee", "fund:resident", "pension:fund")
	p.run(t, "cardsim", append([]string{
		"city", "--kafka", fmt.Sprintf("127.0.0.1:%d", kafka), "--kafka-user", "citycard", "--kafka-password-file", filepath.Join(data, "kafka", "password"), "--api", fmt.Sprintf("http://127.0.0.1:%d", api), "--tokens", staff.letIn(filepath.Join(field, "registry")),
		"--tampered", "1", "--foreign", "0.2",
	}, city...)...)
	p.run(t, "citycard", "day", "close", "--day", testDay, "--data", data)
	var v verification
	out := p.run(t, "citycard", "verify", "--data", data, "--truth", filepath.Join(field, "truth"), "--json")
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatal(err)
	}
	want, err := truth.ReadSummary(filepath.Join(field, "truth"))
	if err != nil {
		t.Fatal(err)
	}
	altered, fields := 0, map[string]bool{}
	for fault, n := range want.Faults {
		if place, is := strings.CutPrefix(fault, "tampered_"); is {
			altered += n
			fields[place[:strings.LastIndex(place, "_")]] = true
		}
	}
	if !v.Holds || v.Truth.Lost+v.Truth.Doubled+v.Truth.Wrong+v.Truth.PurseMismatches != 0 || int64(altered)*3 < v.Truth.Sent || len(fields) < 25 {
		t.Errorf("%d of %d records altered, in fields %v: %s", altered, v.Truth.Sent, fields, out)
	}
	s.signal(syscall.SIGTERM)
}

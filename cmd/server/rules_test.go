package server

import (
	"bytes"
	"strings"
	"testing"

	"citycard/clearing/clearingtest"
	"citycard/clearing/rules"
)

// TestFoundingNeedsACalendar founds rules with a calendar that ended in 2020.
func TestFoundingNeedsACalendar(t *testing.T) {
	content := rules.Calendar.Example()
	dir := clearingtest.WriteFiles(t, map[string]string{"calendar.csv": string(content[:bytes.Index(content, []byte("20210101,"))])})
	s := &Settings{Rules: dir, Examples: true}
	if _, err := s.foundingRules(dir); err == nil || !strings.Contains(err.Error(), "the rules in "+dir+" cannot be used") || !strings.Contains(err.Error(), ": the calendar does not have the year 2") {
		t.Errorf("founded: %v", err)
	}
	s.Rules = clearingtest.WriteFiles(t, nil)
	if _, err := s.foundingRules(dir); err != nil {
		t.Errorf("founded by the examples alone: %v", err)
	}
}

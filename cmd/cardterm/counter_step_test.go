package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citycard/clearing/cards"
	"citycard/clearing/people/api"
	"citycard/clearing/people/peopletest"
	"citycard/cmd/service"
	"citycard/language"
)

// An act that the centre does not answer is kept, with what its card has paid, until the centre has
// done it or a person gives it up, which is listed.
func TestActIsKept(t *testing.T) {
	dir, err := service.OpenDataDir(filepath.Join(t.TempDir(), "data"), counterPurpose)
	must(t, err)
	defer func() { must(t, dir.Close()) }()
	p := newCounterProgram()
	client := api.AtSocket(filepath.Join(t.TempDir(), "nobody"), language.Language{})
	client.As(peopletest.Key(t, "cara"), time.Now)
	client.Of("books")
	counter := &till{counterProgram: &p, dir: dir, office: &office{client: client}, zoned: time.UTC}
	o := cards.Order{Number: "c1-1", Channel: "counter", Counter: "c1", Do: cards.Return, Card: "03105070200000000001", Cash: -1000, Emptied: 5000, Certificate: "410101195001010018"}
	for _, act := range []*pendingStep{{Order: o, Reason: "counter", Paid: true}, {Order: o, Reason: "counter"}} {
		_, err := counter.step(t.Context(), act, o.Certificate)
		if err == nil || strings.Contains(err.Error(), "nothing was done") || act.Paid != strings.Contains(err.Error(), "the card has paid 50.00 yuan") {
			t.Errorf("%+v: %v", act, err)
		}
		kept, err := counter.pending()
		if err != nil || kept == nil || kept.Order.Number != "c1-1" || kept.Paid != act.Paid || kept.Order.Certificate != "" {
			t.Fatalf("kept %+v, %v", kept, err)
		}
		if _, err := counter.giveUp("the customer left"); err != nil {
			t.Error(err)
		}
		if kept, err := counter.pending(); kept != nil || err != nil {
			t.Errorf("after giving up: %+v, %v", kept, err)
		}
	}
	list, err := os.ReadFile(dir.Join("given-up"))
	if err != nil || strings.Count(string(list), "the customer left") != 2 || strings.Contains(string(list), o.Certificate) {
		t.Errorf("%v: %s", err, list)
	}
}

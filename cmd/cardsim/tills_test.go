package main

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"citycard/simulators/city"
)

// What is wanted at counters goes out, each answer reaches who asked, and who asks when nobody
// listens any more is told.
func TestTills(t *testing.T) {
	asked, out := io.Pipe()
	in, answers := io.Pipe()
	tills := newTills(newProgress(out, time.Now), in)
	ended := map[city.Act]chan error{city.Sell: make(chan error, 1), city.TopUp: make(chan error, 1)}
	for act, told := range ended {
		go func() { told <- tills.serve(t.Context(), city.Ask{Act: act, Fen: 100}) }()
	}
	lines := bufio.NewScanner(asked)
	for range 2 {
		var line tillLine
		if lines.Scan(); json.Unmarshal(lines.Bytes(), &line) != nil || line.Till.Fen != 100 {
			t.Fatalf("it asks %s", lines.Bytes())
		}
		answer := doneLine{ID: line.ID}
		if line.Till.Act == city.Sell {
			answer.Error = "sold out"
		}
		if err := json.NewEncoder(answers).Encode(answer); err != nil {
			t.Fatal(err)
		}
		if err := <-ended[line.Till.Act]; line.Till.Act == city.Sell && (err == nil || err.Error() != "sold out") || line.Till.Act == city.TopUp && err != nil {
			t.Errorf("%s: %v", line.Till.Act, err)
		}
	}
	if err := answers.Close(); err != nil {
		t.Fatal(err)
	}
	go lines.Scan()
	if err := tills.serve(t.Context(), city.Ask{Act: city.Resolve}); err == nil || !strings.Contains(err.Error(), "nobody serves") {
		t.Error(err)
	}
}

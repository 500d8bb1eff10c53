package service

import (
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"citycard/language"

	"github.com/vbauerster/mpb/v8"
)

func TestPlainProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		p := newPlainProgress(&out, language.Language{})
		cards := p.Phase("issue cards", 40)
		for range 39 {
			cards.Add(1)
		}
		time.Sleep(1500 * time.Millisecond)
		cards.Add(1)
		cards.Done()
		cards.Done()
		cards.Add(1)
		unknown := p.Phase("drain", 0)
		unknown.Add(5)
		unknown.Set(6, 12)
		unknown.Done()
		p.Close()
		want := `issue cards: begins
issue cards: 4 of 40 (10 %)
issue cards: 8 of 40 (20 %)
issue cards: 12 of 40 (30 %)
issue cards: 16 of 40 (40 %)
issue cards: 20 of 40 (50 %)
issue cards: 24 of 40 (60 %)
issue cards: 28 of 40 (70 %)
issue cards: 32 of 40 (80 %)
issue cards: 36 of 40 (90 %)
issue cards: done, 40 in 1.5 s
drain: begins
drain: 6 of 12 (50 %)
drain: done, 6 in 0.0 s
`
		if out.String() != want {
			t.Errorf("got\n%s\nwant\n%s", out.String(), want)
		}
	})
}

// TestBars: the display ends with bars that are done, unfinished, or of unknown length, and log
// lines that are written meanwhile appear.
func TestBars(t *testing.T) {
	out := &collected{}
	p := &Progress{out: out, bars: mpb.New(mpb.WithOutput(out), mpb.WithAutoRefresh(), mpb.WithWidth(100))}
	done := p.Phase("done", 10)
	unfinished := p.Phase("unfinished", 10)
	unknown := p.Phase("unknown", 0)
	if _, err := io.WriteString(p, "a log line\n"); err != nil {
		t.Fatal(err)
	}
	done.Add(10)
	done.Done()
	unfinished.Set(5, 20)
	unknown.Add(3)
	unknown.Done()
	p.Close()
	for _, want := range []string{"done", "10/10", "unfinished", "5/20", "unknown", "3/3", "a log line"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
}

// collected is a strings.Builder that several goroutines may write to.
type collected struct {
	mu   sync.Mutex
	text strings.Builder
}

func (c *collected) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

func (c *collected) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

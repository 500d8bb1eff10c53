package city

import (
	"context"
	"errors"
	"testing"
	"time"

	"citycard/clearing/message"
)

// flaky answers after a number of failures.
type flaky struct{ failures, asked int }

func (f *flaky) AuthoriseLoad(context.Context, *message.LoadRequest) (*message.LoadAnswer, error) {
	if f.asked++; f.asked <= f.failures {
		return nil, errors.New("connection refused")
	}
	return &message.LoadAnswer{Refusal: "card_blocked"}, nil
}

func TestPersistent(t *testing.T) {
	for _, c := range []struct {
		failures, tries, asked int
		ok                     bool
	}{{0, 3, 1, true}, {2, 3, 3, true}, {3, 3, 3, false}} {
		f := &flaky{failures: c.failures}
		answer, err := Persistent{Authority: f, Tries: c.tries, First: time.Microsecond, Longest: time.Microsecond}.AuthoriseLoad(t.Context(), &message.LoadRequest{})
		if (err == nil) != c.ok || f.asked != c.asked || c.ok && answer.GetRefusal() != "card_blocked" {
			t.Errorf("%d failures, %d tries: asked %d times, %v, %v", c.failures, c.tries, f.asked, answer, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Persistent{Authority: &flaky{failures: 9}, Tries: 9, First: time.Hour, Longest: time.Hour}).AuthoriseLoad(ctx, &message.LoadRequest{}); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped while waiting: %v", err)
	}
}

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/broker"
	"citycard/clearing/intake"
	"citycard/clearing/message"
	"citycard/clearing/verdict"
	"citycard/simulators/truth"
)

// publishedLimit is how long the pump may take to publish everything that was committed.
const publishedLimit = 2 * time.Minute

// wantPublished compares the published records with the truth, as a reader that drops repeats sees
// them: every cleared tap and load with its amount, and every reject with its bytes, once each, and
// nothing else.
func wantPublished(t *testing.T, kafka, dir string, opts ...kgo.Opt) {
	t.Helper()
	want := map[string]int{}
	if err := truth.EachRecord(dir, func(r *truth.Record) error {
		switch {
		case r.Verdict == truth.Cleared && (r.Topic == message.TopicTaps || r.Topic == message.TopicLoads):
			want[fmt.Sprintf("%s of %d fen", r.Purpose, r.Fen)]++
		case r.Verdict == truth.Rejected && r.Line != "":
			want["rejected "+r.Reason+" "+r.Line]++
		case r.Verdict == truth.Rejected:
			want["rejected "+r.Reason+" "+r.SHA256]++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	opts = append(opts, kgo.ConsumeTopics(message.OutputTopics()...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	reader, err := broker.Connect(t.Context(), kafka, 10*time.Second, slog.New(slog.DiscardHandler), opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	got, seen, repeats := map[string]int{}, map[string]bool{}, 0
	ctx, cancel := context.WithTimeout(t.Context(), publishedLimit)
	defer cancel()
	for !maps.Equal(got, want) {
		fetches := reader.PollFetches(ctx)
		if ctx.Err() != nil {
			for what, n := range want {
				if got[what] != n {
					t.Errorf("%s: %d published, want %d", what, got[what], n)
				}
				delete(got, what)
			}
			t.Fatalf("published and not true: %v", got)
		}
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			place := fmt.Sprint(r.Headers)
			if seen[place] {
				repeats++
				return
			}
			seen[place] = true
			if what := publishedAs(t, r); what != "" {
				got[what]++
			}
		})
	}
	t.Logf("%d messages published, %d of them again", len(seen)+repeats, repeats)
}

// publishedAs is how a message is counted.
func publishedAs(t *testing.T, r *kgo.Record) string {
	t.Helper()
	if r.Headers[0].Key != intake.HeaderStream {
		t.Fatalf("a message of %s has the headers %v", r.Topic, r.Headers)
	}
	if r.Topic == message.TopicCleared {
		var m message.Cleared
		if err := proto.Unmarshal(r.Value, &m); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s of %d fen", m.GetPurpose(), m.GetAmountFen())
	}
	var m message.Reject
	if err := proto.Unmarshal(r.Value, &m); err != nil {
		t.Fatal(err)
	}
	if m.GetReason() == verdict.Disputed.String() {
		return ""
	}
	sum := sha256.Sum256(m.GetOriginal())
	return "rejected " + m.GetReason() + " " + hex.EncodeToString(sum[:])
}

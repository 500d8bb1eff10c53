package api_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"citycard/clearing/people"
	"citycard/clearing/people/api"
	"citycard/clearing/schema"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// programOf is a server of books without people, whose program is the given one.
func programOf(t *testing.T, p api.Program) *town {
	t.Helper()
	w := newTown(t, 1000)
	w.server = api.New(api.Settings{
		Office: officeOf(t, w.ledger), Rehearsal: officeOf(t, ledger.New(w.ledger.Pool(), w.ledger.Dialect(), ledger.WithRehearsal())), Program: p,
		Zone: func(context.Context) (string, error) { return "Asia/Shanghai", nil }, Version: "test", Now: time.Now, Log: slog.New(slog.DiscardHandler), Rate: 1000,
	})
	w.listen()
	return w
}

// aClose is a close that waits for a stream until go is closed, and then takes until end is closed.
type aClose struct {
	begun     chan struct{}
	gaveUp    chan struct{}
	goes, end chan struct{}
}

func newClose() *aClose {
	return &aClose{make(chan struct{}, 10), make(chan struct{}, 10), make(chan struct{}), make(chan struct{})}
}

func (c *aClose) close(ctx, attended context.Context, what api.Closing, waits func(api.Waiting)) (api.Closed, error) {
	waits(api.Waiting{Done: 1, Total: 2})
	c.begun <- struct{}{}
	select {
	case <-c.goes:
	case <-attended.Done():
		c.gaveUp <- struct{}{}
		return api.Closed{}, attended.Err()
	}
	c.begun <- struct{}{}
	select {
	case <-c.end:
		return api.Closed{Day: what.Day}, nil
	case <-ctx.Done():
		return api.Closed{}, ctx.Err()
	}
}

type closeAnswer struct {
	closed api.Closed
	err    error
}

// ask asks for the close of a day, until stop is called.
func (w *town) ask(day ledger.Day) (result <-chan closeAnswer, waits <-chan struct{}, stop context.CancelFunc) {
	ctx, stop := context.WithCancel(w.Context())
	results, said := make(chan closeAnswer, 1), make(chan struct{}, 10)
	client := api.AtSocket(api.SocketPath(w.dir), language.Language{})
	w.Cleanup(client.Close)
	go func() {
		closed, err := client.CloseDay(ctx, api.Closing{Day: day}, func(*api.Waiting) { said <- struct{}{} })
		results <- closeAnswer{closed, err}
	}()
	return results, said, stop
}

// TestCloseIsJoined has two ask for the same close: both are told how far it is, and get its
// result. Another day's close is another act.
func TestCloseIsJoined(t *testing.T) {
	c := newClose()
	w := programOf(t, api.Program{Close: c.close})
	first, waits, _ := w.ask(20260105)
	<-waits
	second, waits, _ := w.ask(20260105)
	<-waits
	<-c.begun
	other, waits, _ := w.ask(20260106)
	<-waits
	<-c.begun
	select {
	case <-c.begun:
		t.Error("the close of one day is done twice")
	default:
	}
	close(c.goes)
	close(c.end)
	for day, results := range map[ledger.Day][]<-chan closeAnswer{20260105: {first, second}, 20260106: {other}} {
		for _, result := range results {
			if got := <-result; got.err != nil || got.closed.Day != day {
				t.Errorf("day %s: %+v", day, got)
			}
		}
	}
}

// TestLongActsOnce has two ask for each long act in two languages: it is done once, and both get
// its result, each in their own.
func TestLongActsOnce(t *testing.T) {
	judging, sealing := newClose(), newClose()
	var sealings atomic.Int32
	stands := api.SaidOf(language.Textf("no such import"))
	w := programOf(t, api.Program{
		Judge: func(ctx context.Context, _ bool, each func(api.Judged)) error {
			each(api.Judged{Record: "taps/0@1", Stays: true, Why: stands})
			_, err := judging.close(ctx, ctx, api.Closing{}, func(api.Waiting) {})
			return err
		},
		Seal: func(ctx context.Context, day ledger.Day, _ bool) (api.Sealed, error) {
			if sealings.Add(1) > 1 {
				t.Error("a day is sealed twice at once")
			}
			defer sealings.Add(-1)
			_, err := sealing.close(ctx, ctx, api.Closing{}, func(api.Waiting) {})
			return api.Sealed{Day: day}, err
		},
		Close: func(context.Context, context.Context, api.Closing, func(api.Waiting)) (api.Closed, error) {
			return api.Closed{Due: api.Due{Unknown: stands}, Uncounted: stands, Unpaid: []api.Unpaid{{Why: stands}}}, nil
		},
		Preview: func(context.Context, api.Closing) (api.Preview, error) {
			return api.Preview{Due: api.Due{Unknown: stands}, Unpaid: []api.Unpaid{{Why: stands}}}, nil
		},
	})
	texts := map[string]language.Language{"no such import": {}, "没有这次导入": language.Chinese()}
	var done sync.WaitGroup
	judged, sealed := make(chan struct{}, 2), make(chan error, 2)
	for want, l := range texts {
		client := api.AtSocket(api.SocketPath(w.dir), l)
		t.Cleanup(client.Close)
		done.Go(func() {
			err := client.Judge(t.Context(), false, func(j *api.Judged) error {
				if j.Why.String() != want {
					t.Errorf("judged in %s: %q, want %q", l.String(), j.Why.String(), want)
				}
				judged <- struct{}{}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		go func() {
			_, err := client.Seal(t.Context(), 20260105, false)
			sealed <- err
		}()
		closed, err := client.CloseDay(t.Context(), api.Closing{}, func(*api.Waiting) {})
		if err != nil || closed.Due.Unknown.String() != want || closed.Uncounted.String() != want || closed.Unpaid[0].Why.String() != want {
			t.Errorf("closed in %s: %+v, %v", l.String(), closed, err)
		}
		preview, err := client.PreviewClose(t.Context(), api.Closing{})
		if err != nil || preview.Due.Unknown.String() != want || preview.Unpaid[0].Why.String() != want {
			t.Errorf("what a close would do in %s: %+v, %v", l.String(), preview, err)
		}
	}
	for range texts {
		<-judged // both have asked
	}
	for _, act := range []*aClose{judging, sealing} {
		close(act.goes)
		close(act.end)
	}
	for range texts {
		if err := <-sealed; err != nil {
			t.Error(err)
		}
	}
	done.Wait()
	if n := len(judging.begun); n != 2 {
		t.Errorf("records are judged in %d steps, want 2", n)
	}
}

// TestCloseGoesOn: a close that only waits ends when nobody waits for its answer any more, and who
// asks again begins another. Once it does something it goes on, and who asks again gets its result.
func TestCloseGoesOn(t *testing.T) {
	c := newClose()
	w := programOf(t, api.Program{Close: c.close})
	gone, waits, leave := w.ask(20260105)
	<-waits
	<-c.begun
	leave()
	if got := <-gone; !errors.Is(got.err, context.Canceled) {
		t.Errorf("who was interrupted got %+v", got)
	}
	<-c.gaveUp
	gone, waits, leave = w.ask(20260105)
	<-waits
	<-c.begun
	close(c.goes)
	<-c.begun
	leave()
	<-gone
	again, waits, _ := w.ask(20260105)
	<-waits
	close(c.end)
	if got := <-again; got.err != nil || got.closed.Day != 20260105 || len(c.begun) != 0 {
		t.Errorf("who asked again got %+v, after %d more steps", got, len(c.begun))
	}
}

// TestServerStopsActs: a server that stops ends its acts, and says so to who waits.
func TestServerStopsActs(t *testing.T) {
	c := newClose()
	w := programOf(t, api.Program{Close: c.close})
	result, waits, _ := w.ask(20260105)
	<-waits
	<-c.begun
	close(c.goes)
	<-c.begun
	w.server.Stop()
	if got := <-result; w.kind(got.err) != api.Unavailable {
		t.Errorf("who waits got %+v", got)
	}
	result, _, _ = w.ask(20260105)
	if got := <-result; w.kind(got.err) != api.Unavailable {
		t.Errorf("who asks a stopped server got %+v", got)
	}
}

// TestActsOfProgram: what fails, and what panics, is a problem of its kind; over a network there is
// no act of the program.
func TestActsOfProgram(t *testing.T) {
	w := programOf(t, api.Program{
		Judge: func(_ context.Context, _ bool, each func(api.Judged)) error {
			each(api.Judged{Record: "taps/0@1"})
			return &api.Explained{Kind: api.NoBooks, What: errors.New("no rules"), Todo: language.Textf("found them")}
		},
		Seal: func(context.Context, ledger.Day, bool) (api.Sealed, error) { panic("a fault") },
	})
	client := w.client("ann")
	seen := 0
	err := client.Judge(t.Context(), false, func(*api.Judged) error {
		seen++
		return nil
	})
	if p, ok := errors.AsType[*api.Problem](err); !ok || seen != 1 || p.Type != api.NoBooks || p.Detail != "no rules" || p.Todo != "found them" {
		t.Errorf("%d judged, then %v", seen, err)
	}
	if _, err := client.Seal(t.Context(), 20260105, false); w.kind(err) != api.Failed {
		t.Errorf("a panic is %v", err)
	}
	for _, path := range []string{"founding", "judge", "seal", "close", "standing"} {
		body := `{"day":20260105,"grace":0,"streams":["taps"]}`
		if code, p := w.post(w.server.Remote(), "/v1/program/"+path, body, "Content-Type", "application/json"); code != http.StatusNotFound || p.Type != api.NotFound {
			t.Errorf("%s over a network: %d %+v", path, code, p)
		}
	}
	if _, p := w.post(w.server.Local(), "/v1/program/seal", `{"day":"x"}`, "Content-Type", "application/json"); p.Type != api.Invalid {
		t.Errorf("a day that is none: %+v", p)
	}
}

// TestRefound founds people twice at the socket, and no more once a keeper is enrolled.
func TestRefound(t *testing.T) {
	w := programOf(t, api.Program{})
	if _, err := w.client("ann").Refound(t.Context(), api.Refounding{}, false); w.kind(err) != api.Refused {
		t.Errorf("books with keepers are founded: %v", err)
	}
}

// TestInEarnest: where people act in earnest, those of a demonstration are not founded, and its
// tokens enrol nobody.
func TestInEarnest(t *testing.T) {
	url := ledgertest.New(t)
	w := &town{TB: t, dir: t.TempDir()}
	w.must(schema.Apply(t.Context(), url))
	w.ledger = ledgertest.Connect(t, url, 2)
	settings := w.settings()
	w.server = api.New(settings)
	w.listen()
	of, err := w.client("kim").Refound(t.Context(), api.Refounding{Demo: true}, false)
	w.must(err)
	settings.Program.InEarnest = true
	w.server, w.dir = api.New(settings), t.TempDir()
	w.listen()
	for _, dry := range []bool{true, false} {
		if _, err := w.client("kim").Refound(t.Context(), api.Refounding{Demo: true}, dry); w.kind(err) != api.Refused || !strings.Contains(err.Error(), "people of a demonstration") {
			t.Errorf("dry %t: founded: %v", dry, err)
		}
		if _, err := w.client("kim").Found(t.Context(), people.Newcomer{Token: of.Keepers[0], ID: "kim", Name: "Kim"}, dry); w.kind(err) != api.Refused || !strings.Contains(err.Error(), "the token is of a demonstration") {
			t.Errorf("dry %t: enrolled with a token of a demonstration: %v", dry, err)
		}
	}
	of, err = w.client("kim").Refound(t.Context(), api.Refounding{}, false)
	w.must(err)
	if p, err := w.client("kim").Found(t.Context(), people.Newcomer{Token: of.Keepers[0], ID: "kim", Name: "Kim"}, false); err != nil || p.Demo {
		t.Errorf("a keeper: %+v, %v", p, err)
	}
}

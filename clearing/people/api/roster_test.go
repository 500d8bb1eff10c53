package api_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"citycard/clearing/people/api"
	"citycard/clearing/persons"
)

// lane is a connection whose client sends a piece after each pause, by a clock of its own. The
// server's time limit for reading is by the same clock.
type lane struct {
	*httptest.ResponseRecorder
	now, limit  time.Time
	text        []byte
	pause       time.Duration
	piece, left int // bytes
}

func (l *lane) SetReadDeadline(at time.Time) error {
	l.limit = at
	return nil
}

func (l *lane) Read(p []byte) (int, error) {
	if len(l.text) == 0 {
		return 0, io.EOF
	}
	if l.left == 0 {
		if l.now, l.left = l.now.Add(l.pause), l.piece; !l.limit.IsZero() && l.now.After(l.limit) {
			l.now = l.limit
			return 0, os.ErrDeadlineExceeded
		}
	}
	n := copy(p[:min(len(p), l.left)], l.text)
	l.text, l.left = l.text[n:], l.left-n
	return n, nil
}

// TestPersonsSlow sends rosters slowly. One that comes fast enough on the whole is taken, however
// long it takes; one that stands, or comes in crumbs, is given up within a minute or so.
func TestPersonsSlow(t *testing.T) {
	w := newTown(t, 1000)
	roster := persons.Header + "\n" + passports(1, 40_000)
	for name, c := range map[string]struct {
		pause time.Duration
		piece int
		taken bool
		took  time.Duration
	}{
		"fast":            {time.Millisecond, 1 << 10, true, 3 * time.Second},
		"in bursts":       {9 * time.Second, 256 << 10, true, 70 * time.Second},
		"slowly, a while": {10 * time.Millisecond, 1 << 10, true, 20 * time.Second},
		"stands":          {11 * time.Second, 1 << 10, false, 10 * time.Second},
		"in kilobytes":    {9 * time.Second, 1 << 10, false, 61 * time.Second},
		"in bytes":        {9 * time.Second, 1, false, 61 * time.Second},
		"too slowly":      {500 * time.Millisecond, 1 << 10, false, 62 * time.Second},
	} {
		s := w.sending(roster)
		s.try()
		l := &lane{ResponseRecorder: httptest.NewRecorder(), now: time.Now(), pause: c.pause, piece: c.piece}
		began := l.now
		settings := w.settings()
		settings.Now = func() time.Time { return l.now }
		text, content := s.form()
		l.text, s.body, s.content = text, l, content
		api.New(settings).Remote().ServeHTTP(l, s.request(t.Context()))
		took := l.now.Sub(began)
		if taken := strings.Contains(l.Body.String(), `"done":{`); taken != c.taken || took > c.took+3*time.Second {
			t.Errorf("%s: taken %t after %s: %.300s", name, taken, took, l.Body.String())
		}
		if !c.taken && (l.Code != http.StatusRequestTimeout || !strings.Contains(l.Body.String(), "too slowly")) {
			t.Errorf("%s: %d %.300s", name, l.Code, l.Body.String())
		}
	}
}

// standing is a roster that is begun to be sent, and then stands until it is let go.
type standing struct {
	text io.Reader
	came sync.Once
	at   chan struct{} // closed when the server waits for more
	stop chan struct{}
}

func (s *standing) Read(p []byte) (int, error) {
	n, err := s.text.Read(p)
	if n > 0 || err == nil {
		return n, err
	}
	s.came.Do(func() { close(s.at) })
	<-s.stop
	return 0, io.ErrUnexpectedEOF
}

// stands begins to send a roster of a size that was signed.
func (w *town) stands(id string, size int64, ended *sync.WaitGroup) *standing {
	w.Helper()
	s := w.sending(persons.Header + "\n" + passports(1, 500))
	text, content := s.form()
	of := &standing{text: strings.NewReader(string(text[:len(text)/2])), at: make(chan struct{}), stop: make(chan struct{})}
	s.header, s.body, s.content = id, of, content
	s.large(size)
	r := s.request(w.Context())
	ended.Go(func() { w.server.Remote().ServeHTTP(httptest.NewRecorder(), r) })
	<-of.at
	return of
}

// wantsRoom sends a roster, and wants it to be imported, or to get no room in a moment. Where it is
// given up before there was time to look, which a busy machine does too, it is given more time.
func (w *town) wantsRoom(id, when string, want api.Kind) {
	w.Helper()
	var kind api.Kind
	for patience := 200 * time.Millisecond; patience < time.Minute; patience *= 2 {
		s := w.sending(persons.Header + "\n" + oneRow)
		s.header, s.tail = id, id
		s.try()
		ctx, cancel := context.WithTimeout(w.Context(), patience)
		_, p := w.answered(w.server.Remote(), s.request(ctx))
		cancel()
		if kind = p.Type; kind == want {
			return
		}
	}
	w.Errorf("%s: %q, want %q", when, kind, want)
}

// TestPersonsBeside has rosters stand while they come in: another person's is imported meanwhile,
// as long as what stands leaves room.
func TestPersonsBeside(t *testing.T) {
	w := newTown(t, 1000)
	var ended sync.WaitGroup
	ann := w.stands("ann", 4<<30, &ended)
	w.wantsRoom("cleo", "another person's roster", "")
	w.wantsRoom("ann", "a second roster of the same person", api.TooMany)
	bob := w.stands("bob", 4<<30, &ended)
	w.wantsRoom("cleo", "a roster beside 8 GiB", api.TooMany)
	close(bob.stop)
	w.wantsRoom("cleo", "once there is room again", "")
	close(ann.stop)
	ended.Wait()
	if n := w.imports(); n != 0 {
		t.Errorf("%d imports are begun", n)
	}
}

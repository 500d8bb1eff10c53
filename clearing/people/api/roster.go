package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"sync"
	"time"

	"citycard/clearing/persons"
	"citycard/language"
)

const (
	// incomingRosters is how many rosters come in at once, and incomingBytes how many bytes they
	// may have: each is kept in a temporary file.
	incomingRosters = 4
	incomingBytes   = 2 * RosterLimit
	// patience is over what time a roster must come as fast as slowest.
	patience = time.Minute

	partRoster = "roster"
	partSigned = "signed"
)

// incoming are the rosters that come in at present, one of a person. Each stays until its import
// has ended.
type incoming struct {
	mu    sync.Mutex
	sizes map[string]int64 // by person
	room  chan struct{}    // closed when there may be room again
}

// enter waits until there is room for a roster of a person.
func (a *incoming) enter(ctx context.Context, person string, size int64) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, largeWait)
	defer cancel()
	for {
		room, entered := a.tries(person, size)
		if entered {
			return func() { a.leaves(person) }, nil
		}
		select {
		case <-room:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (a *incoming) tries(person string, size int64) (room <-chan struct{}, entered bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sizes == nil {
		a.sizes, a.room = map[string]int64{}, make(chan struct{})
	}
	sum := size
	for _, other := range a.sizes {
		sum += other
	}
	if _, another := a.sizes[person]; another || len(a.sizes) >= incomingRosters || sum > incomingBytes {
		return a.room, false
	}
	a.sizes[person] = size
	return nil, true
}

func (a *incoming) leaves(person string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.sizes, person)
	close(a.room)
	a.room = make(chan struct{})
}

// rosterBody reads the body of an import: the roster, and then what is signed. Nothing is read
// before somebody asks for it.
type rosterBody struct {
	r        *http.Request
	arriving io.Reader // all of the body
	control  *http.ResponseController
	now      func() time.Time
	size     int64 // that the roster has, as was signed

	left   time.Duration // that may be waited for bytes, without any that come
	end    time.Time     // of the body; zero: while bytes come fast enough
	parts  *multipart.Reader
	roster io.Reader
	read   int64 // of the roster
	over   *ImportSigned
}

// Read reads the roster.
func (b *rosterBody) Read(p []byte) (int, error) {
	if b.roster == nil {
		if err := b.begin(); err != nil {
			return 0, err
		}
	}
	n, err := b.roster.Read(p)
	b.read += int64(n)
	switch {
	case b.read > b.size:
		return 0, &persons.FileError{What: language.Textf("the roster has more than the %d bytes that were signed", b.size)}
	case errors.Is(err, io.EOF) && b.read < b.size:
		return n, &persons.FileError{What: language.Textf("%d bytes of the roster have come, and %d were signed: it was cut on its way", b.read, b.size)}
	case err != nil && !errors.Is(err, io.EOF):
		err = b.broken(err)
	}
	return n, err
}

func (b *rosterBody) begin() (err error) {
	b.r.Body = &paced{b.r.Body, b}
	if b.parts, err = b.r.MultipartReader(); err != nil {
		return b.broken(err)
	}
	part, err := b.part(partRoster)
	if err == nil {
		b.roster = part
	}
	return err
}

func (b *rosterBody) part(name string) (*multipart.Part, error) {
	part, err := b.parts.NextPart()
	switch {
	case err != nil:
		return nil, b.broken(err)
	case part.FormName() != name:
		return nil, b.broken(language.Textf("its part %q is missing", name))
	}
	return part, nil
}

// signed reads what was signed, and what is left of the body. Then it takes the body's time limit
// away: otherwise the answer would be given up.
func (b *rosterBody) signed() (*ImportSigned, error) {
	if b.over != nil {
		return b.over, nil
	}
	b.end = b.now().Add(bodyTimeout)
	part, err := b.part(partSigned)
	if err != nil {
		return nil, err
	}
	given := new(ImportSigned)
	if err = json.NewDecoder(io.LimitReader(part, bodyLimit)).Decode(given); err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(b.r.Body, bodyLimit))
	}
	if err != nil {
		return nil, b.broken(err)
	}
	_ = b.control.SetReadDeadline(time.Time{}) // not every writer can
	b.over = given
	return given, nil
}

// linger reads for a moment what nobody needs, once the answer is given: a connection that is
// closed before its sender has stopped takes the answer with it.
func (b *rosterBody) linger() {
	_ = b.control.Flush() // not every writer can
	_ = b.control.SetReadDeadline(b.now().Add(lingers))
	_, _ = io.Copy(io.Discard, b.arriving) // until the client goes
}

// broken is the problem of a body that cannot be read.
func (b *rosterBody) broken(err error) error {
	l := callerOf(b.r.Context()).language
	if slow := net.Error(nil); errors.As(err, &slow) && slow.Timeout() {
		return tooSlow(l)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = language.Textf("it was cut")
	}
	return newProblem(l, Invalid, language.Textf("the body cannot be read: %w", err), nil)
}

// paced is a body of which something must come every few seconds, and as much as slowest says over
// the last minute: each byte that comes gives its time back, up to that minute. Only the time
// counts in which it is waited for.
type paced struct {
	io.ReadCloser
	of *rosterBody
}

// Read reads what comes.
func (p *paced) Read(into []byte) (int, error) {
	b := p.of
	since := b.now()
	until := since.Add(min(bodyTimeout, b.left))
	if !b.end.IsZero() && b.end.Before(until) {
		until = b.end
	}
	_ = b.control.SetReadDeadline(until) // not every writer can
	n, err := p.ReadCloser.Read(into)
	b.left = min(b.left-b.now().Sub(since)+time.Duration(n)*time.Second/slowest, patience)
	return n, err
}

package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"citycard/clearing/people"
	"citycard/language"
	"citycard/ledger/chain"
)

const (
	// largeBodies is how many bodies over bodyLimit are in memory at once.
	largeBodies = 2
	// largeWait is how long another one waits for its turn.
	largeWait = 10 * time.Second
	// slowest is how many bytes of a body must come in a second, after bodyTimeout.
	slowest = 256 << 10
)

// operation is what is known of an operation before anything of a request's body is read.
type operation struct {
	limit int64 // of the body, in bytes
	looks bool  // over a network it takes a signed statement
	// streams says that it reads the body itself as it comes, once it believes the header.
	streams bool
}

// streaming marks an operation that streams, in its metadata.
const streaming = "streams"

func operationOf(op *huma.Operation) operation {
	of := operation{limit: op.MaxBodyBytes}
	_, of.streams = op.Metadata[streaming]
	for _, how := range op.Security {
		if _, signed := how[scheme]; signed {
			of.looks = true
		}
	}
	return of
}

// receive reads a request's body into memory, if the request may have it there. Over a network
// nothing over bodyLimit is read before a signature is believed that names the body. leave gives
// back what the request holds.
func (s *Server) receive(w http.ResponseWriter, r *http.Request, c *caller) (leave func(), err error) {
	leave = func() {}
	_, pattern := s.mux.Handler(r)
	of := s.operations[pattern]
	if of.streams {
		return leave, nil
	}
	limit := max(of.limit, bodyLimit)
	named := ""
	if header := r.Header.Get(LookHeader); c.remote && (of.looks || header != "") {
		if c.person, named, err = s.looks(r.Context(), header); err != nil {
			return leave, err
		}
	}
	if c.remote && named == "" {
		if limit = bodyLimit; r.ContentLength >= limit && r.ContentLength < of.limit {
			return leave, newProblem(c.language, Unsigned, language.Textf("over a network so large a body takes a signed statement that names it"), nil)
		}
	}
	if r.ContentLength >= limit {
		return leave, tooLarge(c.language)
	}
	size := r.ContentLength
	if size < 0 {
		size = limit
	}
	if size > bodyLimit {
		if leave, err = s.enter(r.Context()); err != nil {
			return leave, err
		}
	}
	body, err := s.read(w, r, size, limit)
	if err != nil {
		return leave, err
	}
	if sum := sha256.Sum256(body); c.remote && (named != "" || of.looks && len(body) > 0) && hex.EncodeToString(sum[:]) != named {
		return leave, newProblem(c.language, BadSignature, language.Textf("the statement is of another body"), nil)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return leave, nil
}

func tooLarge(l language.Language) *Problem {
	p := newProblem(l, TooLarge, TooLarge.title(), nil)
	p.Errors = []Fault{{Location: "body", Message: language.Textf("it is too large").In(l)}}
	return p
}

func tooSlow(l language.Language) *Problem {
	p := newProblem(l, Invalid, language.Textf("the body has come too slowly"), nil)
	p.Status = http.StatusRequestTimeout
	return p
}

// enter waits until another large body has room.
func (s *Server) enter(ctx context.Context) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, largeWait)
	defer cancel()
	select {
	case s.large <- struct{}{}:
		return func() { <-s.large }, nil
	case <-ctx.Done():
		return func() {}, tooMany(callerOf(ctx).language, largeWait, language.Textf("others send large requests at present"))
	}
}

// read reads a body of a size, or fails when it comes too slowly. What follows may take longer.
func (s *Server) read(w http.ResponseWriter, r *http.Request, size, limit int64) ([]byte, error) {
	control := http.NewResponseController(w)
	end := s.s.Now().Add(bodyTimeout + time.Duration(size/slowest)*time.Second)
	_ = control.SetReadDeadline(end) // not every writer can
	_ = control.SetWriteDeadline(end.Add(bodyTimeout))
	var body bytes.Buffer
	if r.ContentLength > 0 {
		body.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	n, err := body.ReadFrom(io.LimitReader(r.Body, limit))
	l := callerOf(r.Context()).language
	var failed net.Error
	switch {
	case errors.As(err, &failed) && failed.Timeout():
		return nil, tooSlow(l)
	case err != nil:
		return nil, newProblem(l, Invalid, language.Textf("the body cannot be read: %w", err), nil)
	case n >= limit:
		return nil, tooLarge(l)
	}
	// When it passes while the request is answered, the answer is given up.
	_ = control.SetReadDeadline(time.Time{})
	return body.Bytes(), nil
}

// looks refuses a request over a network whose header has no statement of it that is believed.
// named is the hash of the body that the statement names, if it names one.
func (s *Server) looks(ctx context.Context, header string) (by *people.Person, named string, err error) {
	c := callerOf(ctx)
	if header == "" {
		return nil, "", newProblem(c.language, Unsigned, language.Textf("over a network reading takes a signed statement, too"), language.Textf("sign it: the command takes --identity"))
	}
	signed, err := signatureIn(c.language, header)
	if err != nil {
		return nil, "", err
	}
	if s.s.Hosts != nil && !s.s.Hosts(c.host) {
		return nil, "", newProblem(c.language, BadSignature, language.Textf("the statement is for the server %.256q, which this one is not", c.host), language.Textf("name the server as its certificate does"))
	}
	if err := s.count(ctx, signed.Key); err != nil {
		return nil, "", err
	}
	want := c.request
	if st, err := people.ParseStatement(signed.Statement); err == nil {
		if hash, found := strings.CutPrefix(st.What, requestOf(c.request, "")); found {
			named, want = hash, st.What
		}
	}
	p, err := s.people().Looks(ctx, signed, want)
	if err != nil {
		return nil, "", s.problem(ctx, err)
	}
	return &p, named, nil
}

// signatureIn is the signed statement in a header.
func signatureIn(l language.Language, header string) (signed chain.Signature, err error) {
	text, err := base64.StdEncoding.DecodeString(header)
	if err == nil {
		err = json.Unmarshal(text, &signed)
	}
	if err != nil {
		p := newProblem(l, BadSignature, language.Textf("the header %s has no signed statement", LookHeader), nil)
		p.Errors = []Fault{{"header." + LookHeader, language.Textf("want key, statement and signature in JSON, in base64").In(l)}}
		return signed, p
	}
	return signed, nil
}

// requestOf is what a statement calls a request with a body of a hash.
func requestOf(request, hash string) string { return request + " sha256:" + hash }

package keyservice

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"citycard/cardos/keys"
)

// Server answers a key service's clients. It is an http.Handler behind TLS that asks for clients'
// certificates; whether one is known is the server's to say.
type Server struct {
	Backend Backend
	Clients func() *Clients  // as their file is now
	Orders  func() *Orders   // by which cards may be made, as their file is now
	Uses    *Uses            // each use is in it before its answer leaves
	Made    *Made            // and each card that was made in its log
	Now     func() time.Time // for certificates, rates and the log
	Log     *slog.Logger
	Done    func(o Operation, outcome string) // is told of each operation, and of refused requests
}

// refused is a request that is not answered.
type refused struct {
	status int
	fault
}

func (r *refused) Error() string { return string(r.Code) + ": " + r.Detail }

func unanswerable(status int, code Code, format string, args ...any) *refused {
	return &refused{status, fault{code, fmt.Sprintf(format, args...)}}
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answers, err := s.serve(r)
	status, body := http.StatusOK, any(struct {
		Answers []answer `json:"answers"`
	}{answers})
	if no := (*refused)(nil); errors.As(err, &no) {
		status, body = no.status, no.fault
		s.Done("", string(no.Code))
		if no.Code == TooMany {
			w.Header().Set("Retry-After", "1")
		}
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "cannot encode the answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(encoded)))
	w.WriteHeader(status)
	if _, err := w.Write(encoded); err != nil {
		s.Log.Warn("answer not delivered", "error", err)
	}
}

// serve answers all questions of a request, or none.
func (s *Server) serve(r *http.Request) ([]answer, error) {
	who, err := s.client(r)
	if err != nil {
		return nil, err
	}
	questions, err := readQuestions(r)
	if err != nil {
		return nil, err
	}
	if err := s.allow(who, questions); err != nil {
		return nil, err
	}
	answers, uses := make([]answer, len(questions)), make([]Use, len(questions))
	failed := make([]error, len(questions))
	at := s.Now()
	each(len(questions), func(i int) {
		uses[i] = Use{At: at, Client: who.name, Operation: questions[i].Operation, Order: questions[i].Order, Outcome: given}
		answers[i], failed[i] = s.answer(r.Context(), &questions[i], &uses[i])
	})
	if err := errors.Join(failed...); errors.Is(err, errQuestion) {
		return nil, unanswerable(http.StatusBadRequest, Malformed, "%v", err)
	} else if err != nil {
		s.Log.Error("key service: not answered", "client", who.name, "error", err)
		detail := "the masters cannot be used now"
		if errors.Is(err, ErrUses) {
			detail = "the log of uses cannot be written"
		}
		if halted := (*HaltedError)(nil); errors.As(err, &halted) {
			detail = halted.What
		}
		return nil, unanswerable(http.StatusServiceUnavailable, Unavailable, "%s", detail)
	}
	return answers, s.note(uses)
}

// note writes the uses to their log, on disk before anything is answered. Cards that were made are
// in a log of their own by now.
func (s *Server) note(uses []Use) error {
	for i := range uses {
		s.Done(uses[i].Operation, uses[i].Outcome)
	}
	uses = slices.DeleteFunc(uses, func(u Use) bool {
		return u.Outcome == unchanged || u.Operation == Personalise && (u.Outcome == given || u.Outcome == givenAgain)
	})
	if len(uses) == 0 {
		return nil
	}
	if err := s.Uses.Add(uses, true); err != nil {
		s.Log.Error("key service: no use without its line in the log", "error", err)
		return unanswerable(http.StatusServiceUnavailable, Unavailable, "the log of uses cannot be written")
	}
	return nil
}

// each runs work for 0..n, several at once where there are several.
func each(n int, work func(i int)) {
	const parallel = 4
	if n == 1 {
		work(0)
		return
	}
	var wg sync.WaitGroup
	for from := range min(parallel, n) {
		wg.Go(func() {
			for i := from; i < n; i += parallel {
				work(i)
			}
		})
	}
	wg.Wait()
}

// client finds who asks.
func (s *Server) client(r *http.Request) (*client, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil, unanswerable(http.StatusForbidden, UnknownClient, "no certificate")
	}
	certificate := r.TLS.PeerCertificates[0]
	who := s.Clients().by[FingerprintOf(certificate)]
	if who == nil {
		print := FingerprintOf(certificate)
		s.Log.Warn("key service: unknown certificate", "from", r.RemoteAddr, "sha256", fmt.Sprintf("%x", print))
		return nil, unanswerable(http.StatusForbidden, UnknownClient, "%x", print[:])
	}
	return who, s.dated(certificate, who)
}

// dated refuses a certificate whose time is over or has not come.
func (s *Server) dated(c *x509.Certificate, who *client) error {
	switch now := s.Now(); {
	case now.After(c.NotAfter):
		return unanswerable(http.StatusForbidden, Expired, "%s: valid until %s", who.name, c.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(c.NotBefore):
		return unanswerable(http.StatusForbidden, Expired, "%s: valid from %s", who.name, c.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

func readQuestions(r *http.Request) ([]question, error) {
	if r.Method != http.MethodPost {
		return nil, unanswerable(http.StatusMethodNotAllowed, Malformed, "want POST")
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxRequest))
	if err != nil {
		return nil, unanswerable(http.StatusBadRequest, Malformed, "the body has more than %d bytes or broke off", maxRequest)
	}
	var request struct {
		Questions []question `json:"questions"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, unanswerable(http.StatusBadRequest, Malformed, "the body is not JSON of questions") // the error would quote it
	}
	if n := len(request.Questions); n < 1 || n > maxQuestions {
		return nil, unanswerable(http.StatusBadRequest, Malformed, "%d questions, want 1 to %d", n, maxQuestions)
	}
	for i := range request.Questions {
		if q := &request.Questions[i]; len(q.Order) > maxOrder || len(q.ID) > maxOrder {
			return nil, unanswerable(http.StatusBadRequest, Malformed, "an order of more than %d characters", maxOrder)
		}
	}
	return request.Questions, nil
}

// allow refuses what a client may not, and what is too much. A refused operation is in the log.
func (s *Server) allow(who *client, questions []question) error {
	now := s.Now()
	if burst := who.limiter.Burst(); len(questions) > burst {
		return unanswerable(http.StatusTooManyRequests, TooMany, "%d operations at once, at most %d", len(questions), burst)
	}
	if !who.limiter.AllowN(now, len(questions)) {
		return unanswerable(http.StatusTooManyRequests, TooMany, "%g operations a second", float64(who.limiter.Limit()))
	}
	for i := range questions {
		q := &questions[i]
		if slices.Contains(who.may, q.Operation) {
			continue
		}
		use := Use{At: now, Client: who.name, Operation: q.Operation, Order: q.Order, Outcome: string(NotAllowed)}
		if !slices.Contains(Operations(), q.Operation) {
			return unanswerable(http.StatusBadRequest, Malformed, "there is no operation %.20q", q.Operation)
		}
		if err := s.Uses.Add([]Use{use}, true); err != nil {
			return unanswerable(http.StatusServiceUnavailable, Unavailable, "the log of uses cannot be written")
		}
		return unanswerable(http.StatusForbidden, NotAllowed, "%s", q.Operation)
	}
	return nil
}

// unchanged is the outcome of a question for clearing's keys that gave none away.
const unchanged = "unchanged"

// answer does one operation and completes its use. An error means that there is no answer to any
// question.
func (s *Server) answer(ctx context.Context, q *question, u *Use) (a answer, err error) {
	a = answer{ID: q.ID, Operation: q.Operation, Order: q.Order}
	if q.Operation == Clearing {
		u.Detail, u.Outcome, err = s.clearing(ctx, q, &a)
		return a, err
	}
	card, err := q.Card.card()
	if err != nil {
		return a, err
	}
	a.Card = card.String()
	u.Card = a.Card
	switch q.Operation {
	case Loads:
		u.Amount = q.amount()
		err = s.load(ctx, q, card, &a)
	case PINs, Files:
		u.Detail, err = s.command(ctx, q, card, &a)
	case Personalise:
		err = s.personalise(ctx, q, card, &a, u)
	case Clearing:
	}
	switch {
	case errors.Is(err, ErrBatch):
		s.Log.Error("key service: a card is not made", "order", q.Order, "error", err)
		a.Refusal = NoBatch
	case errors.Is(err, keys.ErrMAC):
		a.Refusal = BadMAC
	case errors.Is(err, keys.ErrKeyVersion):
		a.Refusal = BadVersion
	case errors.Is(err, ErrCommand):
		a.Refusal = BadCommand
	case err != nil || a.Refusal == "":
		return a, err
	}
	u.Outcome = string(a.Refusal)
	return a, nil
}

func (q *question) amount() uint32 {
	if q.Load == nil {
		return 0
	}
	return q.Load.Amount
}

func (s *Server) load(ctx context.Context, q *question, card Card, a *answer) error {
	order, err := q.loadOrder(card)
	if err != nil {
		return err
	}
	mac2, err := s.Backend.AuthoriseLoad(ctx, order)
	a.MAC = mac2[:]
	return err
}

// command gives the data of a secured command, if the centre permits it. The log has the day that
// is written, and no PIN.
func (s *Server) command(ctx context.Context, q *question, card Card, a *answer) (detail string, err error) {
	command, err := q.command(card)
	if err != nil {
		return "", err
	}
	if q.Operation == Files {
		detail = fmt.Sprintf("last day %x", command.Data)
	}
	if a.Refusal = PermitOf(&command).check(q.Permit, s.Clients().centre, s.Now()); a.Refusal != "" {
		return detail, nil
	}
	a.Data, err = s.Backend.Secure(ctx, command)
	return detail, err
}

// personalise gives a card its keys, if an order of the client may make it.
func (s *Server) personalise(ctx context.Context, q *question, card Card, a *answer, u *Use) (err error) {
	blank := Blank{Order: q.Order, Card: card}
	if err := fixed(blank.Challenge[:], q.Challenge, "challenge"); err != nil {
		return err
	}
	if q.Order == "" {
		return fmt.Errorf("%w: a card is personalised by an order", errQuestion)
	}
	order := s.Orders().by[q.Order]
	switch {
	case order == nil || order.client != u.Client:
		a.Refusal = NotOrdered
		return nil
	case !order.has(card):
		a.Refusal = NotOfOrder
		return nil
	}
	blank.Batch = order.batch
	a.Refusal, err = s.Made.make(ctx, order, blank, u, func() error {
		issue, err := s.Backend.Personalise(ctx, blank)
		if err != nil {
			return err
		}
		a.Version, a.Answer = issue.Version, issue.Answer[:]
		for _, k := range issue.Keys {
			a.Keys = append(a.Keys, k[:])
		}
		return nil
	})
	return err
}

func (s *Server) clearing(ctx context.Context, q *question, a *answer) (detail, outcome string, err error) {
	held, err := s.Backend.Held(ctx)
	if err != nil {
		return "", "", err
	}
	fingerprint := held.Fingerprint()
	if fingerprint == q.Fingerprint {
		return fingerprint, unchanged, nil
	}
	a.Held = held.Encode()
	return "keys " + fingerprint, given, nil
}

package keyservice

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"citycard/cardos/keys"
	"citycard/language"
)

// Errors of a client.
var (
	// ErrAway says that the key service did not answer: it is stopped, slow, or cannot use its
	// masters. Nothing is lost: the same may be asked again.
	ErrAway = language.Textf("the key service does not answer")
	// ErrRefused says that the key service does not know its client, or does not allow it that.
	ErrRefused = language.Textf("the key service refuses")
	// ErrStranger says that what answers did not prove to be the key service.
	ErrStranger = language.Textf("what answers is not the key service")
	// ErrTooMany says that the client asks more often than it may. The same may be asked later.
	ErrTooMany = language.Textf("the key service takes no more from us for the moment")
	// ErrOther says that an answer does not belong to what was asked. It is never used.
	ErrOther = language.Textf("the key service answers something else than what was asked")
)

// Failed reports whether an error is one of the key service and of the way to it, and not of a
// card.
func Failed(err error) bool {
	for _, of := range []error{ErrAway, ErrRefused, ErrStranger, ErrTooMany, ErrOther} {
		if errors.Is(err, of) {
			return true
		}
	}
	return false
}

// Settings are how a client reaches a key service.
type Settings struct {
	URL string // https://HOST:PORT
	// TLS proves to the service who asks, and to the client that it asks the service.
	TLS *tls.Config
	// Patience is how long an operation may take, with all attempts.
	Patience time.Duration
}

// Client asks a key service. It is a Backend, as the service's own, and safe for concurrent use.
type Client struct {
	url      string
	patience time.Duration
	http     *http.Client

	mu    sync.Mutex
	held  *keys.Held // the last that was given
	print string     // of them
}

// attempts of one operation; each may be repeated, since the service stores nothing.
const (
	attempts = 3
	pause    = 50 * time.Millisecond // before the second, and twice as long before the third
)

// NewClient makes a client; it does not connect yet.
func NewClient(s Settings) (*Client, error) {
	u, err := url.Parse(s.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return nil, language.Textf("%q is no address of a key service, want https://HOST:PORT", s.URL)
	}
	transport := &http.Transport{TLSClientConfig: s.TLS, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 4}
	return &Client{url: "https://" + u.Host + Path, patience: s.Patience, http: &http.Client{Transport: transport}}, nil
}

// Close lets idle connections go.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Format hides the keys from every fmt verb.
func (*Client) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[key service]") }

// Held gives the keys that clearing holds. Every error is keys.ErrOutdated too.
func (c *Client) Held(ctx context.Context) (*keys.Held, error) {
	c.mu.Lock()
	held, print := c.held, c.print
	c.mu.Unlock()
	a, err := c.ask(ctx, question{Operation: Clearing, Fingerprint: print})
	if err == nil && len(a.Held) > 0 {
		held, err = keys.DecodeHeld(a.Held)
	}
	if err == nil && held == nil {
		err = language.Textf("%w: no keys", ErrOther)
	}
	if err != nil {
		return nil, language.Textf("%w: %w", keys.ErrOutdated, err)
	}
	if len(a.Held) > 0 {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.held, c.print = held, held.Fingerprint()
	}
	return held, nil
}

// AuthoriseLoad is that of Backend.
func (c *Client) AuthoriseLoad(ctx context.Context, o keys.LoadOrder) (mac keys.MAC, err error) {
	a, err := c.ask(ctx, askLoad(o))
	if err == nil {
		err = fixed(mac[:], a.MAC, "MAC2")
	}
	return mac, err
}

// Secure is that of Backend, for PIN UNBLOCK and for another last day of a transit card alone.
func (c *Client) Secure(ctx context.Context, command Command) ([]byte, error) {
	if operationOf(&command) == "" {
		return nil, ErrCommand
	}
	a, err := c.ask(ctx, askCommand(command))
	if err == nil && len(a.Data) < len(command.Data)+len(keys.MAC{}) {
		err = language.Textf("%w: %d bytes for a command", ErrOther, len(a.Data))
	}
	return a.Data, err
}

// Personalise is that of Backend.
func (c *Client) Personalise(ctx context.Context, b Blank) (Issue, error) {
	a, err := c.ask(ctx, askBlank(b))
	if err != nil {
		return Issue{}, err
	}
	issue, err := a.issue()
	if err == nil && len(issue.Keys) != len(b.Card.Roles()) {
		err = language.Textf("%w: %d keys", ErrOther, len(issue.Keys))
	}
	return issue, err
}

// ask asks one question, and again where the service did not answer, until the client's patience
// is over.
func (c *Client) ask(ctx context.Context, q question) (a answer, err error) {
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return a, err
	}
	q.ID = hex.EncodeToString(id[:])
	body, err := json.Marshal(struct {
		Questions []question `json:"questions"`
	}{[]question{q}})
	if err != nil {
		return a, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	for i := range attempts {
		if a, err = c.once(ctx, body, &q); !errors.Is(err, ErrAway) || i == attempts-1 {
			return a, err
		}
		select {
		case <-ctx.Done():
			return a, err
		case <-time.After(pause << i):
		}
	}
	return a, err
}

func (c *Client) once(ctx context.Context, body []byte, q *question) (a answer, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(r)
	if err != nil {
		return a, unanswered(err)
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return a, language.Textf("%w: %w", ErrAway, err)
	}
	if response.StatusCode != http.StatusOK {
		return a, faultOf(response.StatusCode, content)
	}
	var all struct {
		Answers []answer `json:"answers"`
	}
	if err := json.Unmarshal(content, &all); err != nil || len(all.Answers) != 1 {
		return a, language.Textf("%w: no answer in JSON", ErrOther)
	}
	a = all.Answers[0]
	return a, a.belongs(q)
}

// belongs checks that it is the answer to the question, and whether that was refused.
func (a *answer) belongs(q *question) error {
	card := ""
	if q.Card != nil {
		c, err := q.Card.card()
		if err != nil {
			return err
		}
		card = c.String()
	}
	switch {
	case a.ID != q.ID || a.Operation != q.Operation:
		return language.Textf("%w: it is for another question", ErrOther)
	case a.Order != q.Order:
		return language.Textf("%w: it is for order %.80q", ErrOther, a.Order)
	case a.Card != card:
		return language.Textf("%w: it is for card %.64q", ErrOther, a.Card)
	case a.Refusal == BadMAC:
		return keys.ErrMAC
	case a.Refusal == BadVersion:
		return keys.ErrKeyVersion
	case a.Refusal == BadCommand:
		return ErrCommand
	case a.Refusal != "":
		return a.refused(q.Order)
	}
	return nil
}

// refused says in words why an operation was refused.
func (a *answer) refused(order string) error {
	switch a.Refusal {
	case NoPermit:
		return language.Textf("%w: the clearing centre has signed no permit for it", ErrRefused)
	case OldPermit:
		return language.Textf("%w: the clearing centre's permit is over: ask the centre again", ErrRefused)
	case NotOrdered:
		return language.Textf("%w: its orders file has no order %q of ours", ErrRefused, order)
	case NotOfOrder:
		return language.Textf("%w: card %s is none of order %q", ErrRefused, a.Card, order)
	case OtherOrder:
		return language.Textf("%w: card %s was made by another order", ErrRefused, a.Card)
	case MadeBefore:
		return language.Textf("%w: card %s was made as often as order %q allows", ErrRefused, a.Card, order)
	case AllMade:
		return language.Textf("%w: order %q has all its cards", ErrRefused, order)
	case NoBatch:
		return language.Textf("%w: order %q: %w", ErrRefused, order, ErrBatch)
	}
	return fmt.Errorf("%w: %.40s", ErrRefused, a.Refusal)
}

// unanswered says why a request got no answer. A certificate that is not taken stays so; anything
// else may pass.
func unanswered(err error) error {
	var wrong *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	if errors.As(err, &wrong) || errors.As(err, &authority) {
		return language.Textf("%w: %w", ErrStranger, cause(err))
	}
	return language.Textf("%w: %w", ErrAway, cause(err))
}

// cause is the error without the URL before it.
func cause(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// faultOf says in words why a request was refused.
func faultOf(status int, content []byte) error {
	var f fault
	if json.Unmarshal(content, &f) != nil || f.Code == "" {
		return language.Textf("%w: status %d", ErrAway, status)
	}
	detail := fmt.Sprintf("%.200s", f.Detail)
	switch f.Code {
	case UnknownClient:
		return language.Textf("%w: our certificate is not in its clients' file (SHA-256 %s)", ErrRefused, detail)
	case Expired:
		return language.Textf("%w: our certificate is out of date (%s)", ErrRefused, detail)
	case NotAllowed:
		return language.Textf("%w: its clients' file does not allow us the operation %q", ErrRefused, detail)
	case Malformed:
		return language.Textf("%w: it does not understand the question (%s)", ErrRefused, detail)
	case TooMany:
		return language.Textf("%w: more than its clients' file allows us (%s)", ErrTooMany, detail)
	case Unavailable:
		return language.Textf("%w: %s", ErrAway, detail)
	}
	return fmt.Errorf("%w: %.40s", ErrRefused, f.Code)
}

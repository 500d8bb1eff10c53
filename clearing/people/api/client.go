package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/language"
	"citycard/ledger/chain"
)

// Client asks a server, and signs acts. Its errors are *Problem where the server has answered.
type Client struct {
	base     string // https://HOST:PORT
	http     *http.Client
	language language.Language
	remote   bool // reading is signed, too
	kinds    map[string]proposal.Entry

	key    *people.Identity // that signs; nil: nobody's
	now    func() time.Time
	books  string
	person string // whose key it is, once it was asked
}

// AtSocket is a client of the process that listens at a socket. Problems are in the language l.
func AtSocket(path string, l language.Language) *Client {
	transport := &http.Transport{
		DialContext:           func(ctx context.Context, _, _ string) (net.Conn, error) { return dialSocket(ctx, path) },
		ExpectContinueTimeout: largeWait + bodyTimeout,
	}
	return &Client{base: "http://citycard", http: &http.Client{Transport: transport, CheckRedirect: stays}, language: l}
}

// At is a client of the server at a URL, which must be one of https: over a network everything goes
// through TLS.
func At(at string, l language.Language) (*Client, error) {
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, language.Textf("%q: want https://HOST:PORT", at)
	}
	return &Client{base: "https://" + u.Host, http: &http.Client{Transport: http.DefaultTransport, CheckRedirect: stays}, language: l, remote: true}, nil
}

// stays follows no redirection: what is sent has signatures and tokens, and is for this server.
func stays(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// As has a key sign from now on. The client does not close it.
func (c *Client) As(key *people.Identity, now func() time.Time) {
	c.key, c.now, c.person = key, now, ""
}

// Of has every statement be of these books: a server that has others believes none.
func (c *Client) Of(books string) { c.books = books }

// Host is the server as its URL names it; "" at a socket.
func (c *Client) Host() string {
	if !c.remote {
		return ""
	}
	return strings.TrimPrefix(c.base, "https://")
}

// Close lets the connections go.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Books asks which books the server has.
func (c *Client) Books(ctx context.Context) (Books, error) {
	return ask[Books](ctx, c, call{method: http.MethodGet, path: "/v1/books"})
}

// Whoami asks whose key it is.
func (c *Client) Whoami(ctx context.Context, fingerprint string) (Person, error) {
	return ask[Person](ctx, c, call{method: http.MethodGet, path: "/v1/whoami?" + url.Values{"key": {fingerprint}}.Encode(), looks: true})
}

// Draft asks what a request would do, and refuses a draft of something else than was asked for: who
// signs it signs kind, request and reason. Only where completes is set may the server have made the
// request of what was asked for, and then it must be seen before it is signed. Dry, the server
// keeps no content of the request either.
func (c *Client) Draft(ctx context.Context, kind string, request json.RawMessage, reason string, completes, dry bool) (*View, error) {
	body, err := encode(Asked{kind, request, reason})
	if err != nil {
		return nil, err
	}
	v, err := c.view(ctx, call{method: http.MethodPost, path: "/v1/proposals/draft" + rehearsed(dry), body: body, looks: true})
	if err == nil && (v.Number != 0 || v.Kind != kind || v.Reason != reason || !completes && !bytes.Equal(v.Request, request)) {
		err = language.Textf("the server has drafted something else than was asked for; nothing is signed")
	}
	return v, err
}

// Propose signs what a draft would do, and proposes it.
func (c *Client) Propose(ctx context.Context, draft *View, dry bool) (*View, error) {
	hash, err := draft.hash()
	if err != nil {
		return nil, err
	}
	signed, err := c.sign(ctx, proposal.ActPropose, proposal.StatementOfKind(draft.Kind, hash), draft.Reason, dry)
	if err != nil {
		return nil, err
	}
	body, err := encode(Proposing{draft.Kind, draft.Request, draft.Reason, signed})
	if err != nil {
		return nil, err
	}
	v, err := c.view(ctx, call{method: http.MethodPost, path: "/v1/proposals" + rehearsed(dry), body: body})
	if err == nil && v.Hash != draft.Hash {
		err = language.Textf("the server says that it has stored the proposal %d, which is another than was signed", v.Number)
	}
	return v, err
}

// view asks for a proposal, and makes sure that it is the one that its hash is of.
func (c *Client) view(ctx context.Context, what call) (*View, error) {
	v, err := ask[View](ctx, c, what)
	if err == nil {
		err = v.sound()
	}
	if err == nil {
		err = c.fits(&v)
	}
	return &v, err
}

// List passes the proposals on that a filter chooses, oldest first.
func (c *Client) List(ctx context.Context, f proposal.Filter, each func(*Proposal) error) error {
	for {
		query := url.Values{"all": {strconv.FormatBool(f.All)}, "kind": {f.Kind}, "unit": {string(f.Unit)}, "after": {strconv.FormatInt(f.After, 10)}}
		page, err := ask[Page](ctx, c, call{method: http.MethodGet, path: "/v1/proposals?" + query.Encode(), looks: true})
		if err != nil {
			return err
		}
		for i := range page.Proposals {
			if err := each(&page.Proposals[i]); err != nil {
				return err
			}
		}
		if f.After = page.Next; f.After == 0 {
			return nil
		}
	}
}

// Show asks for a proposal with all that it does.
func (c *Client) Show(ctx context.Context, number int64) (*View, error) {
	return c.view(ctx, call{method: http.MethodGet, path: "/v1/proposals/" + strconv.FormatInt(number, 10), looks: true})
}

// Approve signs a proposal, which was shown with a hash and a reason, and approves it.
func (c *Client) Approve(ctx context.Context, number int64, hash, reason string, dry bool) (Outcome, error) {
	signed, err := c.decision(ctx, people.ActApprove, number, hash, reason, dry)
	if err != nil {
		return Outcome{}, err
	}
	return decide(ctx, c, number, "approve", hash, Approving{hash, signed}, dry)
}

// Reject signs that a proposal is not done, and why.
func (c *Client) Reject(ctx context.Context, number int64, hash, reason string, dry bool) (Outcome, error) {
	signed, err := c.decision(ctx, proposal.ActReject, number, hash, reason, dry)
	if err != nil {
		return Outcome{}, err
	}
	return decide(ctx, c, number, "reject", hash, Deciding{reason, signed}, dry)
}

// Withdraw signs that a proposal is taken back, and why.
func (c *Client) Withdraw(ctx context.Context, number int64, hash, reason string, dry bool) (Outcome, error) {
	signed, err := c.decision(ctx, proposal.ActWithdraw, number, hash, reason, dry)
	if err != nil {
		return Outcome{}, err
	}
	return decide(ctx, c, number, "withdraw", hash, Deciding{reason, signed}, dry)
}

// decision signs a decision about a proposal.
func (c *Client) decision(ctx context.Context, act string, number int64, hash, reason string, dry bool) (Signature, error) {
	digest, err := hashOf(hash)
	if err != nil {
		return Signature{}, problemOf(c.language, err)
	}
	return c.sign(ctx, act, proposal.StatementOf(number, digest), reason, dry)
}

func decide[T any](ctx context.Context, c *Client, number int64, how, hash string, decision T, dry bool) (Outcome, error) {
	body, err := encode(decision)
	if err != nil {
		return Outcome{}, err
	}
	done, err := ask[Outcome](ctx, c, call{method: http.MethodPost, path: fmt.Sprintf("/v1/proposals/%d/%s%s", number, how, rehearsed(dry)), body: body})
	if err == nil && (done.Number != number || done.Hash != hash) {
		err = language.Textf("the server answers about the proposal %d and another hash", done.Number)
	}
	return done, err
}

// Found has the key's owner become a keeper.
func (c *Client) Found(ctx context.Context, n people.Newcomer, dry bool) (Person, error) {
	if err := c.introduce(ctx); err != nil {
		return Person{}, err
	}
	signed, err := people.Sign(c.key, n.StatementOf(c.books, c.now()))
	if err != nil {
		return Person{}, err
	}
	body, err := encode(Founding{n.Token, n.ID, n.Name, c.key.Public().String(), signatureOf(signed)})
	if err != nil {
		return Person{}, err
	}
	return ask[Person](ctx, c, call{method: http.MethodPost, path: "/v1/keepers" + rehearsed(dry), body: body, once: true})
}

func rehearsed(dry bool) string {
	if dry {
		return "?dry_run=true"
	}
	return ""
}

// sign signs that the key's person does an act; dry, that they try it.
func (c *Client) sign(ctx context.Context, act, what, reason string, dry bool) (Signature, error) {
	if err := c.introduce(ctx); err != nil {
		return Signature{}, err
	}
	if c.person == "" {
		p, err := c.Whoami(ctx, c.key.Public().Fingerprint())
		if err != nil {
			return Signature{}, err
		}
		c.person = p.ID
	}
	if dry {
		act = people.Tried(act)
	}
	signed, err := people.Sign(c.key, people.Statement{Books: c.books, Person: c.person, Act: act, What: what, Reason: reason, At: c.now()})
	return signatureOf(signed), err
}

// introduce asks which books the server has, for the statements.
func (c *Client) introduce(ctx context.Context) error {
	if c.key == nil {
		return language.Textf("a key is needed: there is none that signs")
	}
	if c.books != "" {
		return nil
	}
	b, err := c.Books(ctx)
	c.books = b.Books
	return err
}

// hash is that of what the view shows.
func (v *View) hash() ([32]byte, error) { return proposal.HashOf(v.Kind, v.Request, v.Change) }

// sound refuses a view whose hash is not that of what it shows.
func (v *View) sound() error {
	if v.Change == nil {
		return language.Textf("the server shows no change")
	}
	hash, err := v.hash()
	if err == nil && hex.EncodeToString(hash[:]) != v.Hash {
		err = language.Textf("the server shows something else than the hash %.64s is of; nothing is signed", v.Hash)
	}
	return err
}

func hashOf(text string) (hash [32]byte, err error) {
	if n, failed := hex.Decode(hash[:], []byte(text)); failed != nil || n != len(hash) {
		return hash, proposal.ErrHash
	}
	return hash, nil
}

// call is one request.
type call struct {
	method, path string
	body         []byte
	looks        bool // it only looks, and is signed over a network
	once         bool // it is not sent again where no answer comes
}

// encode is the body of a request. What stands in it as JSON stays as it is, to the byte.
func encode[T any](body T) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(body)
	return text.Bytes(), err
}

// longestAnswer is more than any answer has bytes.
const longestAnswer = 32 << 20

// repeats is how often a signed act without an answer is sent again. It is the same act each time.
const repeats = 2

// ask sends a request and reads its answer.
func ask[T any](ctx context.Context, c *Client, what call) (into T, err error) {
	for try := 0; ; try++ {
		into, err = once[T](ctx, c, &what)
		p, ok := errors.AsType[*Problem](err)
		if what.once || try == repeats || ctx.Err() != nil || !ok || p.Type != UnknownOutcome {
			return into, err
		}
	}
}

func once[T any](ctx context.Context, c *Client, what *call) (into T, err error) {
	request, err := c.request(ctx, *what)
	if err != nil {
		return into, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return into, c.unanswered(what, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, longestAnswer))
	if err != nil {
		return into, c.unanswered(what, err)
	}
	if response.StatusCode == http.StatusOK {
		if err = json.Unmarshal(text, &into); err == nil {
			return into, nil
		}
	}
	p := new(Problem)
	if err = json.Unmarshal(text, p); err == nil && p.Type != "" {
		return into, p
	}
	return into, c.unanswered(what, noneOfOurs(response.StatusCode))
}

func noneOfOurs(status int) *language.Text {
	return language.Textf("the answer, of status %d, is none of citycard's", status)
}

func (c *Client) request(ctx context.Context, what call) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, what.method, c.base+what.path, bytes.NewReader(what.body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept-Language", c.language.String())
	if what.body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if !c.remote || !what.looks && len(what.body) < bodyLimit {
		return request, nil
	}
	asked := what.method + " " + c.Host() + what.path
	if sum := sha256.Sum256(what.body); len(what.body) > 0 {
		asked = requestOf(asked, hex.EncodeToString(sum[:]))
	}
	if err := c.introduce(ctx); err != nil {
		return nil, err
	}
	signed, err := people.Sign(c.key, people.Statement{
		Books: c.books, Person: c.key.Public().Fingerprint(), Act: people.Looking, What: asked, At: c.now(),
	})
	if err != nil {
		return nil, err
	}
	return request, setSigned(request, signed)
}

// setSigned puts a signed statement into a request's header.
func setSigned(r *http.Request, signed chain.Signature) error {
	text, err := json.Marshal(signed)
	if err != nil {
		return err
	}
	r.Header.Set(LookHeader, base64.StdEncoding.EncodeToString(text))
	return nil
}

// unanswered is the problem of a request without an answer. An act that was sent may have been
// done.
func (c *Client) unanswered(what *call, err error) error {
	kind := Unavailable
	dial := (*net.OpError)(nil)
	if what.method != http.MethodGet && !what.looks && !(errors.As(err, &dial) && dial.Op == "dial") {
		kind = UnknownOutcome
	}
	if kind == Unavailable && errors.Is(err, context.Canceled) {
		return err
	}
	if address := (*url.Error)(nil); errors.As(err, &address) {
		err = address.Err // without the URL
	}
	todo := tryAgain()
	if kind == UnknownOutcome {
		todo = repeatIt()
	}
	return newProblem(c.language, kind, err, todo)
}

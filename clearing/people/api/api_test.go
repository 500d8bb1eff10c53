package api_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/cards"
	"citycard/clearing/chart"
	"citycard/clearing/owed"
	"citycard/clearing/people"
	"citycard/clearing/people/api"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
	"citycard/clearing/persons"
	"citycard/clearing/schema"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/ledgertest"
)

func TestMain(m *testing.M) { ledgertest.Main(m) }

// town is a server with people, and an account whose limit they change.
type town struct {
	testing.TB
	server *api.Server
	ledger *ledger.Ledger
	staff  *peopletest.Staff
	dir    string
}

func officeOf(t testing.TB, l *ledger.Ledger) *proposal.Office {
	t.Helper()
	store, err := people.NewStore(l)
	if err != nil {
		t.Fatal(err)
	}
	return &proposal.Office{Ledger: l, People: store, Kinds: append(proposal.Staff(store), chart.LimitKind(l), cards.CashKind(cardsAt(l, counterDay)))}
}

func newTown(t testing.TB, rate int) *town {
	t.Helper()
	url := ledgertest.New(t)
	w := &town{TB: t, dir: t.TempDir()}
	w.must(schema.Apply(t.Context(), url))
	l := ledgertest.Connect(t, url, 8)
	w.ledger, w.staff = l, peopletest.New(t, l)
	w.must(l.OpenDay(t.Context(), 20260105))
	w.must(l.OpenAccounts(t.Context(), []ledger.Account{{Code: "agent", Kind: ledger.Liability, Owner: "issuer", Flags: ledger.DebitsMustNotExceedCredits, Cap: 1000}}))
	w.server = w.serverOf(officeOf(t, l), officeOf(t, ledger.New(l.Pool(), l.Dialect(), ledger.WithRehearsal())), rate)
	return w
}

func (w *town) serverOf(office, rehearsal *proposal.Office, rate int) *api.Server {
	return api.New(settings(office, rehearsal, rate))
}

// settings are those of another server of the town.
func (w *town) settings() api.Settings {
	w.Helper()
	return settings(officeOf(w, w.ledger), officeOf(w, ledger.New(w.ledger.Pool(), w.ledger.Dialect(), ledger.WithRehearsal())), 1000)
}

func settings(office, rehearsal *proposal.Office, rate int) api.Settings {
	return api.Settings{
		Office: office, Rehearsal: rehearsal, Zone: func(context.Context) (string, error) { return "Asia/Shanghai", nil },
		Version: "test", Now: time.Now, Log: slog.New(slog.DiscardHandler), Rate: rate,
		Cards: func(_ context.Context, l *ledger.Ledger) (*cards.Office, error) { return cardsAt(l, counterDay), nil },
		Owed: func(context.Context, *ledger.Ledger) (owed.Figures, error) {
			return owed.Figures{Today: 20261012, Days: 30}, nil
		},
		Persons: func(_ context.Context, l *ledger.Ledger) (*persons.Store, error) {
			return persons.NewStore(l, keys.GenerateTest(1).Held(), time.UTC)
		},
	}
}

func (w *town) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// socket serves at a socket and gives a client of it that signs as somebody.
func (w *town) socket(id string) *api.Client {
	w.Helper()
	w.listen()
	return w.client(id)
}

func (w *town) listen() {
	w.Helper()
	listener, err := api.ListenSocket(w.Context(), w.dir)
	w.must(err)
	server := &http.Server{Handler: held(w, w.server.Local()), ReadHeaderTimeout: time.Second, ReadTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	w.Cleanup(func() { _ = server.Close() })
}

func (w *town) client(id string) *api.Client {
	w.Helper()
	c := api.AtSocket(api.SocketPath(w.dir), language.Language{})
	c.As(peopletest.Key(w, id), time.Now)
	c.Knows(append(proposal.StaffEntries(), chart.LimitEntry()))
	w.Cleanup(c.Close)
	return c
}

// limit asks for another limit of the account.
func (w *town) limit(fen ledger.Fen) json.RawMessage {
	w.Helper()
	body, err := proposal.Body(chart.LimitRequest{Account: "agent", Cap: fen})
	w.must(err)
	return body
}

// proposed is a proposal that somebody has made.
func (w *town) proposed(c *api.Client, fen ledger.Fen) *api.View {
	w.Helper()
	draft, err := c.Draft(w.Context(), chart.LimitName, w.limit(fen), "contract", false, false)
	w.must(err)
	v, err := c.Propose(w.Context(), draft, false)
	w.must(err)
	return v
}

// kind is the kind of the problem that an error is.
func (w *town) kind(err error) api.Kind {
	w.Helper()
	p, ok := errors.AsType[*api.Problem](err)
	if !ok {
		w.Fatalf("%v, want a problem", err)
	}
	if p.Title == "" || p.Detail == "" || p.Status < 400 {
		w.Errorf("a problem without title, detail or status: %+v", p)
	}
	return p.Type
}

// TestTwoPeople has one propose and another approve over a socket, each with a rehearsal before.
func TestTwoPeople(t *testing.T) {
	w := newTown(t, 1000)
	ann, bob := w.socket("ann"), w.client("bob")
	books, err := ann.Books(t.Context())
	w.must(err)
	if books.Version != "test" || books.Zone != "Asia/Shanghai" || books.Books == "" || time.Since(books.Time).Abs() > time.Minute {
		t.Errorf("the books are %+v", books)
	}
	who, err := ann.Whoami(t.Context(), peopletest.Key(t, "max").Public().Fingerprint())
	w.must(err)
	if who.ID != "max" || who.InForce || who.Ended == nil {
		t.Errorf("max is %+v", who)
	}
	draft, err := ann.Draft(t.Context(), chart.LimitName, w.limit(2000), "<contract> & more", false, false)
	w.must(err)
	for range 2 {
		v, err := ann.Propose(t.Context(), draft, true)
		w.must(err)
		if v.Number != 1 {
			t.Errorf("a rehearsal makes proposal %d", v.Number)
		}
	}
	v, err := ann.Propose(t.Context(), draft, false)
	w.must(err)
	if v.Number != 1 || v.Reason != "<contract> & more" || v.Proposer != "ann" || v.Hash != draft.Hash || v.Change.Rows[0].Key != "agent" {
		t.Errorf("proposed: %+v", v)
	}
	for n, dry := range []bool{true, false, false} {
		done, err := bob.Approve(t.Context(), v.Number, v.Hash, v.Reason, dry)
		w.must(err)
		if done.Repeated != (n == 2) || n < 2 && len(done.Said) != 1 {
			t.Errorf("approval %d: %+v", n, done)
		}
	}
	other := w.proposed(ann, 3000)
	if _, err := bob.Reject(t.Context(), other.Number, other.Hash, "too much", false); err != nil {
		t.Error(err)
	}
	other = w.proposed(ann, 3000)
	if done, err := ann.Withdraw(t.Context(), other.Number, other.Hash, "", false); err != nil || done.State != proposal.Withdrawn {
		t.Errorf("%+v, %v", done, err)
	}
	var states []proposal.State
	w.must(bob.List(t.Context(), proposal.Filter{All: true}, func(p *api.Proposal) error {
		states = append(states, p.State)
		return nil
	}))
	if len(states) != 3 || states[0] != proposal.Approved || states[1] != proposal.Rejected || states[2] != proposal.Withdrawn {
		t.Errorf("listed: %v", states)
	}
	if v, err = bob.Show(t.Context(), 1); err != nil || v.State != proposal.Approved || v.Decider != "bob" || v.DecidedAt == nil {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestPages lists more proposals than a page has.
func TestPages(t *testing.T) {
	w := newTown(t, 10_000)
	ann := w.socket("ann")
	const many = 205
	for n := range many {
		w.proposed(ann, ledger.Fen(2000+n))
	}
	var last, seen int64
	w.must(ann.List(t.Context(), proposal.Filter{}, func(p *api.Proposal) error {
		if p.Number <= last {
			t.Errorf("%d after %d", p.Number, last)
		}
		last, seen = p.Number, seen+1
		return nil
	}))
	if seen != many {
		t.Errorf("%d proposals are listed, want %d", seen, many)
	}
}

// post sends a body to a path, and gives the status and the problem.
func (w *town) post(handler http.Handler, path, body string, header ...string) (int, api.Problem) {
	w.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return w.answered(handler, r)
}

func (w *town) answered(handler http.Handler, r *http.Request) (int, api.Problem) {
	w.Helper()
	recorder := httptest.NewRecorder()
	held(w, handler).ServeHTTP(recorder, r)
	var p api.Problem
	if recorder.Code != http.StatusOK {
		if got := recorder.Header().Get("Content-Type"); got != "application/problem+json" {
			w.Errorf("%s: the answer is of the type %q", r.URL.Path, got)
		}
		w.must(json.Unmarshal(recorder.Body.Bytes(), &p))
		if p.Status != recorder.Code || p.Title == "" || p.Detail == "" {
			w.Errorf("%s: %d %+v", r.URL.Path, recorder.Code, p)
		}
	}
	return recorder.Code, p
}

// TestBadRequests sends what is no request: each is refused with a problem that names the field, in
// the language that was asked for.
func TestBadRequests(t *testing.T) {
	w := newTown(t, 1000)
	by, err := json.Marshal(w.staff.Sign(t, "bob", people.ActApprove, "proposal 7", "r"))
	w.must(err)
	signed := string(by)
	hash := strings.Repeat("0", 64)
	for _, c := range []struct {
		name, path, body string
		kind             api.Kind
		field            string
	}{
		{"no JSON", "/v1/proposals/draft", `{"kind":`, api.Invalid, "body"},
		{"empty", "/v1/proposals/draft", ``, api.Invalid, ""},
		{"an unknown field", "/v1/proposals/draft", `{"kind":"account limit","request":{},"reason":"r","force":true}`, api.Invalid, "body.force"},
		{"no reason", "/v1/proposals/draft", `{"kind":"account limit","request":{}}`, api.Invalid, "body.reason"},
		{"a long reason", "/v1/proposals/draft", `{"kind":"account limit","request":{},"reason":"` + strings.Repeat("r", 1025) + `"}`, api.Invalid, "body.reason"},
		{"an unknown kind", "/v1/proposals/draft", `{"kind":"gift","request":{},"reason":"r"}`, api.NotFound, ""},
		{"an unknown field of the request", "/v1/proposals/draft", `{"kind":"account limit","request":{"gift":1},"reason":"r"}`, api.Invalid, "body.request"},
		{"3 MB", "/v1/proposals", `{"kind":"` + strings.Repeat("k", 3<<20) + `"}`, api.TooLarge, ""},
		{"100 kB of a decision", "/v1/proposals/1/approve", `{"hash":"` + strings.Repeat("k", 100<<10) + `"}`, api.TooLarge, ""},
		{"a wrong hash", "/v1/proposals/1/approve", `{"hash":"ABC","signed":` + signed + `}`, api.Invalid, "body.hash"},
		{"no number", "/v1/proposals/x/approve", `{"hash":"` + hash + `","signed":` + signed + `}`, api.Invalid, "path.number"},
		{"no such proposal", "/v1/proposals/7/approve", `{"hash":"` + hash + `","signed":` + signed + `}`, api.NotFound, ""},
		{"an unknown parameter", "/v1/proposals/1/approve?force=true", `{"hash":"` + hash + `","signed":` + signed + `}`, api.Invalid, "query.force"},
		{"no operation", "/v1/gifts", `{}`, api.NotFound, ""},
	} {
		_, p := w.post(w.server.Local(), c.path, c.body, "Content-Type", "application/json")
		field := c.field == ""
		for _, fault := range p.Errors {
			field = field || fault.Location == c.field
		}
		if p.Type != c.kind || !field {
			t.Errorf("%s: %+v, want %s of %s", c.name, p, c.kind, c.field)
		}
	}
	_, p := w.post(w.server.Local(), "/v1/proposals/7/approve", `{"hash":"`+hash+`","signed":`+signed+`}`, "Accept-Language", "zh-CN")
	if !strings.ContainsAny(p.Detail, "没有") || !strings.ContainsAny(p.Title, "没有") {
		t.Errorf("in Chinese: %+v", p)
	}
}

// forged are approvals of a proposal by bob, each with one thing wrong.
func (w *town) forged(v *api.View) map[string]struct {
	signed chain.Signature
	kind   api.Kind
} {
	what := v.What
	as := func(id, act, what, reason string, after time.Duration) chain.Signature {
		st := w.staff.Statement(w, id, act, what, reason)
		st.At = st.At.Add(after)
		signed, err := people.Sign(peopletest.Key(w, id), st)
		w.must(err)
		return signed
	}
	byBob := func(act, what, reason string, after time.Duration) chain.Signature {
		return as("bob", act, what, reason, after)
	}
	good := byBob(people.ActApprove, what, v.Reason, 0)
	altered, other := good, good
	altered.Statement = strings.Replace(altered.Statement, `"reason":"contract"`, `"reason":"contracts"`, 1)
	other.Key = peopletest.Key(w, "ann").Public().Fingerprint()
	st := w.staff.Statement(w, "bob", people.ActApprove, what, v.Reason)
	byAnother, err := people.Sign(peopletest.Key(w, "cleo"), st)
	w.must(err)
	return map[string]struct {
		signed chain.Signature
		kind   api.Kind
	}{
		"an altered statement":      {altered, api.BadSignature},
		"another's key":             {other, api.BadSignature},
		"somebody else's signature": {byAnother, api.BadSignature},
		"a nobody's key":            {as("nobody", people.ActApprove, what, v.Reason, 0), api.BadSignature},
		"a disabled person":         {as("max", people.ActApprove, what, v.Reason, 0), api.BadSignature},
		"an hour late":              {byBob(people.ActApprove, what, v.Reason, time.Hour), api.BadSignature},
		"an hour early":             {byBob(people.ActApprove, what, v.Reason, -time.Hour), api.BadSignature},
		"another act":               {byBob(proposal.ActReject, what, v.Reason, 0), api.BadSignature},
		"another reason":            {byBob(people.ActApprove, what, "gift", 0), api.BadSignature},
		"another proposal":          {byBob(people.ActApprove, strings.Replace(what, "proposal ", "proposal 9", 1), v.Reason, 0), api.Stale},
		"the proposer":              {as("ann", people.ActApprove, what, v.Reason, 0), api.Denied},
		"a clerk":                   {as("cleo", people.ActApprove, what, v.Reason, 0), api.Denied},
		"an operator's clerk":       {as("omar", people.ActApprove, what, v.Reason, 0), api.NotFound},
	}
}

// TestForged sends approvals that are not to be believed, and one that is; and that one again.
func TestForged(t *testing.T) {
	w := newTown(t, 1000)
	v := w.proposed(w.socket("ann"), 2000)
	approve := func(signed chain.Signature, number string) api.Problem {
		body, err := json.Marshal(api.Approving{Hash: v.Hash, Signed: api.Signature{Key: signed.Key, Statement: signed.Statement, Signature: signed.Signature}})
		w.must(err)
		_, p := w.post(w.server.Local(), "/v1/proposals/"+number+"/approve", string(body), "Content-Type", "application/json")
		return p
	}
	for name, c := range w.forged(v) {
		if p := approve(c.signed, "1"); p.Type != c.kind {
			t.Errorf("%s: %+v, want %s", name, p, c.kind)
		}
	}
	second := w.proposed(w.client("cleo"), 3000)
	good := w.staff.Sign(t, "bob", people.ActApprove, v.What, v.Reason)
	if p := approve(good, "2"); p.Type != api.Stale {
		t.Errorf("the approval of another proposal: %+v", p)
	}
	for range 2 {
		if p := approve(good, "1"); p.Type != "" {
			t.Errorf("the approval: %+v", p)
		}
	}
	// The row that the second one acts on has moved.
	if _, err := w.client("bob").Approve(t.Context(), second.Number, second.Hash, second.Reason, false); w.kind(err) != api.Stale {
		t.Errorf("a stale approval: %v", err)
	}
	if shown, err := w.client("bob").Show(t.Context(), second.Number); err != nil || shown.Stale == nil || shown.Stale.Type != api.Stale {
		t.Errorf("a stale proposal: %+v, %v", shown, err)
	}
}

// TestAlteredRequest has what was drafted move, or altered on its way, before it is proposed.
func TestAlteredRequest(t *testing.T) {
	w := newTown(t, 1000)
	ann, bob := w.socket("ann"), w.client("bob")
	draft, err := ann.Draft(t.Context(), chart.LimitName, w.limit(5000), "contract", false, false)
	w.must(err)
	first := w.proposed(ann, 2000)
	if _, err := bob.Approve(t.Context(), first.Number, first.Hash, first.Reason, false); err != nil {
		t.Fatal(err)
	}
	if _, err := ann.Propose(t.Context(), draft, false); w.kind(err) != api.Stale {
		t.Errorf("a draft that has moved: %v", err)
	}
	if draft, err = ann.Draft(t.Context(), chart.LimitName, w.limit(5000), "contract", false, false); err != nil {
		t.Fatal(err)
	}
	hash, err := hex.DecodeString(draft.Hash)
	w.must(err)
	signed := w.staff.Sign(t, "ann", proposal.ActPropose, proposal.StatementOfKind(chart.LimitName, [32]byte(hash)), "contract")
	body, err := json.Marshal(api.Proposing{Kind: chart.LimitName, Request: w.limit(500_000), Reason: "contract", Signed: api.Signature{Key: signed.Key, Statement: signed.Statement, Signature: signed.Signature}})
	w.must(err)
	if _, p := w.post(w.server.Local(), "/v1/proposals", string(body), "Content-Type", "application/json"); p.Type != api.Stale {
		t.Errorf("another request than was signed: %+v", p)
	}
}

// TestLyingServer shows a person another change than the hash is of: nothing is signed.
func TestLyingServer(t *testing.T) {
	w := newTown(t, 1000)
	w.proposed(w.socket("ann"), 2000)
	liar := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		recorder := httptest.NewRecorder()
		w.server.Local().ServeHTTP(recorder, r)
		_, _ = rw.Write(bytes.ReplaceAll(recorder.Body.Bytes(), []byte("20.00"), []byte("30.00")))
	}))
	w.dir = t.TempDir()
	listener, err := api.ListenSocket(t.Context(), w.dir)
	w.must(err)
	w.must(liar.Listener.Close())
	liar.Listener = listener
	liar.Start()
	defer liar.Close()
	if _, err := w.client("bob").Show(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "shows something else") {
		t.Errorf("a change that was altered on its way: %v", err)
	}
}

// TestRemote reads over a network: only with a statement of that very request.
func TestRemote(t *testing.T) {
	w := newTown(t, 1000)
	w.proposed(w.socket("ann"), 2000)
	get := func(path string, header string) api.Problem {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		if header != "" {
			r.Header.Set(api.LookHeader, header)
		}
		_, p := w.answered(w.server.Remote(), r)
		return p
	}
	look := func(id, what string, after time.Duration) string {
		key := peopletest.Key(t, id)
		st := w.staff.Statement(t, id, people.Looking, atHost(what), "")
		st.Person, st.At = key.Public().Fingerprint(), st.At.Add(after)
		signed, err := people.Sign(key, st)
		w.must(err)
		text, err := json.Marshal(signed)
		w.must(err)
		return base64.StdEncoding.EncodeToString(text)
	}
	good := look("cleo", "GET /v1/proposals/1", 0)
	for _, c := range []struct {
		path, header string
		kind         api.Kind
	}{
		{"/v1/books", "", ""},
		{"/v1/proposals/1", "", api.Unsigned},
		{"/v1/proposals/1", "x", api.BadSignature},
		{"/v1/proposals/1", good, ""},
		{"/v1/proposals/1", good, ""}, // it is not used up
		{"/v1/proposals/2", good, api.BadSignature},
		{"/v1/proposals?all=true", good, api.BadSignature},
		{"/v1/proposals?all=true", look("ann", "GET /v1/proposals?all=true", 0), ""},
		{"/v1/proposals/1", look("omar", "GET /v1/proposals/1", 0), api.NotFound}, // it is the issuer's
		{"/v1/proposals/1", look("cleo", "GET /v1/proposals/1", time.Hour), api.BadSignature},
		{"/v1/proposals/1", look("max", "GET /v1/proposals/1", 0), api.BadSignature},
		{"/v1/proposals/1", look("nobody", "GET /v1/proposals/1", 0), api.BadSignature},
	} {
		if p := get(c.path, c.header); p.Type != c.kind {
			t.Errorf("%s with %.10q: %+v, want %q", c.path, c.header, p, c.kind)
		}
	}
	if _, p := w.post(w.server.Remote(), "/v1/proposals/draft", `{"kind":"account limit","request":{},"reason":"r"}`); p.Type != api.Unsigned {
		t.Errorf("a draft: %+v", p)
	}
}

// TestTooMany makes more requests of one key, and of one address, than the rate allows.
func TestTooMany(t *testing.T) {
	w := newTown(t, 5)
	refused := func(handler http.Handler) (many int) {
		for range 12 {
			if _, p := w.post(handler, "/v1/proposals/1/withdraw", `{"reason":"","signed":{"key":"SHA256:x","statement":"s","signature":"x"}}`, "Content-Type", "application/json"); p.Type == api.TooMany {
				many++
			}
		}
		return many
	}
	if n := refused(w.server.Local()); n < 5 {
		t.Errorf("of one key %d are refused", n)
	}
	if n := refused(w.server.Remote()); n < 5 {
		t.Errorf("of one address %d are refused", n)
	}
}

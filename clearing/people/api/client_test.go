package api_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"citycard/clearing/chart"
	"citycard/clearing/people"
	"citycard/clearing/people/api"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
)

// between puts a handler between clients and the server, at another socket.
func (w *town) between(handle func(rw http.ResponseWriter, r *http.Request, server http.Handler)) {
	w.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { handle(rw, r, w.server.Local()) }))
	w.dir = w.TempDir()
	listener, err := api.ListenSocket(w.Context(), w.dir)
	w.must(err)
	w.must(server.Listener.Close())
	server.Listener = listener
	server.Start()
	w.Cleanup(server.Close)
}

// TestOtherDraft has a server draft something else than was asked for, under the right hash of
// that: nothing is signed.
func TestOtherDraft(t *testing.T) {
	w := newTown(t, 1000)
	var lie func(*api.View)
	proposed := 0
	w.between(func(rw http.ResponseWriter, r *http.Request, server http.Handler) {
		recorder := httptest.NewRecorder()
		server.ServeHTTP(recorder, r)
		if r.URL.Path == "/v1/proposals" {
			proposed++
		}
		if r.URL.Path != "/v1/proposals/draft" {
			rw.WriteHeader(recorder.Code)
			_, _ = rw.Write(recorder.Body.Bytes())
			return
		}
		var v api.View
		w.must(json.Unmarshal(recorder.Body.Bytes(), &v))
		lie(&v)
		hash, err := proposal.HashOf(v.Kind, v.Request, v.Change)
		w.must(err)
		v.Hash = hex.EncodeToString(hash[:])
		encoder := json.NewEncoder(rw)
		encoder.SetEscapeHTML(false)
		w.must(encoder.Encode(v))
	})
	ann := w.client("ann")
	enrolment, err := proposal.Body(people.Enrolment{ID: "mallory", Name: "M", Unit: people.Issuer, Role: people.Keeper, Key: peopletest.Key(t, "max").Public().String()})
	w.must(err)
	for name, lies := range map[string]func(*api.View){
		"another kind":     func(v *api.View) { v.Kind, v.Request = people.ActEnrol, enrolment },
		"another request":  func(v *api.View) { v.Request = w.limit(500_000) },
		"another reason":   func(v *api.View) { v.Reason = "gift" },
		"one that is made": func(v *api.View) { v.Number = 7 },
	} {
		lie = lies
		if _, err := ann.Draft(t.Context(), chart.LimitName, w.limit(2000), "contract", false, false); err == nil || !strings.Contains(err.Error(), "something else than") {
			t.Errorf("%s: %v", name, err)
		}
	}
	lie = func(*api.View) {}
	draft, err := ann.Draft(t.Context(), chart.LimitName, w.limit(2000), "contract", false, false)
	w.must(err)
	if _, err = ann.Propose(t.Context(), draft, false); err != nil || proposed != 1 {
		t.Errorf("an honest draft: %v, %d requests to propose", err, proposed)
	}
}

// TestTried has somebody on the way use the signature of a dry run for the act.
func TestTried(t *testing.T) {
	w := newTown(t, 1000)
	v := w.proposed(w.socket("ann"), 2000)
	var sent []byte
	w.between(func(rw http.ResponseWriter, r *http.Request, server http.Handler) {
		body, err := io.ReadAll(r.Body)
		w.must(err)
		if r.URL.RawQuery == "dry_run=true" {
			sent = body
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		server.ServeHTTP(rw, r)
	})
	bob := w.client("bob")
	_, err := bob.Approve(t.Context(), v.Number, v.Hash, v.Reason, true)
	w.must(err)
	if _, p := w.post(w.server.Local(), "/v1/proposals/1/approve", string(sent), "Content-Type", "application/json"); p.Type != api.BadSignature {
		t.Errorf("the signature of a dry run: %+v", p)
	}
	good := w.staff.Sign(t, "bob", people.ActApprove, v.What, v.Reason)
	body, err := json.Marshal(api.Approving{Hash: v.Hash, Signed: api.Signature{Key: good.Key, Statement: good.Statement, Signature: good.Signature}})
	w.must(err)
	if _, p := w.post(w.server.Local(), "/v1/proposals/1/approve?dry_run=true", string(body), "Content-Type", "application/json"); p.Type != api.BadSignature {
		t.Errorf("a dry run with the signature of the act: %+v", p)
	}
	done, err := bob.Approve(t.Context(), v.Number, v.Hash, v.Reason, false)
	if err != nil || done.State != proposal.Approved {
		t.Errorf("the act: %+v, %v", done, err)
	}
}

// TestRedirected sends a client elsewhere: it does not go.
func TestRedirected(t *testing.T) {
	w := newTown(t, 1000)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s came", r.URL) }))
	defer elsewhere.Close()
	w.between(func(rw http.ResponseWriter, r *http.Request, _ http.Handler) {
		http.Redirect(rw, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
	})
	if _, err := w.client("ann").Books(t.Context()); w.kind(err) != api.Unavailable {
		t.Errorf("redirected: %v", err)
	}
}

// TestLostAnswer loses the first answer to each act, which was done: the client sends the same act
// again, and it is done once.
func TestLostAnswer(t *testing.T) {
	w := newTown(t, 1000)
	var lost []string
	w.between(func(rw http.ResponseWriter, r *http.Request, server http.Handler) {
		if r.Method != http.MethodGet && r.URL.Path != "/v1/proposals/draft" && !slices.Contains(lost, r.URL.Path) {
			lost = append(lost, r.URL.Path)
			server.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		server.ServeHTTP(rw, r)
	})
	ann, bob := w.client("ann"), w.client("bob")
	v := w.proposed(ann, 2000)
	if v.Number != 1 {
		t.Errorf("it is proposal %d", v.Number)
	}
	done, err := bob.Approve(t.Context(), v.Number, v.Hash, v.Reason, false)
	if err != nil || done.State != proposal.Approved || done.Decider != "bob" {
		t.Errorf("approved: %+v, %v", done, err)
	}
	proposals := 0
	w.must(ann.List(t.Context(), proposal.Filter{All: true}, func(*api.Proposal) error { proposals++; return nil }))
	if proposals != 1 || len(lost) != 2 {
		t.Errorf("%d proposals, answers lost of %q", proposals, lost)
	}
}

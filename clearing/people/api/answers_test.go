package api_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/helpers"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/people"
	"citycard/clearing/people/access"
	"citycard/clearing/people/api"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
	"citycard/clearing/persons"
	"citycard/clearing/schema"
	"citycard/clearing/transit/load"
	"citycard/ledger/ledgertest"
)

// documented reads docs/api.yaml, which every answer in the tests of this package is held against.
var documented = sync.OnceValues(func() (validator.Validator, error) {
	text, err := os.ReadFile(documentPath)
	if err != nil {
		return nil, err
	}
	document, err := libopenapi.NewDocument(text)
	if err != nil {
		return nil, err
	}
	v, faults := validator.NewValidator(document)
	if len(faults) > 0 {
		return nil, faults[0]
	}
	return v, nil
})

// differs says how an answer is not as docs/api.yaml says: its status, its type or its body; of an
// answer in lines, any of them.
func differs(r *http.Request, status int, header http.Header, body []byte) string {
	if header.Get("Content-Type") != "application/x-ndjson" {
		return differ(r, status, header, body)
	}
	for line := range bytes.Lines(body) {
		if how := differ(r, status, header, line); how != "" {
			return how
		}
	}
	return ""
}

func differ(r *http.Request, status int, header http.Header, body []byte) string {
	v, err := documented()
	if err != nil {
		return err.Error()
	}
	response := &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)), Request: r}
	fits, faults := v.ValidateHttpResponse(r, response)
	if fits {
		return ""
	}
	var out strings.Builder
	for _, fault := range faults {
		if fault.ValidationType == helpers.PathValidation && status != http.StatusOK {
			continue // there is no such operation, and the answer says so
		}
		fmt.Fprintf(&out, "%s: %s", fault.Message, fault.Reason)
		for _, schema := range fault.SchemaValidationErrors {
			fmt.Fprintf(&out, "; %s: %s", schema.FieldPath, schema.Reason)
		}
	}
	return out.String()
}

// answer keeps what a handler answers.
type answer struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	a.body.Write(p)
	return a.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// held has each answer of a server be as docs/api.yaml says; acts of the program are not in it.
func held(t testing.TB, server http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/program/") {
			server.ServeHTTP(w, r)
			return
		}
		a := &answer{ResponseWriter: w, status: http.StatusOK}
		server.ServeHTTP(a, r)
		if how := differs(r, a.status, w.Header(), a.body.Bytes()); how != "" {
			t.Errorf("%s %s answers %d, not as docs/api.yaml says: %s: %.300s", r.Method, r.URL, a.status, how, a.body.String())
		}
	})
}

// TestAnswersHeld alters answers: each is found not to be as docs/api.yaml says.
func TestAnswersHeld(t *testing.T) {
	get := func(path string) *http.Request {
		method := http.MethodGet
		if path == "/v1/persons/imports" {
			method = http.MethodPost
		}
		return httptest.NewRequest(method, path, nil)
	}
	const books, problem = `{"books":"b","version":"v","time":"2026-01-05T01:00:00Z","zone":"z"}`, `{"type":"denied","title":"t","status":403,"detail":"d"}`
	const plain, other, lines = "application/json", "application/problem+json", "application/x-ndjson"
	for _, c := range []struct {
		name, path, kind, body string
		status                 int
		fits                   bool
	}{
		{"the books", "/v1/books", plain, books, 200, true},
		{"a problem", "/v1/books", other, problem, 403, true},
		{"no zone", "/v1/books", plain, strings.Replace(books, `,"zone":"z"`, "", 1), 200, false},
		{"a field more", "/v1/books", plain, strings.Replace(books, `{`, `{"x":1,`, 1), 200, false},
		{"a number for a text", "/v1/books", plain, strings.Replace(books, `"v"`, "1", 1), 200, false},
		{"no JSON", "/v1/books", plain, "{", 200, false},
		{"another type", "/v1/books", "text/html", books, 200, false},
		{"a problem of another type", "/v1/books", plain, problem, 403, false},
		{"an unknown kind of problem", "/v1/books", other, strings.Replace(problem, "denied", "bad luck", 1), 403, false},
		{"of no operation", "/v1/gifts", plain, books, 200, false},
		{"lines", "/v1/persons/imports", lines, "{\"rows\":1}\n{\"done\":{\"again\":false,\"resumed\":false,\"faults\":0}}\n", 200, true},
		{"a line of something else", "/v1/persons/imports", lines, "{\"rows\":1}\n{\"done\":{}}\n", 200, false},
		{"that there is no such operation", "/v1/gifts", other, problem, 404, true},
	} {
		if how := differs(get(c.path), c.status, http.Header{"Content-Type": {c.kind}}, []byte(c.body)); (how == "") != c.fits {
			t.Errorf("%s: %q, want that it fits: %t", c.name, how, c.fits)
		}
	}
}

// TestAnswers asks each operation for an answer and for a problem, which newTown holds against
// docs/api.yaml, at the socket and over a network.
func TestAnswers(t *testing.T) {
	w := newTown(t, 1000)
	clearingtest.New(t, blanks).Found(t, w.ledger.Pool())
	ann, bob := w.socket("ann"), w.client("bob")
	asked := map[string]int{}
	count := func(operation string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", operation, err)
		}
		asked[operation]++
	}
	refused := func(operation string, err error) {
		t.Helper()
		if w.kind(err) == "" {
			t.Errorf("%s is not refused", operation)
		}
		asked[operation]++
	}
	_, err := ann.Books(t.Context())
	count("books", err)
	asked["books"]++ // it has no problem
	_, err = ann.Whoami(t.Context(), peopletest.Key(t, "max").Public().Fingerprint())
	count("whoami", err)
	_, err = ann.Whoami(t.Context(), "SHA256:x")
	refused("whoami", err)
	draft, err := ann.Draft(t.Context(), chart.LimitName, w.limit(2000), "contract", false, false)
	count("draft", err)
	_, err = ann.Draft(t.Context(), "gift", w.limit(2000), "contract", false, false)
	refused("draft", err)
	v, err := ann.Propose(t.Context(), draft, false)
	count("propose", err)
	_, err = w.client("omar").Propose(t.Context(), draft, false)
	refused("propose", err)
	others := []*api.View{w.proposed(ann, 3000), w.proposed(ann, 4000)}
	_, err = bob.Show(t.Context(), v.Number)
	count("show", err)
	_, err = bob.Show(t.Context(), 99)
	refused("show", err)
	_, err = bob.Reject(t.Context(), others[0].Number, others[0].Hash, "no", false)
	count("reject", err)
	_, err = bob.Reject(t.Context(), others[0].Number, others[0].Hash, "no", false)
	refused("reject", err)
	_, err = bob.Withdraw(t.Context(), others[1].Number, others[1].Hash, "no", false)
	refused("withdraw", err)
	_, err = ann.Withdraw(t.Context(), others[1].Number, others[1].Hash, "no", false)
	count("withdraw", err)
	_, err = ann.Approve(t.Context(), v.Number, v.Hash, v.Reason, false)
	refused("approve", err)
	_, err = bob.Approve(t.Context(), v.Number, v.Hash, v.Reason, false)
	count("approve", err)
	w.proposed(ann, 5000) // whose view has balances and sizes beside it
	count("list", ann.List(t.Context(), proposal.Filter{All: true}, func(*api.Proposal) error { return nil }))
	_, p := w.answered(w.server.Remote(), httptest.NewRequest(http.MethodGet, "/v1/proposals", nil)) // nobody signed
	refused("list", &p)
	w.answersOfAccess(ann, count, refused)
	w.answersOfPersons(ann, count, refused)
	w.answersOfCards(count, refused)
	w.answersOfStock(t.Context(), count, refused)
	w.answersOfInvoices(count, refused)
	w.answersOfBank(count, refused)
	w.answersOfLoads(count, refused)
	w.answersOfFounding(count, refused)
	for _, operation := range operations(t) {
		if asked[operation] < 2 {
			t.Errorf("the operation %q is not asked for an answer and for a problem", operation)
		}
	}
}

func (w *town) answersOfLoads(count, refused func(string, error)) {
	w.Helper()
	for operation, path := range map[string]string{
		"load-order": load.PathOrders + "?channel=counter&order=1", "waiting-loads": load.PathWaiting + "?card=" + blank(0), "owed": "/v1/loads/owed",
	} {
		status, problem := w.answered(w.server.Local(), httptest.NewRequest(http.MethodGet, path, nil))
		if status != http.StatusOK {
			w.Errorf("%s: %+v", path, problem)
		}
		count(operation, nil)
		_, problem = w.answered(w.server.Remote(), httptest.NewRequest(http.MethodGet, path, nil)) // nobody signed
		refused(operation, &problem)
	}
	_, problem := w.answered(w.server.Local(), httptest.NewRequest(http.MethodGet, "/v1/loads/owed?after=nowhere", nil))
	if refused("owed", &problem); problem.Type != api.Invalid {
		w.Errorf("another place: %+v", problem)
	}
}

func (w *town) answersOfAccess(ann *api.Client, count, refused func(string, error)) {
	w.Helper()
	order := access.Order{Unit: access.Channel("counter"), Kind: access.Token, Hash: access.HashToken("a token"), Days: 3}
	issued, err := ann.Issue(w.Context(), order, "contract", false)
	count("issue", err)
	order.Unit = access.Channel("nowhere")
	_, err = ann.Issue(w.Context(), order, "contract", false)
	refused("issue", err)
	_, err = ann.Revoke(w.Context(), issued.Number, "lost", false)
	count("revoke", err)
	_, err = ann.Revoke(w.Context(), 99, "lost", false)
	refused("revoke", err)
}

func (w *town) answersOfPersons(ann *api.Client, count, refused func(string, error)) {
	w.Helper()
	certificate, _ := persons.ParseCertificate(number)
	_, _, err := ann.ImportPersons(w.Context(), w.order(oneRow+"x\n"), unheard)
	count("import-persons", err)
	_, _, err = ann.ImportPersons(w.Context(), w.order("\xff\n"), unheard)
	refused("import-persons", err)
	_, err = ann.FindPerson(w.Context(), certificate, "complaint 7", false)
	count("find-person", err)
	_, err = w.client("omar").FindPerson(w.Context(), certificate, "complaint 7", false)
	refused("find-person", err)
	_, err = ann.PersonImport(w.Context(), 1)
	count("show-import", err)
	_, err = ann.PersonImport(w.Context(), 99)
	refused("show-import", err)
	count("list-rejects", ann.PersonRejects(w.Context(), 1, func(persons.Reject) error { return nil }))
	for operation, path := range map[string]string{"list-rejects": "/v1/persons/imports/1/rejects?after=-1", "unfinished": "/v1/persons/unfinished?encoding=utf-8"} {
		_, p := w.answered(w.server.Local(), httptest.NewRequest(http.MethodGet, path, nil))
		refused(operation, &p)
	}
	path := "/v1/persons/unfinished?encoding=utf-8&sha256=" + strings.Repeat("0", 64)
	if status, p := w.answered(w.server.Local(), httptest.NewRequest(http.MethodGet, path, nil)); status == http.StatusOK {
		count("unfinished", nil)
	} else {
		count("unfinished", &p)
	}
}

// answersOfFounding has a keeper enrol with a token, in books without people.
func (w *town) answersOfFounding(count, refused func(string, error)) {
	w.Helper()
	url := ledgertest.New(w)
	w.must(schema.Apply(w.Context(), url))
	bare := &town{TB: w, dir: w.TempDir(), ledger: ledgertest.Connect(w, url, 4)}
	office := officeOf(w, bare.ledger)
	bare.server = bare.serverOf(office, office, 1000)
	tokens, err := office.People.Found(w.Context(), rand.Reader, true)
	w.must(err)
	zoe := bare.socket("zoe")
	_, err = zoe.Found(w.Context(), people.Newcomer{Token: "x", ID: "zoe", Name: "Zoe"}, false)
	refused("found", err)
	_, err = zoe.Found(w.Context(), people.Newcomer{Token: tokens.Keepers[0], ID: "zoe", Name: "Zoe"}, false)
	count("found", err)
}

// operations are all operations of the API.
func operations(t testing.TB) (ids []string) {
	t.Helper()
	document, err := api.Document()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(document)) {
		if id, found := strings.CutPrefix(strings.TrimSpace(line), "operationId: "); found {
			ids = append(ids, id)
		}
	}
	return ids
}

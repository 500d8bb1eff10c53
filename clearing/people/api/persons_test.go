package api_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"citycard/clearing/people"
	"citycard/clearing/people/api"
	"citycard/clearing/persons"
)

const (
	number = "419999196001010028"
	oneRow = "resident," + number + ",张三,,present,20200101,\n"
)

// passports are rows of so many people.
func passports(from, n int) string {
	var rows strings.Builder
	for i := range n {
		fmt.Fprintf(&rows, "passport,USA-%d,ANN LEE,,present,20200101,\n", from+i)
	}
	return rows.String()
}

func (w *town) order(rows string) *api.RosterOrder {
	w.Helper()
	from, err := persons.SourceOf(strings.NewReader(persons.Header + "\n" + rows))
	w.must(err)
	return &api.RosterOrder{Source: from, Charset: persons.UTF8, Reason: "monthly"}
}

func (w *town) imports() (n int) {
	w.Helper()
	w.must(w.ledger.Pool().QueryRow(w.Context(), "SELECT count(*) FROM person_imports").Scan(&n))
	return n
}

// acts are how often the audit has an act.
func (w *town) acts(act string) int {
	w.Helper()
	entries, err := w.ledger.Audit(w.Context(), act)
	w.must(err)
	return len(entries)
}

func unheard(*api.ImportLine) {}

// TestPersons imports a roster, once dry, finds a person and reads the reports, over a socket and
// over TLS.
func TestPersons(t *testing.T) {
	for _, over := range []string{"socket", "TLS"} {
		w := newTown(t, 1000)
		client := w.client
		if w.listen(); over == "TLS" {
			client = w.remote()
		}
		rows := oneRow + passports(1, 3) + strings.Repeat("x\n", 25)
		order := w.order(rows)
		order.Dry, order.Rows = true, 29
		last, begun, err := client("ann").ImportPersons(t.Context(), order, unheard)
		if err != nil || !begun || last.Import.Counts.New != 4 || w.imports() != 0 || w.acts(persons.ActImport) != 0 || w.acts(persons.ActTry) != 1 {
			t.Errorf("%s: dry: %+v, %v; %d imports, %d tried", over, last, err, w.imports(), w.acts(persons.ActTry))
		}
		order = w.order(rows)
		var faults, told int
		last, _, err = client("ann").ImportPersons(t.Context(), order, func(l *api.ImportLine) {
			switch {
			case l.Fault != nil:
				faults++
			case l.Import != nil && l.Rows == 29:
				told++
			}
		})
		if err != nil || last.Import.Counts.New != 4 || last.Import.Counts.Refused != 25 || last.Import.By != "ann" || last.Done.Again || last.Done.Faults != 25 || faults != 20 || told == 0 {
			t.Errorf("%s: %+v, %v; %d faults are named, and %d times how far it is", over, last, err, faults, told)
		}
		if last, _, err = client("cleo").ImportPersons(t.Context(), w.order(rows), unheard); err != nil || !last.Done.Again || last.Import.Number != 1 {
			t.Errorf("%s: again: %+v, %v", over, last, err)
		}
		of, err := client("cleo").PersonImport(t.Context(), 1)
		if err != nil || of.State != persons.Done || of.Counts.New != 4 || of.File != hex.EncodeToString(order.Hash[:]) {
			t.Errorf("%s: the report: %+v, %v", over, of, err)
		}
		if _, err := client("ann").PersonImport(t.Context(), 2); w.kind(err) != api.NotFound {
			t.Errorf("%s: no such import: %v", over, err)
		}
		listed := 0
		w.must(client("ann").PersonRejects(t.Context(), 1, func(r persons.Reject) error {
			listed++
			return nil
		}))
		if listed != 25 {
			t.Errorf("%s: %d lines are listed", over, listed)
		}
		w.finds(client)
	}
}

// finds looks for a person, as people who may and who may not.
func (w *town) finds(client func(string) *api.Client) {
	w.Helper()
	certificate, _ := persons.ParseCertificate(number)
	p, err := client("cleo").FindPerson(w.Context(), certificate, "complaint 7", false)
	if want := (api.FoundPerson{Status: "present", Since: "20200101", Certificate: "resident", Number: "419*************28", Name: "张*", Import: 1}); err != nil || p != want {
		w.Errorf("found is %+v, %v", p, err)
	}
	if p, err := client("cleo").FindPerson(w.Context(), certificate, "complaint 7", true); err != nil || p != (api.FoundPerson{}) {
		w.Errorf("a dry run finds %+v, %v", p, err)
	}
	if n := w.acts(persons.ActRead); n != 1 {
		w.Errorf("the audit has %d reads", n)
	}
	other, _ := persons.ParseCertificate("USA-77")
	if _, err := client("cleo").FindPerson(w.Context(), other, "complaint 7", false); w.kind(err) != api.NotFound {
		w.Errorf("somebody unknown: %v", err)
	}
	for id, kind := range map[string]api.Kind{"omar": api.Denied, "kim": api.Denied, "max": api.BadSignature, "nobody": api.BadSignature} {
		if _, err := client(id).FindPerson(w.Context(), certificate, "complaint 7", false); w.kind(err) != kind {
			w.Errorf("%s finds: %v, want %s", id, err, kind)
		}
		if _, _, err := client(id).ImportPersons(w.Context(), w.order(oneRow), unheard); w.kind(err) != kind {
			w.Errorf("%s imports: %v, want %s", id, err, kind)
		}
	}
	signed := w.staff.Sign(w, "ann", persons.ActRead, "another person", "complaint 7")
	body, err := json.Marshal(api.Finding{Number: number, Signed: signatureOf(signed)})
	w.must(err)
	if _, p := w.post(w.server.Local(), "/v1/persons/find", string(body), "Content-Type", "application/json"); p.Type != api.BadSignature {
		w.Errorf("a statement of something else: %+v", p)
	}
	if n := w.acts(persons.ActRead); n != 2 {
		w.Errorf("the audit has %d reads", n)
	}
}

// sending is an import as it is sent, which can be wrong.
type sending struct {
	*town
	query        url.Values
	act          string
	header, tail string // who signs
	headerOf     string // what
	tailOf       string
	roster       string
	body         io.Reader      // in place of what would be sent
	content      string         // type of it
	signedHeader *api.Signature // in place of what is signed now
	signedTail   *api.Signature
}

func (w *town) sending(roster string) *sending {
	w.Helper()
	from, err := persons.SourceOf(strings.NewReader(roster))
	w.must(err)
	of := persons.Opened{File: hex.EncodeToString(from.Hash[:]), Size: from.Size, Charset: persons.UTF8}
	return &sending{
		town: w, act: persons.ActImport, header: "ann", tail: "ann", headerOf: of.Text(), tailOf: of.Text(), roster: roster,
		query: url.Values{"sha256": {of.File}, "size": {fmt.Sprint(of.Size)}, "encoding": {"utf-8"}},
	}
}

func (s *sending) signature(id, what string) *api.Signature {
	s.Helper()
	signed := s.staff.Sign(s, id, s.act, what, "monthly")
	of := signatureOf(signed)
	return &of
}

// form is the body.
func (s *sending) form() (text []byte, content string) {
	s.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("roster", "roster.csv")
	s.must(err)
	_, err = io.WriteString(part, s.roster)
	s.must(err)
	if s.tail != "" {
		signed := s.signedTail
		if signed == nil {
			signed = s.signature(s.tail, s.tailOf)
		}
		text, err := json.Marshal(api.ImportSigned{Import: *signed})
		s.must(err)
		s.must(form.WriteField("signed", string(text)))
	}
	s.must(form.Close())
	return body.Bytes(), form.FormDataContentType()
}

func (s *sending) request(ctx context.Context) *http.Request {
	s.Helper()
	text, content := s.form()
	body := io.Reader(bytes.NewReader(text))
	if s.body != nil {
		body = s.body
	}
	if s.content != "" {
		content = s.content
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/persons/imports?"+s.query.Encode(), body)
	r.ContentLength = -1
	r.Header.Set("Content-Type", content)
	if s.header != "" {
		signed := s.signedHeader
		if signed == nil {
			signed = s.signature(s.header, s.headerOf)
		}
		text, err := json.Marshal(signed)
		s.must(err)
		r.Header.Set(api.LookHeader, base64.StdEncoding.EncodeToString(text))
	}
	return r
}

// TestPersonsRefused sends imports that are not as they must be: nothing is begun, and of what no
// signature is believed for nothing is read.
func TestPersonsRefused(t *testing.T) {
	w := newTown(t, 1000)
	whole := persons.Header + "\n" + oneRow
	for name, c := range map[string]struct {
		alter func(*sending)
		kind  api.Kind
		says  string
		reads bool
	}{
		"nothing wrong":        {func(s *sending) { s.try() }, "", "", true},
		"no header":            {func(s *sending) { s.header = "" }, api.Invalid, "", false},
		"an operator's":        {func(s *sending) { s.header = "omar" }, api.Denied, "omar, clerk of operator:metro, may not", false},
		"disabled":             {func(s *sending) { s.header = "max" }, api.BadSignature, "max is disabled", false},
		"of another roster":    {func(s *sending) { s.headerOf = "roster" }, api.BadSignature, "and to be done", false},
		"of another size":      {func(s *sending) { s.query.Set("size", "7") }, api.BadSignature, "and to be done", false},
		"of another encoding":  {func(s *sending) { s.query.Set("encoding", "gb18030") }, api.BadSignature, "and to be done", false},
		"no encoding":          {func(s *sending) { s.query.Set("encoding", "utf-16") }, api.Invalid, "", false},
		"5 GiB":                {func(s *sending) { s.large(5 << 30) }, api.TooLarge, "", false},
		"another digest":       {func(s *sending) { s.roster = strings.Replace(s.roster, "张", "李", 1) }, api.Invalid, "the file changed while it was read, or on its way", true},
		"more than was signed": {func(s *sending) { s.roster += oneRow }, api.Invalid, "more than the 109 bytes that were signed", true},
		"less than was signed": {func(s *sending) { s.roster = s.roster[:len(s.roster)-9] }, api.Invalid, "100 bytes of the roster have come, and 109 were signed", true},
		"no signature behind":  {func(s *sending) { s.tail = "" }, api.Invalid, "the body cannot be read: it was cut", true},
		"another behind":       {func(s *sending) { s.tail = "cleo" }, api.BadSignature, "signed by two people", true},
		"of another behind":    {func(s *sending) { s.tailOf = "roster" }, api.BadSignature, "and to be done", true},
		"wrong rows":           {func(s *sending) { s.query.Set("rows", "2") }, api.Invalid, "the roster has 1 rows, want 2", true},
		"no form":              {func(s *sending) { s.content = "text/csv" }, api.Invalid, "the body cannot be read", true},
		"no roster":            {func(s *sending) { s.content = "multipart/form-data; boundary=x" }, api.Invalid, "it was cut", true},
		"cut in the middle":    {func(s *sending) { s.cut() }, api.Invalid, "it was cut", true},
	} {
		s := w.sending(whole)
		c.alter(s)
		counts := &reading{Reader: s.body}
		r := s.request(t.Context())
		if s.body == nil {
			counts.Reader = r.Body
		}
		r.Body = io.NopCloser(counts)
		_, p := w.answered(w.server.Remote(), r)
		if p.Type != c.kind || !strings.Contains(p.Detail, c.says) || (counts.n > 0) != c.reads {
			t.Errorf("%s: %+v after %d bytes, want %q: %s", name, p, counts.n, c.kind, c.says)
		}
		if w.imports() != 0 || w.acts(persons.ActImport) != 0 {
			t.Fatalf("%s: %d imports are begun", name, w.imports())
		}
	}
}

func (s *sending) try() {
	s.act = people.Tried(persons.ActImport)
	s.query.Set("dry_run", "true")
}

func (s *sending) large(size int64) {
	of := persons.Opened{File: s.query.Get("sha256"), Size: size, Charset: persons.UTF8}
	s.headerOf = of.Text()
	s.query.Set("size", fmt.Sprint(size))
}

func (s *sending) cut() {
	text, content := s.form()
	s.body, s.content = bytes.NewReader(text[:len(text)/2]), content
}

// reading counts what is read.
type reading struct {
	io.Reader
	n int
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n += n
	return n, err
}

// TestPersonsStopped stops imports while they store: the client goes, or the server stops. The same
// roster goes on, and another one takes the signed undoing of what is in its way.
func TestPersonsStopped(t *testing.T) {
	w := newTown(t, 1000)
	w.listen()
	ctx, cancel := context.WithCancel(t.Context())
	rows := passports(100_000, 40_000)
	_, begun, err := w.client("ann").ImportPersons(ctx, w.order(rows), func(*api.ImportLine) { cancel() })
	if err == nil || !begun {
		t.Fatalf("an import without its client: begun %t, %v", begun, err)
	}
	w.until("begun")
	if _, _, err := w.client("cleo").ImportPersons(t.Context(), w.order(oneRow), unheard); w.kind(err) != api.Refused || !strings.Contains(err.Error(), "import 1, which ann began at") {
		t.Errorf("another roster: %v", err)
	}
	_, begun, err = w.client("cleo").ImportPersons(t.Context(), w.order(rows), func(*api.ImportLine) { w.server.Stop() })
	if w.kind(err) != api.Unavailable || !begun {
		t.Errorf("at a server that stops: begun %t, %v", begun, err)
	}
	w.server = api.New(w.settings())
	w.dir = t.TempDir()
	w.listen()
	last, _, err := w.client("ann").ImportPersons(t.Context(), w.order(rows), unheard)
	if err != nil || last.Import.Number != 1 || last.Import.By != "ann" || last.Import.Counts.New != 40_000 {
		t.Errorf("it goes on: %+v, %v", last, err)
	}
	if n := w.acts(persons.ActImport); n != 2 {
		t.Errorf("the audit has %d openings, want one of ann and one of cleo", n)
	}
}

// TestPersonsUndone undoes an import that did not end. Its undoing is signed by who asks for it.
func TestPersonsUndone(t *testing.T) {
	w := newTown(t, 1000)
	w.listen()
	ctx, cancel := context.WithCancel(t.Context())
	if _, _, err := w.client("ann").ImportPersons(ctx, w.order(passports(100_000, 40_000)), func(*api.ImportLine) { cancel() }); err == nil {
		t.Fatal("an import without its client")
	}
	w.until("begun")
	order := w.order(oneRow)
	order.Undo, order.Dry = true, true
	if last, _, err := w.client("cleo").ImportPersons(t.Context(), order, unheard); err != nil || last.Import.Counts.New != 1 || w.acts(persons.ActUndo) != 0 {
		t.Errorf("dry: %+v, %v", last, err)
	}
	s := w.sending(persons.Header + "\n" + oneRow)
	s.query.Set("undo", "true")
	if _, p := w.answered(w.server.Local(), s.request(t.Context())); p.Type != api.Stale || w.acts(persons.ActUndo) != 0 {
		t.Errorf("an undoing that nobody signed: %+v", p)
	}
	order = w.order(oneRow)
	order.Undo = true
	last, _, err := w.client("cleo").ImportPersons(t.Context(), order, unheard)
	if err != nil || last.Import.Number != 2 || last.Import.Counts.New != 1 || w.acts(persons.ActUndo) != 1 {
		t.Errorf("undone and imported: %+v, %v", last, err)
	}
	if of, err := w.client("ann").PersonImport(t.Context(), 1); err != nil || of.State != persons.Undone {
		t.Errorf("the one before: %+v, %v", of, err)
	}
}

// until waits until nobody imports any more, and the first import is in a state.
func (w *town) until(state string) {
	w.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var is string
		w.must(w.ledger.Pool().QueryRow(w.Context(), "SELECT state FROM person_imports WHERE number = 1").Scan(&is))
		if is == state && !w.importing() {
			return
		}
		if time.Now().After(end) {
			w.Fatalf("the import is %s", is)
		}
	}
}

// importing says that a roster is imported.
func (w *town) importing() bool {
	w.Helper()
	for patience := 50 * time.Millisecond; ; patience *= 2 {
		ctx, cancel := context.WithTimeout(w.Context(), patience)
		_, p := w.answered(w.server.Local(), w.sending("no roster\n").request(ctx))
		cancel()
		switch p.Type {
		case api.TooMany:
			return true
		case api.Invalid, api.Refused: // it is none, or another one has not ended
			return false
		}
	}
}

// TestPersonsEarly has a roster turn out wrong at its begin, over TLS: who sends it is told so
// before the rest is sent.
func TestPersonsEarly(t *testing.T) {
	w := newTown(t, 1000)
	client := w.remote()
	rows := "\xff\n" + strings.Repeat("x\n", 32<<20)
	_, _, err := client("ann").ImportPersons(t.Context(), w.order(rows), unheard)
	if w.kind(err) != api.Invalid || !strings.Contains(err.Error(), "line 2 is not in UTF-8") {
		t.Errorf("a roster in another encoding: %v", err)
	}
	order := w.order(oneRow)
	order.First = io.MultiReader(strings.NewReader(persons.Header), broken{})
	if _, _, err := client("ann").ImportPersons(t.Context(), order, unheard); !errors.Is(err, errBroken) {
		t.Errorf("a file that cannot be read to its end: %v", err)
	}
	if n := w.imports(); n != 0 {
		t.Errorf("%d imports are begun", n)
	}
}

var errBroken = errors.New("the disk is gone")

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroken }

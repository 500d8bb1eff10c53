package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"citycard/clearing/people"
	"citycard/clearing/persons"
	"citycard/language"
	"citycard/ledger"
)

// RosterLimit is how many bytes a roster may have.
const RosterLimit = 4 << 30

const (
	// faultsSent is how many lines of a roster that change nothing are named while it is imported.
	faultsSent = 20
	// progressEvery is how often it is said how far an import has come.
	progressEvery = time.Second
	// turnWait is how long a roster that has come in waits for its turn: what is signed behind it
	// is good for minutes alone.
	turnWait = time.Minute
	// lingers is how long what a client still sends is read after it was answered.
	lingers    = 2 * time.Second
	importPath = "/v1/persons/imports"
	ndjson     = "application/x-ndjson"
)

// ImportLine is a line of the answer to an import. The last one has done or problem.
type ImportLine struct {
	Import  *PersonImport `json:"import,omitempty" doc:"How far it has come. The first one says that it was begun: from then on it goes on with the same roster, or is undone"`
	Rows    int64         `json:"rows,omitempty" doc:"Of the roster"`
	Fault   *PersonReject `json:"fault,omitempty" doc:"A line that changes nothing; the first ones are named"`
	Done    *ImportDone   `json:"done,omitempty" doc:"The import, which the line has too, counts"`
	Problem *Problem      `json:"problem,omitempty" doc:"It has not ended, and why"`
}

// ImportDone is what an import has come to.
type ImportDone struct {
	Again   bool  `json:"again" doc:"The roster was imported before; nothing is changed"`
	Resumed bool  `json:"resumed" doc:"An earlier attempt had stored a part of it"`
	Faults  int64 `json:"faults" doc:"How many lines changed nothing, of those that were stored now"`
}

// ImportSigned is what a person signs for an import, once the roster has come in.
type ImportSigned struct {
	Import Signature  `json:"import" doc:"Statement of the act \"import persons\", as in the header"`
	Undo   *Signature `json:"undo,omitempty" doc:"Statement of the act \"undo an import of persons\": its what is \"import NUMBER of persons, roster sha256:HASH\""`
}

// RosterForm is the body of an import.
type RosterForm struct {
	Roster string       `json:"roster" format:"binary" doc:"The roster, first"`
	Signed ImportSigned `json:"signed" doc:"In JSON, behind it"`
}

func (s *Server) registerImport() {
	op := act("import persons", importPath, "Import a roster of persons",
		"Takes a roster as it comes, and imports it: the same roster goes on with an import that has not ended. It takes a header whose statement is believed, and who signs must be allowed to, before anything of the roster is read; then not more than size bytes of it, which must have the hash. The answer is JSON lines (import, rows, fault), of which the last has done or problem.", RosterLimit)
	op.OperationID, op.Tags, op.Metadata = "import-persons", []string{"persons"}, map[string]any{streaming: true}
	schemas := s.api.OpenAPI().Components.Schemas
	op.Responses = map[string]*huma.Response{"200": {
		Description: "How far the import has come, in lines", Content: map[string]*huma.MediaType{ndjson: {Schema: schemas.Schema(reflect.TypeFor[ImportLine](), true, "ImportLine")}},
	}}
	huma.Register(s.api, op, s.importPersons)
	// The library would read the body if it knew of it.
	s.api.OpenAPI().Paths[importPath].Post.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"multipart/form-data": {Schema: schemas.Schema(reflect.TypeFor[RosterForm](), true, "RosterForm")},
	}}
}

// Importing says which roster is imported, and how.
type Importing struct {
	DryRun
	Hash     string          `query:"sha256" required:"true" pattern:"^[0-9a-f]{64}$" doc:"Of the roster, in hexadecimal digits"`
	Size     int64           `query:"size" required:"true" minimum:"0" doc:"Of the roster, in bytes; 4 GiB at most"`
	Encoding persons.Charset `query:"encoding" required:"true" enum:"utf-8,gb18030"`
	Rows     int64           `query:"rows" minimum:"0" doc:"How many rows it has, as its sender says; 0: not said"`
	Undo     bool            `query:"undo" doc:"What is in the way is undone; that is signed too"`
	Signed   string          `header:"Citycard-Signed" required:"true" doc:"JSON of a signature in base64, over a statement of the act \"import persons\" whose what is \"roster sha256:HASH of SIZE bytes in ENCODING\". It is not used up: what is kept stands in the body. Of a dry run it is kept, and used up"`
}

// importPersons believes the header of an import, and then answers with a stream.
func (s *Server) importPersons(ctx context.Context, in *Importing) (*huma.StreamResponse, error) {
	office := s.office(in.Dry)
	signed, err := signatureIn(callerOf(ctx).language, in.Signed)
	if err != nil {
		return nil, err
	}
	by, err := s.alone(ctx, office.People, signatureOf(signed), persons.ActImport)
	if err != nil {
		return nil, err
	}
	opened := persons.Opened{File: in.Hash, Size: in.Size, Charset: in.Encoding}
	if err := s.saying(ctx, by, opened.Text()); err != nil {
		return nil, err
	}
	if in.Size > RosterLimit {
		return nil, tooLarge(callerOf(ctx).language)
	}
	hash, err := hashOf(in.Hash)
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	store, err := s.s.Persons(ctx, office.Ledger)
	if err != nil {
		return nil, s.ofPersons(ctx, err, false)
	}
	if in.Dry {
		if err := s.tries(ctx, signatureOf(signed), opened); err != nil {
			return nil, s.problem(ctx, err)
		}
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		body := &rosterBody{r: r, arriving: r.Body, control: http.NewResponseController(w), now: s.s.Now, size: in.Size, left: patience}
		i := &importing{Server: s, ctx: ctx, people: office.People, by: by, body: body, w: w}
		i.end(i.run(store, in, hash))
	}}, nil
}

// tries books in the audit, which is not rolled back, that somebody tries an import.
func (s *Server) tries(ctx context.Context, signed Signature, what persons.Opened) error {
	by, err := s.people().Signed(ctx, signed.chain(), persons.ActTry)
	if err != nil {
		return err
	}
	return persons.Try(ctx, s.s.Office.Ledger, what, by)
}

// importing is an import whose roster comes over the API.
type importing struct {
	*Server
	ctx    context.Context
	people *people.Store
	by     ledger.Approval // of the header
	body   *rosterBody
	w      http.ResponseWriter

	told   time.Time // when a line was sent last; zero: none was
	faults int64
	failed error // of sending
}

func (i *importing) run(store *persons.Store, in *Importing, hash [32]byte) (r persons.Result, err error) {
	ctx, cancel := context.WithCancelCause(i.ctx)
	defer cancel(nil)
	defer context.AfterFunc(i.ending, func() { cancel(errStops) })()
	leave, err := i.turn(ctx, largeWait)
	if err != nil {
		return r, err // before anything is sent in vain
	}
	leave()
	if leave, err = i.incoming.enter(ctx, i.by.First, in.Size); err != nil {
		return r, tooMany(callerOf(i.ctx).language, largeWait, language.Textf("another roster of yours comes in at present, or as many others as there is room for"))
	}
	defer leave()
	spool, err := persons.NewSpool()
	if err != nil {
		return r, err
	}
	defer spool.Close()
	from := persons.Source{Hash: hash, Size: in.Size, First: io.TeeReader(i.body, spool), Again: spool.Again}
	r, err = store.Import(ctx, from, persons.Order{
		Charset: in.Encoding, Rows: in.Rows, Undo: in.Undo, Person: i.by.First, At: i.s.Now(),
		Turn: func(ctx context.Context) (func(), error) { return i.turn(ctx, turnWait) },
		Sign: func(act, what string) (ledger.Approval, error) { return i.sign(ctx, act, what) }, Faults: i.fault, Progress: i.progress,
	})
	if errors.Is(context.Cause(ctx), errStops) && err != nil {
		err = errStops
	}
	return r, err
}

// turn waits until no other roster is imported.
func (i *importing) turn(ctx context.Context, wait time.Duration) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	select {
	case i.imports <- struct{}{}:
		return func() { <-i.imports }, nil
	case <-ctx.Done():
		return nil, tooMany(callerOf(i.ctx).language, wait, language.Textf("another roster is imported at present"))
	}
}

// sign gives the approval that came behind the roster: by the person who signed the header, and of
// just what is done.
func (i *importing) sign(ctx context.Context, act, what string) (by ledger.Approval, err error) {
	given, err := i.body.signed()
	if err != nil {
		return by, err
	}
	signed := &given.Import
	if act == persons.ActUndo {
		signed = given.Undo
	}
	if signed == nil {
		return by, newProblem(callerOf(i.ctx).language, Stale, language.Textf("to be undone is %q, and nobody has signed that", what), language.Textf("import the file again, with --undo"))
	}
	if by, err = i.people.Signed(ctx, signed.chain(), act); err != nil {
		return by, err
	}
	if by.First != i.by.First {
		return by, newProblem(callerOf(i.ctx).language, BadSignature, language.Textf("header and body are signed by two people"), nil)
	}
	return by, i.saying(ctx, by, what)
}

func (i *importing) fault(r *persons.Reject) {
	if i.faults++; i.faults > faultsSent {
		return
	}
	of := rejectOf(r)
	i.send(ImportLine{Fault: &of})
}

// progress says how far the import has come: at its begin, and every second.
func (i *importing) progress(of persons.Import, rows int64) error {
	if i.told.IsZero() {
		if _, err := i.body.signed(); err != nil { // who goes on with their own signs nothing that is kept
			return err
		}
	}
	if now := i.s.Now(); i.told.IsZero() || now.Sub(i.told) >= progressEvery {
		at := importOf(of)
		i.send(ImportLine{Import: &at, Rows: rows})
	}
	return i.failed
}

// end says what has become of the import.
func (i *importing) end(r persons.Result, err error) {
	if i.body.over == nil { // it is still being sent
		_ = i.body.control.EnableFullDuplex() // not every writer can
		i.w.Header().Set("Connection", "close")
		defer i.body.linger()
	}
	of := importOf(r.Import)
	switch {
	case i.failed != nil || i.ctx.Err() != nil && errors.Is(err, context.Canceled):
		return // nobody is there any more
	case err == nil:
		i.send(ImportLine{Import: &of, Rows: r.Counts.Rows(), Done: &ImportDone{r.Again, r.Resumed, i.faults}})
		return
	case r.Number != 0:
		i.send(ImportLine{Import: &of, Problem: i.ofPersons(i.ctx, err, true)})
		return
	}
	_ = i.body.control.SetWriteDeadline(i.s.Now().Add(lineTimeout)) // not every writer can
	if _, limited := errors.AsType[huma.HeadersError](err); limited {
		i.cut(i.w, err)
		return
	}
	i.cut(i.w, i.ofPersons(i.ctx, err, false))
}

// send sends a line. Who does not read it in time is given up.
func (i *importing) send(line ImportLine) {
	if i.failed != nil {
		return
	}
	text, err := json.Marshal(line)
	if err == nil {
		if i.told.IsZero() {
			i.w.Header().Set("Content-Type", ndjson)
		}
		i.told = i.s.Now()
		_ = i.body.control.SetWriteDeadline(i.told.Add(lineTimeout)) // not every writer can
		if _, err = i.w.Write(append(text, '\n')); err == nil {
			err = i.body.control.Flush()
		}
	}
	i.failed = err
}

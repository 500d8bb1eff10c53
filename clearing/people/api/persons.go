package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"citycard/clearing/people"
	"citycard/clearing/persons"
	"citycard/language"
	"citycard/ledger"
)

// Finding asks for one person.
type Finding struct {
	Number string    `json:"number" minLength:"1" maxLength:"128" doc:"Number of a certificate"`
	Signed Signature `json:"signed" doc:"Statement of the act \"read a person\": its what is \"one person, by the number of a certificate\""`
}

// FoundPerson is a person, masked.
type FoundPerson struct {
	Status      string `json:"status" doc:"present, moved, died; empty in a dry run, which shows nobody"`
	Since       string `json:"since" doc:"The day YYYYMMDD from which the status holds"`
	Certificate string `json:"certificate" doc:"resident, residence_permit, foreigner, passport"`
	Number      string `json:"number_masked"`
	Name        string `json:"name_masked"`
	Import      int32  `json:"import" doc:"Number of the import that brought it"`
}

// PersonImport is an import of persons as it stands.
type PersonImport struct {
	Number int32          `json:"import"`
	File   string         `json:"file_sha256" doc:"Of the roster, in hexadecimal digits"`
	By     string         `json:"by" doc:"Who began it"`
	At     time.Time      `json:"at"`
	State  persons.State  `json:"state" doc:"begun, done, undoing, undone"`
	Next   int64          `json:"next_line" doc:"The line that comes next, where it goes on"`
	Counts persons.Counts `json:"counts"`
}

// Report is the import in the type of its package.
func (i *PersonImport) Report() persons.Import {
	return persons.Import{Number: i.Number, File: i.File, By: i.By, At: i.At, State: i.State, Next: i.Next, Counts: i.Counts}
}

func importOf(i persons.Import) PersonImport {
	return PersonImport{i.Number, i.File, i.By, i.At.UTC(), i.State, i.Next, i.Counts}
}

// PersonReject is a line of a roster that changed nothing. Nothing of what stands in it is shown.
type PersonReject struct {
	Import int32          `json:"import"`
	Line   int32          `json:"line"`
	Reason persons.Reason `json:"reason"`
	Field  string         `json:"field"`
	Detail string         `json:"detail,omitempty" doc:"Code point and place of a character, or the number of another line"`
}

// Reject is the line in the type of its package.
func (r *PersonReject) Reject() persons.Reject {
	return persons.Reject{Import: r.Import, Line: r.Line, Reason: r.Reason, Field: r.Field, Detail: r.Detail}
}

func rejectOf(r *persons.Reject) PersonReject {
	return PersonReject{r.Import, r.Line, r.Reason, r.Field, r.Detail}
}

// RejectPage is a part of the lines that changed nothing.
type RejectPage struct {
	Rejects []PersonReject `json:"rejects"`
	Next    int32          `json:"next,omitempty" doc:"The line after which the list goes on; 0: this is its end"`
}

// Unfinished is what is in the way of a roster.
type Unfinished struct {
	Import *PersonImport `json:"import,omitempty" doc:"The import that has not ended, and would be undone; none: nothing is in the way"`
}

const rejectsPage = 1000

func (s *Server) registerPersons() {
	find := act("find-person", "/v1/persons/find", "Find a person",
		"By the number of a certificate. That somebody asks, and why, is in the audit before the answer is given.", bodyLimit)
	find.Tags = []string{"persons"}
	huma.Register(s.api, find, s.findPerson)
	huma.Register(s.api, look("show-import", http.MethodGet, "/v1/persons/imports/{number}", "persons", "What an import of persons matched", "Counts alone.", bodyLimit),
		func(ctx context.Context, in *struct {
			Number int64 `path:"number" minimum:"1" doc:"Number of the import"`
		},
		) (*answer[PersonImport], error) {
			of, err := persons.Report(ctx, s.s.Office.Ledger, in.Number)
			if err == nil {
				err = callerOf(ctx).seesImports()
			}
			if err != nil {
				return nil, s.ofPersons(ctx, err, false)
			}
			return &answer[PersonImport]{importOf(of)}, nil
		})
	huma.Register(s.api, look("list-rejects", http.MethodGet, "/v1/persons/imports/{number}/rejects", "persons", "Lines of a roster that changed nothing",
		"In order, in pages: line, field and reason, and nothing of what stands there.", bodyLimit), s.rejects)
	huma.Register(s.api, look("unfinished", http.MethodGet, "/v1/persons/unfinished", "persons", "What is in the way of a roster",
		"The import that would be undone before this roster is imported: of another one, in another encoding, or under another key store.", bodyLimit), s.unfinished)
	s.registerImport()
}

func (s *Server) findPerson(ctx context.Context, in *struct {
	DryRun
	Body Finding
},
) (*answer[FoundPerson], error) {
	office := s.office(in.Dry)
	by, err := s.alone(ctx, office.People, in.Body.Signed, persons.ActRead)
	if err == nil {
		err = s.saying(ctx, by, persons.ReadText)
	}
	if err != nil {
		return nil, err
	}
	certificate, wrong := persons.ParseCertificate(in.Body.Number)
	if wrong != nil {
		p := newProblem(callerOf(ctx).language, Invalid, wrong, nil)
		p.Errors = []Fault{{"body.number", language.Error(callerOf(ctx).language, wrong)}}
		return nil, p
	}
	store, err := s.s.Persons(ctx, office.Ledger)
	if err != nil {
		return nil, s.ofPersons(ctx, err, false)
	}
	p, found, err := store.Find(ctx, certificate, by)
	switch {
	case err != nil:
		return nil, s.ofPersons(ctx, err, false)
	case in.Dry:
		return &answer[FoundPerson]{}, nil
	case !found:
		return nil, newProblem(callerOf(ctx).language, NotFound, language.Textf("no person with this number is known"), language.Textf("check the number"))
	}
	return &answer[FoundPerson]{FoundPerson{
		p.Status.String(), p.Since.String(), p.Certificate.Kind.String(), p.Certificate.Masked(), p.Masked(), p.Import,
	}}, nil
}

// saying refuses an approval whose statement is of something else than what is done.
func (s *Server) saying(ctx context.Context, by ledger.Approval, what string) error {
	for _, signed := range by.Signed {
		statement, err := people.ParseStatement(signed.Statement)
		if err != nil {
			return s.problem(ctx, err)
		}
		if statement.What != what {
			return newProblem(callerOf(ctx).language, BadSignature, language.Textf("signed is %q, and to be done %q", statement.What, what), nil)
		}
	}
	return nil
}

// seesImports hides the city's imports from who works for somebody else: for them there are none.
func (c caller) seesImports() error {
	if c.person != nil && c.person.Unit.Partner() {
		return persons.ErrNoImport
	}
	return nil
}

func (s *Server) rejects(ctx context.Context, in *struct {
	Number int64 `path:"number" minimum:"1" doc:"Number of the import"`
	After  int64 `query:"after" minimum:"0" doc:"Only lines behind this one"`
},
) (*answer[RejectPage], error) {
	rejects, err := persons.Rejects(ctx, s.s.Office.Ledger, in.Number, in.After, rejectsPage)
	if err == nil {
		err = callerOf(ctx).seesImports()
	}
	if err != nil {
		return nil, s.ofPersons(ctx, err, false)
	}
	page := RejectPage{Rejects: make([]PersonReject, 0, len(rejects))}
	for i := range rejects {
		page.Rejects = append(page.Rejects, rejectOf(&rejects[i]))
	}
	if len(rejects) == rejectsPage {
		page.Next = rejects[rejectsPage-1].Line
	}
	return &answer[RejectPage]{page}, nil
}

func (s *Server) unfinished(ctx context.Context, in *struct {
	Hash     string          `query:"sha256" required:"true" pattern:"^[0-9a-f]{64}$" doc:"Of the roster, in hexadecimal digits"`
	Encoding persons.Charset `query:"encoding" required:"true" enum:"utf-8,gb18030"`
},
) (*answer[Unfinished], error) {
	if err := callerOf(ctx).seesImports(); err != nil {
		return nil, s.ofPersons(ctx, err, false)
	}
	hash, err := hashOf(in.Hash)
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	store, err := s.s.Persons(ctx, s.s.Office.Ledger)
	if err != nil {
		return nil, s.ofPersons(ctx, err, false)
	}
	i, ok, err := store.InTheWay(ctx, hash, in.Encoding)
	if err != nil {
		return nil, s.ofPersons(ctx, err, false)
	}
	var out Unfinished
	if ok {
		of := importOf(i)
		out.Import = &of
	}
	return &answer[Unfinished]{out}, nil
}

// ofPersons is the problem that an error of package persons is. begun says that the roster's import
// was begun, and stands where it is.
func (s *Server) ofPersons(ctx context.Context, err error, begun bool) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	l := callerOf(ctx).language
	if file, ok := errors.AsType[*persons.FileError](err); ok {
		return newProblem(l, Invalid, file.What, language.Textf("correct the file and import it again"))
	}
	changed := language.Textf("import the file again")
	if begun {
		changed = language.Textf("import the file as it was, and it goes on; or as it is now, with --undo")
	}
	for _, known := range []struct {
		err  error
		kind Kind
		todo *language.Text
	}{
		{persons.ErrNoImport, NotFound, language.Textf("the number is printed at an import's end")},
		{persons.ErrUnfinished, Refused, language.Textf("import that roster again, and it goes on; or give --undo, which takes away what it has stored")},
		{persons.ErrUndoing, Refused, language.Textf("give --undo, which goes on with taking it away")},
		{persons.ErrCharset, Refused, language.Textf("give the --encoding with which it was begun; or give --undo, which takes away what it has stored")},
		{persons.ErrKeys, Refused, language.Textf("give the key store of this city's persons with --keys; or --undo, if the import that has not ended was begun under a wrong one")},
		{persons.ErrTaken, Refused, language.Textf("wait for the other process, or start again once it has ended")},
		{persons.ErrChanged, Invalid, changed},
		{errStops, Unavailable, language.Textf("import the file again once the server runs, and it goes on")},
	} {
		if errors.Is(err, known.err) {
			return newProblem(l, known.kind, err, known.todo)
		}
	}
	if reason, ok := errors.AsType[*ledger.BatchError](err); ok {
		return newProblem(l, Refused, reason.What, language.Textf("correct --reason"))
	}
	return s.problem(ctx, err)
}

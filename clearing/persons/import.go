package persons

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"citycard/language"
	"citycard/ledger"
)

// Order is what is to be imported, and how.
type Order struct {
	Charset Charset
	Rows    int64     // that the roster has, as its sender says; 0: nobody said
	Undo    bool      // one that has not ended is undone: of another roster, in another encoding, or under other keys
	Person  string    // who imports it, by the name under which Sign signs
	At      time.Time // now; no later day may stand in the roster
	// Sign gives the person's approval of an act. What says what is signed (Opened.Text,
	// Undo.Text). It is called right before the act is booked, since a signature is good for
	// minutes alone, and not at all if there is nothing to be signed.
	Sign func(act, what string) (ledger.Approval, error)
	// Turn waits, once the roster is surveyed, until it may be imported, and gives what is called
	// when its import has ended; nil: at once.
	Turn   func(context.Context) (leave func(), err error)
	Faults func(*Reject) // is called for each line that changes nothing
	// Progress is called once the import is begun, and after each part, with how it stands and how
	// many rows the roster has; nil: nobody asks. Its error ends the import, which can go on later.
	Progress func(i Import, rows int64) error
	Part     int // lines of a part; 0: some thousands
}

const partLines = 5_000

// Result is what became of an order.
type Result struct {
	Import
	Again   bool // the same roster was imported before; nothing is changed
	Resumed bool // an earlier attempt had stored some parts
}

// FileError says why a file is refused as a whole.
type FileError struct{ What error }

func (e *FileError) Error() string { return e.What.Error() }
func (e *FileError) Unwrap() error { return e.What }

func unfit(what *language.Text) error { return &FileError{what} }

// Import imports a roster. A *FileError refuses the file as a whole; then nothing is stored. By the
// hash, which its sender says, an import that was begun is found before anything is read; a file
// that turns out to have another one is refused. Where there is an error, the result's number is 0
// if nothing was begun.
func (s *Store) Import(ctx context.Context, from Source, o Order) (r Result, err error) {
	if o.Part == 0 {
		o.Part = partLines
	}
	earlier, inTheWay, err := s.earlier(ctx, from.Hash, o.Charset, o.Undo)
	if err != nil {
		return r, err
	}
	today := ledger.DayOf(o.At.In(s.zone))
	switch {
	case earlier == nil || inTheWay:
	case earlier.state == Done:
		r.Again, r.Import = true, earlier.report()
		return r, nil
	default:
		today, r.Import = s.today(earlier), earlier.report()
	}
	look, err := surveyRoster(ctx, newRoster(from.First, o.Charset, s.token, today), &o)
	if err == nil && (look.hash != from.Hash || look.size != from.Size) {
		err = ErrChanged
	}
	if err == nil && o.Turn != nil {
		var leave func()
		if leave, err = o.Turn(ctx); err == nil {
			defer leave()
		}
	}
	if err == nil && inTheWay {
		err = s.undo(ctx, earlier, &o)
	}
	var again io.Reader
	if err == nil {
		again, err = from.Again()
	}
	if err != nil {
		return r, err
	}
	if inTheWay {
		earlier = nil
	}
	p, err := s.begin(ctx, from.Hash, from.Size, earlier, &o)
	if err != nil {
		return r, err
	}
	return s.run(ctx, again, look, p, &o, today)
}

// run goes through a roster that was surveyed, whose import was begun, and ends it.
func (s *Store) run(ctx context.Context, file io.Reader, look *survey, p *progress, o *Order, today ledger.Day) (r Result, err error) {
	r.Resumed = p.parts > 0
	r.Import = p.report()
	switch {
	case p.state == Done: // by another process, meanwhile
		r.Again, r.Resumed = true, false
		return r, nil
	case s.today(p) != today:
		return r, fmt.Errorf("import %d: %w", p.number, ErrTaken)
	}
	if err := o.tell(p, look); err != nil {
		return r, err
	}
	if err := s.read(ctx, newRoster(file, o.Charset, s.token, today), look, p, o); err != nil {
		return r, err
	}
	if err := s.finish(ctx, p); err != nil {
		return r, err
	}
	p.state = Done
	r.Import = p.report()
	return r, nil
}

// read stores the roster part by part, from the line on that comes next. A part is stored if the
// file is up to there as it was when it was surveyed.
func (s *Store) read(ctx context.Context, t *roster, look *survey, p *progress, o *Order) error {
	rows := make([]*row, 0, o.Part)
	for {
		line, err := t.next()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		ended := err != nil
		if !ended && t.number >= p.next {
			r := t.row(line)
			r.raw = append([]byte{}, r.raw...)
			rows = append(rows, r)
		}
		if !ended && !endsPart(t.number, o.Part) {
			continue
		}
		if !look.agrees(t, o.Part, ended) {
			return fmt.Errorf("import %d: %w", p.number, ErrChanged)
		}
		if err := s.storeRows(ctx, p, look, rows, o); err != nil {
			return err
		}
		if ended {
			return nil
		}
		rows = rows[:0]
	}
}

// endsPart reports whether a line is the last of a part. Parts end at the same lines wherever an
// import goes on.
func endsPart(line int64, size int) bool {
	return line >= FirstLine && (line-FirstLine+1)%int64(size) == 0
}

func (s *Store) storeRows(ctx context.Context, p *progress, look *survey, rows []*row, o *Order) error {
	if len(rows) == 0 {
		return nil
	}
	part, err := s.judge(ctx, p, look, rows)
	if err != nil {
		return err
	}
	if err := s.store(ctx, p, part); err != nil {
		return err
	}
	for i := range part.rejects {
		o.Faults(&part.rejects[i])
	}
	return o.tell(p, look)
}

// tell says how far an import has come.
func (o *Order) tell(p *progress, look *survey) error {
	if o.Progress == nil {
		return nil
	}
	return o.Progress(p.report(), look.rows)
}

// judge compares rows with what is known, and makes a part of them.
func (s *Store) judge(ctx context.Context, p *progress, look *survey, rows []*row) (*part, error) {
	tokens := make([]Token, 0, len(rows))
	for _, r := range rows {
		if r.valid {
			tokens = append(tokens, r.token)
		}
	}
	known, err := s.known(ctx, tokens)
	if err != nil {
		return nil, err
	}
	part := &part{next: p.next + int64(len(rows)), counts: p.counts, digest: Digest{Import: int64(p.number), First: p.next}}
	for _, r := range rows {
		var before *Person
		if of, ok := known[r.token]; ok && r.valid {
			before = &of
		}
		twin, named := look.twins[r.line]
		if named && r.wrong == nil && !twin.alone && !twin.repeat {
			r.refuse(columnNumber, &Wrong{TwoLines, fmt.Sprint(twin.other)})
		}
		if named && r.wrong == nil && twin.repeat {
			part.counts.Repeated++
			continue
		}
		stays := r.against(before)
		part.counts.add(r, before, stays)
		switch {
		case r.wrong != nil:
			reject := Reject{p.number, int32(r.line), r.wrong.Reason, r.column, r.wrong.Detail, s.data.Seal(r.raw, place(p.number, r.line))}
			part.rejects = append(part.rejects, reject)
			part.digest.Add(r.line, reject.Hash())
		case !stays:
			stored := Stored{Import: p.number, Line: int32(r.line), Since: r.since, Certificate: r.certificate.Kind, Status: r.status, Token: r.token}
			stored.Sealed = r.identity(before).seal(s.data, r.token)
			part.persons = append(part.persons, stored)
			part.digest.Add(r.line, stored.Hash())
		}
	}
	return part, nil
}

// agrees reports whether a row has the name of a person, or had it formerly.
func (r *row) agrees(before *Person) bool {
	form := nameForm(before.Name)
	return r.name != "" && (nameForm(r.name) == form || r.former != "" && nameForm(r.former) == form)
}

// against holds a row against what is known of its person, and refuses it if they contradict each
// other. Otherwise it reports whether the row says nothing new.
//
// The later day's status holds, whatever the order in which rosters come. A death stays, unless a
// row says that it was recorded by mistake. A name changes with a row that has the known one as the
// former, from a later day on.
func (r *row) against(before *Person) (stays bool) {
	if r.wrong != nil {
		return false
	}
	if before == nil {
		if r.restored {
			r.refuse(columnStatus, &Wrong{Reason: NotDead})
		}
		return false
	}
	renamed := nameForm(r.name) != nameForm(before.Name)
	switch {
	case r.born != 0 && before.Born != 0 && r.born != before.Born:
		r.refuse(columnBirth, &Wrong{Reason: TwoBirths})
	case !r.agrees(before):
		r.refuse(columnName, &Wrong{Reason: TwoNames})
	case r.since < before.Since:
		r.refuse(columnSince, &Wrong{Reason: Older})
	case r.since == before.Since && r.status != before.Status:
		r.refuse(columnStatus, &Wrong{Reason: TwoStatuses})
	case r.since == before.Since && renamed:
		r.refuse(columnName, &Wrong{Reason: TwoNames})
	case r.since == before.Since:
		return before.Born != 0 || r.born == 0
	case r.restored && before.Status != Died:
		r.refuse(columnStatus, &Wrong{Reason: NotDead})
	case before.Status == Died && !r.restored:
		r.refuse(columnStatus, &Wrong{Reason: AfterDeath})
	}
	return false
}

// identity is what is kept of the person. A known spelling of a name stays, and so does a known
// birth date.
func (r *row) identity(before *Person) *identity {
	i := &identity{number: r.certificate.Number, name: r.name}
	if r.certificate.Born() == 0 {
		i.born = r.born
	}
	if before == nil {
		return i
	}
	if nameForm(before.Name) == nameForm(r.name) {
		i.name = before.Name
	}
	if i.born == 0 && r.certificate.Born() == 0 {
		i.born = before.Born
	}
	return i
}

// add counts a row that was judged.
func (c *Counts) add(r *row, before *Person, stays bool) {
	if before != nil {
		c.Known++
		if r.agrees(before) {
			c.Agreed++
		}
	}
	switch {
	case r.wrong != nil && r.wrong.Reason == Older:
		c.Older++
	case r.wrong != nil && r.wrong.Reason.conflict():
		c.Conflicting++
	case r.wrong != nil:
		c.Refused++
	case before == nil:
		c.New++
	case r.name == before.Name:
		c.Exact++
	default:
		c.Form++
	}
	if r.wrong == nil && before != nil && !stays {
		c.change(r, before)
	}
}

// change counts what a row changes.
func (c *Counts) change(r *row, before *Person) {
	renamed := nameForm(r.name) != nameForm(before.Name)
	if renamed {
		c.Renamed++
	}
	if before.Born == 0 && r.born != 0 {
		c.Born++
	}
	switch {
	case r.status == before.Status:
		if !renamed && r.since > before.Since {
			c.Redated++
		}
	case r.status == Present:
		c.Present++
	case r.status == Moved:
		c.Moved++
	case r.status == Died:
		c.Died++
	}
}

// conflict reports whether a reason is a contradiction, not a fault of one line alone.
func (r Reason) conflict() bool {
	switch r {
	case TwoBirths, TwoNames, TwoStatuses, TwoLines, AfterDeath, NotDead:
		return true
	}
	return false
}

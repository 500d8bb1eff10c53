package rules

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/clearing/rulefile"
	"citycard/clearing/transit/fare"
	"citycard/language"
	"citycard/ledger"
)

// ChangeName is the kind of proposal that puts documents in force.
const ChangeName = "rule documents"

// Request asks for documents to come in force. Those that are in force already are left out.
type Request struct {
	Documents map[Kind][]byte `json:"documents"`
	Accepted  bool            `json:"accepted"` // a change over the limit is intended
}

// FaultsError says what is wrong with documents, each fault in a line of its own.
type FaultsError struct{ Faults error }

func (e *FaultsError) Error() string { return e.Faults.Error() }

// Unwrap gives the faults.
func (e *FaultsError) Unwrap() error { return e.Faults }

func faulty(err error) error {
	if err == nil {
		return nil
	}
	return &FaultsError{err}
}

// ChangeKind is the kind of proposal that puts documents in force. Its request is completed: the
// documents are kept beside the proposal, which names them by their hashes. What is only kept is in
// force nowhere; show checks all of a request, which anybody may write.
func ChangeKind(s *Store) proposal.Kind {
	kind := proposal.Holding(proposal.Of(ChangeName, s.show, s.do), s.holds)
	return proposal.Completed(kind, func(ctx context.Context, r Request) (Content, []*language.Text, error) {
		content, err := s.ask(ctx, r)
		return content, nil, err
	})
}

func (s *Store) ask(ctx context.Context, r Request) (Content, error) {
	now, err := s.now(ctx)
	if err != nil {
		return Content{}, err
	}
	draft, err := s.Draft(ctx, r.Documents, now)
	if err != nil {
		return Content{}, refusal(err)
	}
	draft.Accepted = r.Accepted
	content, err := s.Keep(ctx, draft)
	return content, refusal(err)
}

// refusal says what to do about documents that may not come in force. Other errors stay.
func refusal(err error) error {
	var todo *language.Text
	switch {
	case errors.As(err, new(*FaultsError)):
		todo = language.Textf("correct what is named and propose again")
	case errors.As(err, new(*LargeChangeError)):
		todo = language.Textf("citycard rules try shows what it comes to; if it is intended, propose it with --accept-change")
	case errors.Is(err, ErrNothingNew):
		todo = language.Textf("change something first")
	case errors.Is(err, ErrAltered):
		todo = language.Textf("citycard verify names what was altered")
	default:
		return err
	}
	return &proposal.Refusal{Text: language.Textf("%w", err), Todo: todo}
}

func (s *Store) show(ctx context.Context, c Content) (*proposal.Change, error) {
	now, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	before, err := s.InForce(ctx)
	if err != nil {
		return nil, err
	}
	if before.Edition.Number != c.Base {
		return nil, stale(language.Textf("the documents were checked against edition %d, now is %d: %w", c.Base, before.Edition.Number, ErrStale))
	}
	after, err := s.Proposed(ctx, c, before)
	if err == nil {
		err = s.allowed(ctx, c, before, after, now)
	}
	if err != nil {
		return nil, refusal(err)
	}
	hashes, err := Hashes(c.Documents)
	if err != nil {
		return nil, err
	}
	next := before.Edition.Next(Digest(hashes))
	change := &proposal.Change{Unit: people.City, Rows: []proposal.Row{
		proposal.RowOf("rules", "", before.Edition.String()).Alters("edition", before.Edition.String(), next.String()),
	}}
	for _, kind := range Kinds() {
		if hash := hashes[kind]; hash != nil {
			change.Rows = append(change.Rows, documentRow(kind, before, after, hash))
		}
	}
	if c.Change != (fare.Change{}) {
		change.Rows = append(change.Rows, pricesRow(&c))
	}
	return change, nil
}

// makes is the change of documents, with the editions, the hashes and the versions of the one that
// is shown: which versions a document has, its hash says.
func makes(c Content, shown *proposal.Change) (*proposal.Change, error) {
	if len(shown.Rows) == 0 {
		return nil, fmt.Errorf("its change has no rows")
	}
	rules := &shown.Rows[0]
	is, becomes := rules.Is("edition"), rules.Becomes("edition")
	if !editionForm(c.Base).MatchString(is) || !editionForm(c.Base+1).MatchString(becomes) {
		return nil, fmt.Errorf("it shows edition %.100q that becomes %.100q; the request makes edition %d of %d", is, becomes, c.Base+1, c.Base)
	}
	hashes, err := Hashes(c.Documents)
	if err != nil {
		return nil, err
	}
	change := &proposal.Change{Unit: people.City, Rows: []proposal.Row{proposal.RowOf("rules", "", is).Alters("edition", is, becomes)}}
	for _, kind := range Kinds() {
		hash := hashes[kind]
		if hash == nil {
			continue
		}
		row := proposal.RowOf("document", string(kind), "")
		if n := len(change.Rows); n < len(shown.Rows) {
			was := shown.Rows[n].State
			row.State = was
			row = row.Alters("hash", was, hex.EncodeToString(hash))
			for _, f := range shown.Rows[n].Fields[min(1, len(shown.Rows[n].Fields)):] {
				row = row.Alters("version", f.Is, f.Becomes)
			}
		}
		change.Rows = append(change.Rows, row)
	}
	if c.Change != (fare.Change{}) {
		change.Rows = append(change.Rows, pricesRow(&c))
	}
	return change, nil
}

// editionForm matches what Edition.String writes of a number.
func editionForm(number int64) *regexp.Regexp {
	return regexp.MustCompile(fmt.Sprintf(`^%d\+[0-9a-f]{8}$`, number))
}

func stale(text *language.Text) error {
	return &proposal.Refusal{Text: text, Todo: language.Textf("propose the documents again")}
}

// documentRow is a document with the versions that come and go, and their moments.
func documentRow(kind Kind, before, after *Set, hash []byte) proposal.Row {
	was := hashesOf(before.contents)[kind]
	row := proposal.RowOf("document", string(kind), hex.EncodeToString(was)).Alters("hash", hex.EncodeToString(was), hex.EncodeToString(hash))
	then, now := before.Terms(kind), after.Terms(kind)
	for _, t := range then {
		if !slices.Contains(now, t) {
			row = row.Alters("version", termText(t), "")
		}
	}
	for _, t := range now {
		if !slices.Contains(then, t) {
			row = row.Alters("version", "", termText(t))
		}
	}
	return row
}

// termText is a version with its moments: "zz-2026+1a2b3c4d 20260101-".
func termText(t rulefile.Term) string {
	from, to := t.Bounds()
	return t.Name + " " + from + "-" + to
}

// pricesRow is how much documents change prices.
func pricesRow(c *Content) proposal.Row {
	p := c.Change
	count := func(n int) string { return strconv.Itoa(n) }
	row := proposal.RowOf("prices", "", "").Alters("prices changed", "", count(p.Prices))
	if p.Before != p.After {
		row = row.Alters("largest change", ledger.Fen(p.Before).String(), ledger.Fen(p.After).String()).Alters("from", "", p.From).Alters("share that is allowed", "", p.Limit)
	}
	if p.Appeared > 0 {
		row = row.Alters("new prices", "", count(p.Appeared))
	}
	if p.Vanished > 0 {
		row = row.Alters("prices that go", "", count(p.Vanished))
	}
	if p.Minutes.From != "" {
		row = row.Alters("minutes of a trip", strconv.FormatUint(uint64(p.Minutes.Before), 10), strconv.FormatUint(uint64(p.Minutes.After), 10))
	}
	if p.Bands.From != "" {
		row = row.Alters("times of day with prices of their own", p.Bands.Before, p.Bands.After)
	}
	if p.Transfers.From != "" {
		row = row.Alters("transfers", p.Transfers.Before, p.Transfers.After)
	}
	if p.Share.From != "" {
		row = row.Alters("share that fares to come may change", p.Share.Before, p.Share.After)
	}
	if p.Over {
		row = row.Alters("over the limit, and accepted", "", strconv.FormatBool(c.Accepted))
	}
	return row
}

func (s *Store) do(ctx context.Context, c Content, _ *proposal.Change, by ledger.Approval) (proposal.Result, error) {
	err := s.Approve(ctx, c, by)
	if errors.Is(err, ErrStale) {
		return proposal.Result{}, stale(language.Textf("the rules are not changed: %w", err))
	}
	if err != nil {
		return proposal.Result{}, refusal(err)
	}
	return proposal.Saying(language.Textf("edition %d of the rules is in force", c.Base+1)), nil
}

// ChangeEntry holds the audit's entry of documents against what two people signed: the hashes, and
// the edition that they make.
func ChangeEntry() proposal.Entry {
	return proposal.EntryOf(ChangeName, makes, func(c Content, change *proposal.Change, said string) error {
		var is Entered
		if err := json.Unmarshal([]byte(said), &is); err != nil {
			return err
		}
		made := Edition{Number: is.Edition}
		if _, err := hex.Decode(made.Head[:], []byte(is.Head)); err != nil || len(is.Head) != 2*len(made.Head) {
			return fmt.Errorf("a head of %q", is.Head)
		}
		same := maps.Equal(is.Documents, c.Documents) && is.Change == c.Change && is.Zone == "" && is.Edition == c.Base+1
		if !same || len(change.Rows) == 0 || change.Rows[0].Becomes("edition") != made.String() {
			return fmt.Errorf("it puts %+v in force as edition %s; signed was %+v and %+v", is, made, c, change.Rows)
		}
		return nil
	})
}

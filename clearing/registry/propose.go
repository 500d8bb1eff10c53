package registry

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/clearing/registry/index"
	"citycard/language"
	"citycard/ledger"
)

// ChangeName is the kind of proposal that changes the registry.
const ChangeName = "registry change"

// ImportRequest asks for the rows of files to come in force.
type ImportRequest struct {
	Files Files `json:"files"`
}

// changing is how proposals change the registry.
type changing struct {
	ledger *ledger.Ledger
	read   func(context.Context, Files) (*Draft, error)
	// rehearsed are drafts that were asked for, in a ledger that keeps nothing.
	rehearsed proposal.Rehearsed[*Draft]
}

// ChangeKind is the kind of proposal that changes the registry. read checks files against what is
// in force. The files' rows are kept beside the proposal, which names and hashes them.
func ChangeKind(l *ledger.Ledger, read func(context.Context, Files) (*Draft, error)) proposal.Kind {
	c := &changing{ledger: l, read: read}
	kind := proposal.Holding(proposal.Of(ChangeName, c.show, c.do), c.holds)
	return proposal.Completed(kind, func(ctx context.Context, r ImportRequest) (Content, []*language.Text, error) {
		content, err := c.keep(ctx, r)
		return content, nil, err
	})
}

// holds has the rows stay that a proposal names.
func (c *changing) holds(ctx context.Context, tx pgx.Tx, content Content) error {
	if c.ledger.Rehearses() {
		return nil
	}
	err := hold(ctx, tx, content.Change)
	if errors.Is(err, proposal.ErrForgotten) {
		err = &proposal.Refusal{Text: language.Textf("change %d: %w", content.Change, err), Todo: language.Textf("import the files again")}
	}
	return err
}

func (c *changing) store() *Store {
	s := NewStore(c.ledger.Pool())
	s.rehearses = c.ledger.Rehearses()
	return s
}

func (c *changing) keep(ctx context.Context, r ImportRequest) (Content, error) {
	draft, err := c.read(ctx, r.Files)
	if faults := (*ImportError)(nil); errors.As(err, &faults) {
		return Content{}, &proposal.Refusal{Text: language.Textf("%w", errors.Join(faults.Lines()...)), Todo: language.Textf("correct the files named and import again")}
	}
	if err != nil {
		return Content{}, err
	}
	if draft.count == 0 {
		return Content{}, &proposal.Refusal{Text: language.Textf("%w", ErrNothingNew), Todo: language.Textf("change something first")}
	}
	if c.ledger.Rehearses() {
		content := draft.content(0)
		c.rehearsed.Keep(content.key(), draft)
		return content, nil
	}
	return c.store().Keep(ctx, draft)
}

// key tells content of dry runs apart.
func (c *Content) key() string { return strconv.FormatInt(c.Base, 10) + "+" + c.Digest }

// diff compares the rows that a proposal names.
func (c *changing) diff(ctx context.Context, content Content) (*Diff, error) {
	if draft, found := c.rehearsed.Find(content.key()); found && content == draft.content(0) {
		return c.store().DiffDraft(draft), nil
	}
	d, err := c.store().Diff(ctx, content.Change)
	if err == nil && (Content{d.Change, d.Base, d.Rows, hex.EncodeToString(d.Digest[:])}) != content {
		err = ErrAltered
	}
	return d, err
}

// show counts what the rows do. Their digest stands for each of them.
func (c *changing) show(ctx context.Context, content Content) (*proposal.Change, error) {
	d, err := c.diff(ctx, content)
	if err != nil {
		return nil, err
	}
	before, err := c.store().versions(ctx, 0)
	if err != nil {
		return nil, err
	}
	if n := int64(len(before)); n != d.Base {
		return nil, &proposal.Refusal{
			Text: language.Textf("change %d was checked against version %d, now is %d: %w", content.Change, d.Base, n, ErrStale),
			Todo: language.Textf("import the files again"),
		}
	}
	var head [32]byte // of no version, before the first
	if d.Base > 0 {
		head = before[d.Base-1].head
	}
	sums, err := d.Sums(ctx)
	if err != nil {
		return nil, err
	}
	version := func(number int64, head [32]byte) string { return fmt.Sprintf("%d+%s", number, index.VersionOf(head)) }
	is := version(d.Base, head)
	change := content.change(is, version(d.Base+1, Head(head, d.Digest)))
	for _, sum := range sums {
		change.Rows = append(change.Rows, sum.row(is))
		err := d.Each(ctx, sum.Kind, shownRows, func(difference *Difference) error {
			change.Rows = append(change.Rows, difference.row(is))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return change, nil
}

// change is that of the version, without the rows.
func (c *Content) change(is, becomes string) *proposal.Change {
	return &proposal.Change{Unit: people.City, Rows: []proposal.Row{
		proposal.RowOf("registry", "", is).Alters("version", is, becomes).Alters("digest of the rows", "", c.Digest),
	}}
}

// makes is the change of rows, with the versions and the rows of the one that is shown: what stands
// in the rows, their digest says. There must be as many as the request has, in the order of their
// kinds, and the first of each kind are shown one by one.
func makes(c Content, shown *proposal.Change) (*proposal.Change, error) {
	if len(shown.Rows) == 0 {
		return nil, fmt.Errorf("its change has no rows")
	}
	is, becomes := shown.Rows[0].Is("version"), shown.Rows[0].Becomes("version")
	if !versionForm(c.Base).MatchString(is) || !versionForm(c.Base+1).MatchString(becomes) {
		return nil, fmt.Errorf("it shows version %.100q that becomes %.100q; the request makes version %d of %d", is, becomes, c.Base+1, c.Base)
	}
	change := c.change(is, becomes)
	var rows int64
	left := shown.Rows[1:]
	for _, l := range layouts() {
		if len(left) == 0 || left[0].Key != l.kind.String() {
			continue
		}
		sum := Sum{Kind: l.kind, Effects: map[Effect]int64{}}
		for i, effect := range []Effect{Added, Changed, Corrected, Ended} {
			if i < len(left[0].Fields) {
				n, err := strconv.ParseInt(left[0].Fields[i].Becomes, 10, 64)
				if err != nil || n < 0 {
					return nil, fmt.Errorf("it shows %.100q rows of %s", left[0].Fields[i].Becomes, l.kind)
				}
				sum.Effects[effect], sum.Rows = n, sum.Rows+n
			}
		}
		rows, left = rows+sum.Rows, left[1:]
		change.Rows = append(change.Rows, sum.row(is))
		n := min(sum.Rows, shownRows)
		if int64(len(left)) < n || n == 0 {
			return nil, fmt.Errorf("it shows %d of %d rows of %s", len(left), n, l.kind)
		}
		for _, row := range left[:n] {
			if err := rowFits(l.kind, &row, is); err != nil {
				return nil, err
			}
		}
		change.Rows = append(change.Rows, left[:n]...)
		left = left[n:]
	}
	if rows != c.Rows {
		return nil, fmt.Errorf("it shows %d rows; the request has %d", rows, c.Rows)
	}
	return change, nil
}

// rowFits refuses what is shown as a row of a kind and has not its form.
func rowFits(kind Kind, row *proposal.Row, version string) error {
	if row.Table != "registry" || !strings.HasPrefix(row.Key, kind.String()+" ") || row.State != "" && row.State != version {
		return fmt.Errorf("it shows a row %s %q at %q of %s at %s", row.Table, row.Key, row.State, kind, version)
	}
	for _, f := range row.Fields {
		if !slices.Contains(kind.Columns(), f.Name) {
			return fmt.Errorf("it shows %q of a row of %s", f.Name, kind)
		}
	}
	return nil
}

// versionForm matches a version of a number.
func versionForm(number int64) *regexp.Regexp {
	return regexp.MustCompile(fmt.Sprintf(`^%d\+[0-9a-f]{16}$`, number))
}

// shownRows is how many rows of each kind a proposal shows one by one.
const shownRows = 200

// row is the row as it becomes, beside the row before.
func (d *Difference) row(version string) proposal.Row {
	columns := d.Kind.Columns()
	row := proposal.RowOf("registry", d.Kind.String()+" "+d.Row[columns[0]]+" "+d.Row[firstColumn(columns)], version)
	differs := d.Differs
	if d.Before == nil {
		row.State, differs = "", columns
	}
	for _, column := range differs {
		if d.Before[column] != d.Row[column] {
			row = row.Alters(column, d.Before[column], d.Row[column])
		}
	}
	return row
}

// row is what a change does to the rows of a kind.
func (s *Sum) row(version string) proposal.Row {
	count := func(e Effect) string { return strconv.FormatInt(s.Effects[e], 10) }
	return proposal.RowOf("registry", s.Kind.String(), version).
		Alters("rows added", "", count(Added)).Alters("rows changed", "", count(Changed)).
		Alters("rows corrected", "", count(Corrected)).Alters("rows ended", "", count(Ended))
}

func (c *changing) do(ctx context.Context, content Content, _ *proposal.Change, by ledger.Approval) (proposal.Result, error) {
	err := c.store().Approve(ctx, content, by)
	if errors.Is(err, ErrStale) {
		return proposal.Result{}, &proposal.Refusal{Text: language.Textf("the registry is not changed: %w", err), Todo: language.Textf("import the files again")}
	}
	if err != nil {
		return proposal.Result{}, err
	}
	return proposal.Saying(language.Textf("version %d of the registry is in force", content.Base+1)), nil
}

// ChangeEntry holds the audit's entry of a change against what two people signed: its rows, and the
// version that they make.
func ChangeEntry() proposal.Entry {
	return proposal.EntryOf(ChangeName, makes, func(c Content, change *proposal.Change, said string) error {
		var is Entered
		if err := json.Unmarshal([]byte(said), &is); err != nil {
			return err
		}
		var head [32]byte
		if _, err := hex.Decode(head[:], []byte(is.Head)); err != nil || len(is.Head) != 2*len(head) {
			return fmt.Errorf("a head of %q", is.Head)
		}
		made := fmt.Sprintf("%d+%s", is.Version, index.VersionOf(head))
		if is.Content != c || is.Version != c.Base+1 || len(change.Rows) == 0 || change.Rows[0].Becomes("version") != made {
			return fmt.Errorf("it puts %+v in force as version %s; signed was %+v and %+v", is.Content, made, c, change.Rows)
		}
		return nil
	})
}

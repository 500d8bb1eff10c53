package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/message"
	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/clearing/registry/index"
	"citycard/language"
	"citycard/ledger"
)

// HotlistPump is the stream under which the hotlist is published; its sequence is the version of
// the registry whose hotlist was published last. That of HotlistBegun is the version of which a
// part may be: it is finished before another one is judged: terminals take only whole lists.
const (
	HotlistPump  = "hotlist"
	HotlistBegun = "hotlist begun"
)

// PublishName is the kind of proposal by which one hotlist is published although it is outside its
// bounds; ActPublish is what the audit calls that.
const (
	PublishName = "hotlist publication"
	ActPublish  = "publish hotlist"
)

// PublishRequest asks for a hotlist to be published whatever its bounds say, once.
type PublishRequest struct {
	After   int64  `json:"after"`   // the version that is published
	Version int64  `json:"version"` // the version that is to be
	At      string `json:"at"`      // when the cards of both were counted, YYYYMMDDhhmmss
}

// AskPublish asks for the hotlist that is in force and not published.
type AskPublish struct{}

// Override is what the audit's entry of such a publication says.
type Override struct {
	After   int64 `json:"after"`
	Version int64 `json:"version"`
	index.ListStep
}

// Step is the hotlist of a version beside the published one.
type Step struct {
	After, Version int64
	index.ListStep
	Bounds index.ListBounds
}

// Check says how the step is outside the bounds; nil if it is within them.
func (s *Step) Check() *language.Text { return s.Bounds.Check(s.ListStep, s.After == 0) }

// PublishedHotlist is the version whose hotlist was published last, 0 for none.
func (s *Store) PublishedHotlist(ctx context.Context) (version int64, err error) {
	return s.pumped(ctx, HotlistPump)
}

// BegunHotlist is the version whose hotlist was begun to be published last, 0 for none.
func (s *Store) BegunHotlist(ctx context.Context) (version int64, err error) {
	return s.pumped(ctx, HotlistBegun)
}

func (s *Store) pumped(ctx context.Context, stream string) (version int64, err error) {
	err = s.pool.QueryRow(ctx, "SELECT sequence FROM pumps WHERE stream = $1", stream).Scan(&version)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("read how far %s is published: %w", stream, err)
	}
	return version, nil
}

// NewestHotlist is the version that changed the hotlist last, 0 for none.
func (s *Store) NewestHotlist(ctx context.Context) (version int64, err error) {
	err = s.pool.QueryRow(ctx, `SELECT coalesce(max(v.number), 0) FROM registry_versions v
		WHERE EXISTS (SELECT 1 FROM registry_rows r WHERE r.change = v.change AND r.kind = $1)`, int64(Hotlist)).Scan(&version)
	if err != nil {
		return 0, fmt.Errorf("read the hotlist's version: %w", err)
	}
	return version, nil
}

// HotlistStep compares the hotlist of a version with that of an earlier one, 0 for none, at a
// moment. It is held against the bounds that were in force before any change after the earlier one
// touched the list: a list brings no bounds of its own. Only a founding does.
func (s *Store) HotlistStep(ctx context.Context, after, version int64, at index.Moment) (*Step, error) {
	is, err := s.LoadVersion(ctx, version, Hotlist)
	if err != nil {
		return nil, err
	}
	before := &index.Edition{}
	if after > 0 {
		if before, err = s.LoadVersion(ctx, after, Hotlist); err != nil {
			return nil, err
		}
	}
	step := &Step{After: after, Version: version, ListStep: is.HotlistStep(before, at)}
	if step.Cards, err = s.countCards(ctx, version); err != nil {
		return nil, err
	}
	first, err := s.hotlistAfter(ctx, after)
	if err != nil {
		return nil, err
	}
	step.Bounds, err = s.boundsBefore(ctx, first, at)
	return step, err
}

// hotlistAfter is the first version after another one that changed the hotlist, 0 for none.
func (s *Store) hotlistAfter(ctx context.Context, after int64) (version int64, err error) {
	err = s.pool.QueryRow(ctx, `SELECT coalesce(min(v.number), 0) FROM registry_versions v
		WHERE v.number > $1 AND EXISTS (SELECT 1 FROM registry_rows r WHERE r.change = v.change AND r.kind = $2)`, after, int64(Hotlist)).Scan(&version)
	if err != nil {
		return 0, fmt.Errorf("read the hotlist's version: %w", err)
	}
	return version, nil
}

// boundsBefore are the hotlist's bounds that a version found at a moment; of the founding, its own.
func (s *Store) boundsBefore(ctx context.Context, version int64, at index.Moment) (b index.ListBounds, err error) {
	edition, err := s.LoadVersion(ctx, max(1, version-1), ListBounds)
	if err != nil {
		return b, err
	}
	return edition.HotlistBounds(ledger.Day(at.Number() / 1_000_000)), nil
}

// countCards counts the cards that are registered at a version.
func (s *Store) countCards(ctx context.Context, version int64) (cards int64, err error) {
	err = s.pool.QueryRow(ctx, `SELECT count(DISTINCT r.key) FROM registry_versions v JOIN registry_rows r ON r.change = v.change
		WHERE v.number <= $1 AND r.kind = $2`, version, int64(Cards)).Scan(&cards)
	if err != nil {
		return 0, fmt.Errorf("count the registered cards: %w", err)
	}
	return cards, nil
}

// Overrides are the publications that two people decided.
func Overrides(ctx context.Context, l *ledger.Ledger) (decided []Override, err error) {
	entries, err := l.Audit(ctx, ActPublish)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		var of Override
		if err := json.Unmarshal([]byte(e.What), &of); err != nil {
			return nil, fmt.Errorf("audit: entry %d does not say which hotlist is published: %w", e.Number, err)
		}
		decided = append(decided, of)
	}
	return decided, nil
}

// HotlistPublication says what the hotlist of a version is, and how far it may move at a moment,
// for terminals.
func (s *Store) HotlistPublication(ctx context.Context, version int64, at index.Moment) (*message.Publication, error) {
	is, err := s.LoadVersion(ctx, version, Hotlist)
	if err != nil {
		return nil, err
	}
	bounds, err := s.boundsBefore(ctx, version, at)
	if err != nil {
		return nil, err
	}
	cards, err := s.countCards(ctx, version)
	if err != nil {
		return nil, err
	}
	p := &message.Publication{
		Topic: message.TopicHotlist, Version: version, Most: bounds.MostNamed(cards),
		Few: bounds.Few, GrowPercent: bounds.Grow, ShrinkPercent: bounds.Shrink,
	}
	hash, entry := message.NewHotlistHash(), &message.HotlistEntry{}
	end := func() {
		if len(entry.GetRows()) > 0 {
			hash.Add(entry)
			p.Records++
		}
	}
	for l := range is.Rows().Hotlist.All() {
		if digits := l.Card.Signed(); string(entry.GetCard()) != string(digits[:]) {
			end()
			entry = &message.HotlistEntry{Card: digits[:]}
		}
		entry.Rows = append(entry.Rows, &message.HotlistRow{From: l.From.String(), To: l.To.End(), Reason: l.Reason})
	}
	end()
	p.Hash = hash.Sum()
	return p, nil
}

// publishing is how proposals publish a hotlist.
type publishing struct {
	ledger *ledger.Ledger
	now    func(context.Context) (index.Moment, error)
}

// PublishKind is the kind of proposal by which one hotlist is published although it is outside its
// bounds. now is the present moment in the city's zone.
func PublishKind(l *ledger.Ledger, now func(context.Context) (index.Moment, error)) proposal.Kind {
	p := &publishing{l, now}
	return proposal.Completed(proposal.Of(PublishName, p.show, p.do), p.complete)
}

func (p *publishing) complete(ctx context.Context, _ AskPublish) (r PublishRequest, _ []*language.Text, err error) {
	store := NewStore(p.ledger.Pool())
	if r.After, err = store.PublishedHotlist(ctx); err != nil {
		return r, nil, err
	}
	if r.Version, err = store.NewestHotlist(ctx); err != nil {
		return r, nil, err
	}
	at, err := p.now(ctx)
	r.At = at.String()
	return r, nil, err
}

// step finds what a request is about, as long as nothing has moved.
func (p *publishing) step(ctx context.Context, r PublishRequest) (*Step, error) {
	store := NewStore(p.ledger.Pool())
	after, err := store.PublishedHotlist(ctx)
	if err != nil {
		return nil, err
	}
	version, err := store.NewestHotlist(ctx)
	if err != nil {
		return nil, err
	}
	at, ok := index.ParseMoment(r.At)
	switch {
	case version <= after:
		return nil, &proposal.Refusal{Text: language.Textf("the hotlist of version %d is published, and there is no newer one", after), Todo: language.Textf("nothing has to be done")}
	case after != r.After || version != r.Version || !ok:
		return nil, &proposal.Refusal{Text: language.Textf("the hotlist of version %d is published, and that of version %d is not; this is about %d and %d", after, version, r.After, r.Version), Todo: language.Textf("propose it again")}
	}
	step, err := store.HotlistStep(ctx, after, version, at)
	if err == nil && step.Check() == nil {
		return nil, &proposal.Refusal{Text: language.Textf("the hotlist of version %d is within its bounds", version), Todo: language.Textf("it is published by itself")}
	}
	return step, err
}

func (p *publishing) show(ctx context.Context, r PublishRequest) (*proposal.Change, error) {
	step, err := p.step(ctx, r)
	if err != nil {
		return nil, err
	}
	return r.change(step.ListStep), nil
}

// change is that of a request, with the cards that both lists name.
func (r *PublishRequest) change(s index.ListStep) *proposal.Change {
	text := func(n int64) string { return strconv.FormatInt(n, 10) }
	return &proposal.Change{
		Unit: people.City,
		Rows: []proposal.Row{proposal.RowOf("hotlist", "", text(r.After)).Alters("version", text(r.After), text(r.Version)).
			Alters("cards", text(s.Before), text(s.Named)).Alters("cards added", "", text(s.Added)).Alters("cards gone", "", text(s.Gone)).Alters("registered cards", "", text(s.Cards)).Alters("counted at", "", r.At)},
		Effects: []proposal.Effect{proposal.Effectf("this one list is published although it is outside the bounds: every gate and validator refuses the cards that it names")},
	}
}

func (p *publishing) do(ctx context.Context, r PublishRequest, _ *proposal.Change, by ledger.Approval) (proposal.Result, error) {
	step, err := p.step(ctx, r)
	if err != nil {
		return proposal.Result{}, err
	}
	what, err := json.Marshal(Override{r.After, r.Version, step.ListStep})
	if err != nil {
		return proposal.Result{}, err
	}
	err = p.ledger.Change(ctx, "decide that a hotlist is published", func(tx pgx.Tx) error {
		return ledger.Approve(ctx, tx, ActPublish, string(what), by)
	})
	if err != nil {
		return proposal.Result{}, err
	}
	return proposal.Saying(language.Textf("the hotlist of version %d is published within seconds", r.Version)), nil
}

// PublishEntry holds the audit's entry of such a publication against what two people signed.
func PublishEntry() proposal.Entry {
	return proposal.EntryOf(PublishName, func(r PublishRequest, shown *proposal.Change) (*proposal.Change, error) {
		step, err := stepOf(shown)
		return r.change(step), err
	}, func(r PublishRequest, change *proposal.Change, said string) error {
		step, err := stepOf(change)
		if err != nil {
			return err
		}
		return proposal.ExpectJSON(said, Override{r.After, r.Version, step})
	})
}

// stepOf reads the cards that a change shows.
func stepOf(shown *proposal.Change) (s index.ListStep, err error) {
	row, err := shown.One()
	if err != nil {
		return s, err
	}
	for _, cell := range []struct {
		to   *int64
		text string
	}{
		{&s.Before, row.Is("cards")},
		{&s.Named, row.Becomes("cards")},
		{&s.Added, row.Becomes("cards added")},
		{&s.Gone, row.Becomes("cards gone")},
		{&s.Cards, row.Becomes("registered cards")},
	} {
		if *cell.to, err = strconv.ParseInt(cell.text, 10, 64); err != nil {
			return s, fmt.Errorf("it shows %.100q cards: %w", cell.text, err)
		}
	}
	return s, nil
}

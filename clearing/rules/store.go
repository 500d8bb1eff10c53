package rules

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/people/proposal"
	"citycard/clearing/rulefile"
	"citycard/clearing/transit/fare"
	"citycard/language"
	"citycard/ledger"
)

// The errors of a store.
var (
	ErrEmpty      = errors.New("the database holds no rules yet")
	ErrFounded    = errors.New("the database holds rules already")
	ErrStale      = language.Textf("the rules have changed since")
	ErrNothingNew = errors.New("the documents are those in force already")
	ErrAltered    = errors.New("the documents are not those that were approved")
)

// Lead is how long before it begins a version must be approved: every process has it by then. The
// second half of it is theirs, since an approval has the first to be stored.
const Lead = 30 * time.Second

const (
	// clockDifference is how far the clocks of the database and of the person who approves may be
	// apart.
	clockDifference = 5 * time.Second
	// idleLimit is how long the database waits for the next statement of an approval. After it the
	// session is ended: a COMMIT that was held up comes too late.
	idleLimit = 5 * time.Second
)

// The acts by which the ledger's audit has the history of the rules.
const (
	ActFound   = "found rules"
	ActApprove = "approve rules"
)

// Store keeps documents in the ledger's database, which has clearing's tables.
type Store struct {
	Ledger *ledger.Ledger
	Now    func() time.Time // nil: the database's clock

	// rehearsed are documents that were kept by their Digest, in a ledger that keeps nothing.
	rehearsed proposal.Rehearsed[map[Kind][]byte]
}

// Entered is the content of the audit entry for documents that came in force. Only the founding has
// a zone, and no change of prices.
type Entered struct {
	Edition   int64           `json:"edition"`
	Head      string          `json:"head"`      // in hexadecimal
	Documents map[Kind]string `json:"documents"` // the hash of each, in hexadecimal
	Zone      string          `json:"zone,omitempty"`
	Change    fare.Change     `json:"fare_change,omitzero"`
}

// Content names documents that the database keeps, by their hashes.
type Content struct {
	Base      int64           `json:"base"`      // the edition that they were checked against
	Documents map[Kind]string `json:"documents"` // the hash of each, in hexadecimal
	Accepted  bool            `json:"accepted"`  // a change over the limit is intended
	At        int64           `json:"at"`        // the second in which they were checked, since 1970
	Change    fare.Change     `json:"fare_change,omitzero"`
}

// Draft are the documents that differ from those in force, checked.
type Draft struct {
	Contents map[Kind][]byte
	Set      *Set        // what would be in force
	Change   fare.Change // how much it changes prices
	Accepted bool        // the proposer says that a change over the limit is intended
	base     int64
	at       time.Time
}

// LargeChangeError refuses a draft that changes a price by more than the limit, raises the
// limit, shortens the time limit of trips, moves a band or changes a transfer, which nobody said
// is intended.
type LargeChangeError struct{ fare.Change }

// Error names the change.
func (e *LargeChangeError) Error() string {
	var all []string
	if e.Large {
		all = append(all, fmt.Sprintf("a price changes from %d to %d fen, by more than a share of %s of it", e.Before, e.After, e.Limit))
	}
	if e.Minutes.After < e.Minutes.Before {
		all = append(all, fmt.Sprintf("the time limit of a trip goes from %d to %d minutes", e.Minutes.Before, e.Minutes.After))
	}
	if e.Bands.From != "" {
		all = append(all, fmt.Sprintf("the times of the bands go from %q to %q", e.Bands.Before, e.Bands.After))
	}
	if e.Transfers.From != "" {
		all = append(all, fmt.Sprintf("the transfers go from %q to %q", e.Transfers.Before, e.Transfers.After))
	}
	if e.Looser() {
		all = append(all, fmt.Sprintf("the largest change goes from %s to %s", e.Share.Before, e.Share.After))
	}
	return strings.Join(all, "; ")
}

// Draft checks documents with those in force. What of the past they would change is a fault, as
// seen at a time. ErrEmpty means that nothing is in force.
func (s *Store) Draft(ctx context.Context, contents map[Kind][]byte, at time.Time) (*Draft, error) {
	before, err := s.InForce(ctx)
	if err != nil {
		return nil, err
	}
	d := &Draft{Contents: map[Kind][]byte{}, base: before.Edition.Number, at: at}
	if d.Set, err = before.With(contents); err != nil {
		return nil, faulty(err)
	}
	for _, kind := range d.Set.Differs(before) {
		d.Contents[kind] = contents[kind]
	}
	if len(d.Contents) == 0 {
		return nil, ErrNothingNew
	}
	if err := d.Set.marked(before); err != nil {
		return nil, err
	}
	last, err := s.lastFixed(ctx, at)
	if err != nil {
		return nil, err
	}
	d.Change = d.Set.Tables.ChangeFrom(before.Tables, last)
	return d, faulty(d.Set.fits(before, last))
}

// marked refuses examples where nothing in force is one: serve would not start again where it runs
// without them.
func (s *Set) marked(before *Set) error {
	if examples := s.Examples(); len(examples) > 0 && len(before.Examples()) == 0 {
		return faulty(fmt.Errorf("marked as examples, which nothing in force is: %s", strings.Join(examples, "; ")))
	}
	return nil
}

// Kinds are those of the draft's documents.
func (d *Draft) Kinds() []Kind { return slices.Sorted(maps.Keys(d.Contents)) }

// lastFixed is the last moment of which an approval at a time may not change what holds. Clocks
// that were set back, as at the end of summer time, show moments again that were fixed before.
func (s *Store) lastFixed(ctx context.Context, at time.Time) (rulefile.Moment, error) {
	zone, err := s.Zone(ctx)
	if err != nil {
		return 0, err
	}
	last := at.Add(Lead).In(zone)
	fixed := rulefile.MomentOf(last)
	if set, _ := last.ZoneBounds(); !set.IsZero() {
		fixed = max(fixed, rulefile.MomentOf(set.Add(-time.Second).In(zone)))
	}
	return fixed, nil
}

// clock is the time of an approval: what its person's clock shows, or the database's if that is
// later. It refuses clocks that are far apart.
func (s *Store) clock(ctx context.Context, at time.Time) (now time.Time, err error) {
	if now, err = s.now(ctx); err != nil {
		return now, err
	}
	if apart := now.Sub(at).Abs(); apart > clockDifference {
		return now, faulty(fmt.Errorf("the clock here shows %s, the database's %s; want them at most %s apart", at.UTC().Format(time.DateTime), now.UTC().Format(time.DateTime), clockDifference))
	}
	if now.Before(at) {
		now = at
	}
	return now, nil
}

// now is the time by the database's clock.
func (s *Store) now(ctx context.Context) (now time.Time, err error) {
	if s.Now != nil {
		return s.Now(), nil
	}
	err = s.Ledger.Read(ctx, func(tx pgx.Tx) error { return tx.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now) })
	if err != nil {
		return now, fmt.Errorf("the database's clock: %w", err)
	}
	return now, nil
}

// Zone is the time zone in which days and moments are read. It was chosen when the rules were
// founded, and never changes. ErrEmpty means that nothing is founded.
func (s *Store) Zone(ctx context.Context) (*time.Location, error) {
	var name string
	err := s.Ledger.Read(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "SELECT zone FROM editions WHERE number = 1").Scan(&name)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrEmpty
	}
	if err != nil {
		return nil, fmt.Errorf("zone of the rules: %w", err)
	}
	return loadZone(name)
}

// loadZone finds a zone by its name. It refuses the names that mean another zone on another machine
// or look like none.
func loadZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err == nil && (name == "" || name == time.Local.String()) {
		err = errors.New("want a name such as Asia/Shanghai")
	}
	if err != nil {
		return nil, fmt.Errorf("zone %q of the rules: %w", name, err)
	}
	return zone, nil
}

// Keep stores the documents of a draft. They are in force nowhere until they are approved. A
// *LargeChangeError refuses a change of prices over the limit that is not accepted.
func (s *Store) Keep(ctx context.Context, d *Draft) (Content, error) {
	if d.Change.Over && !d.Accepted {
		return Content{}, &LargeChangeError{d.Change}
	}
	c := Content{Base: d.base, Documents: hashTexts(hashesOf(d.Contents)), Accepted: d.Accepted, At: d.at.Unix(), Change: d.Change}
	if s.Ledger.Rehearses() {
		s.rehearsed.Keep(digestText(hashesOf(d.Contents)), d.Contents)
		return c, nil
	}
	err := s.Ledger.Write(ctx, func(tx pgx.Tx) error { return keep(ctx, tx, d.Contents, second) })
	if err != nil {
		return Content{}, fmt.Errorf("keep documents: %w", err)
	}
	return c, nil
}

// keep stores documents since a second: as drafts, or since 0 for good. What is kept for good stays
// so.
func keep(ctx context.Context, tx pgx.Tx, contents map[Kind][]byte, since string) error {
	hashes := hashesOf(contents)
	for _, kind := range slices.Sorted(maps.Keys(contents)) {
		_, err := tx.Exec(ctx, `INSERT INTO document_contents (hash, content, drafted) VALUES ($1, $2, `+since+`)
			ON CONFLICT (hash) DO UPDATE SET drafted = CASE WHEN document_contents.drafted = 0 THEN 0 ELSE excluded.drafted END`, hashes[kind], contents[kind])
		if err != nil {
			return err
		}
	}
	return nil
}

func hashTexts(hashes map[Kind][]byte) map[Kind]string {
	texts := map[Kind]string{}
	for kind, hash := range hashes {
		texts[kind] = hex.EncodeToString(hash)
	}
	return texts
}

// Hashes reads the hashes of documents.
func Hashes(texts map[Kind]string) (map[Kind][]byte, error) {
	hashes := map[Kind][]byte{}
	for kind, text := range texts {
		hash, err := hex.DecodeString(text)
		if err != nil || len(hash) != sha256.Size || !kind.Known() {
			return nil, fmt.Errorf("document %q of hash %q: %w", kind, text, ErrAltered)
		}
		hashes[kind] = hash
	}
	return hashes, nil
}

func hashesOf(contents map[Kind][]byte) map[Kind][]byte {
	hashes := map[Kind][]byte{}
	for kind, content := range contents {
		hash := sha256.Sum256(content)
		hashes[kind] = hash[:]
	}
	return hashes
}

// Digest is over kinds and hashes of documents, in the order of Kinds.
func Digest(hashes map[Kind][]byte) [sha256.Size]byte {
	sum := sha256.New()
	for _, kind := range Kinds() {
		if hash := hashes[kind]; hash != nil {
			fmt.Fprintf(sum, "%s\n%x\n", kind, hash)
		}
	}
	return [sha256.Size]byte(sum.Sum(nil))
}

func digestText(hashes map[Kind][]byte) string {
	digest := Digest(hashes)
	return hex.EncodeToString(digest[:])
}

// Found stores the documents of an empty database, in force at once, and the zone in which days and
// moments are read from then on. Their calendar must cover the day. ErrFounded means that there are
// rules already; another process may just have founded them.
func (s *Store) Found(ctx context.Context, set *Set, zone *time.Location, by ledger.Approval) (err error) {
	if _, err := s.Edition(ctx); !errors.Is(err, ErrEmpty) {
		return cmp.Or(err, ErrFounded)
	}
	if err := set.Covers(ledger.DayOf(by.At.In(zone))); err != nil {
		return err
	}
	if _, err := loadZone(zone.String()); err != nil {
		return err
	}
	by.Reason = "founding"
	if by.First, err = ledger.Person(by.First); err != nil {
		return err
	}
	what := Entered{Documents: hashTexts(hashesOf(set.contents)), Zone: zone.String()}
	err = s.Ledger.Write(ctx, func(tx pgx.Tx) error {
		if err := keep(ctx, tx, set.contents, "0"); err != nil {
			return err
		}
		return enter(ctx, tx, what, 0, func(text string) error { return ledger.Record(ctx, tx, ActFound, text, by) })
	})
	if errors.Is(err, ErrStale) {
		return ErrFounded
	}
	if err != nil {
		return fmt.Errorf("found the rules: %w", err)
	}
	return nil
}

// Approve puts documents in force. The first person of the approval proposed them. An error says if
// the documents would by now change what is past. ErrStale says that other documents came in
// between.
func (s *Store) Approve(ctx context.Context, c Content, by ledger.Approval) (err error) {
	// It must be in force half of Lead before the first moment begins that is not fixed now.
	ctx, cancel := context.WithTimeout(ctx, Lead/2-idleLimit)
	defer cancel()
	if err := s.stillFits(ctx, c, by.At); err != nil {
		return err
	}
	what := Entered{Documents: c.Documents, Change: c.Change}
	return s.Ledger.Write(ctx, func(tx pgx.Tx) error {
		limit := fmt.Sprintf("SET LOCAL idle_in_transaction_session_timeout = '%s'", idleLimit)
		if _, err := tx.Exec(ctx, limit); err != nil {
			return err
		}
		return enter(ctx, tx, what, c.Base, func(text string) error { return ledger.Approve(ctx, tx, ActApprove, text, by) })
	})
}

// stillFits checks that documents change nothing that has passed meanwhile. That they are checked
// against the edition in force, enter makes sure of.
func (s *Store) stillFits(ctx context.Context, c Content, at time.Time) error {
	// First of all: what follows takes time, by which the clocks would seem apart.
	at, err := s.clock(ctx, at)
	if err != nil {
		return err
	}
	before, err := s.InForce(ctx)
	if err != nil || before.Edition.Number != c.Base { // enter says what became of it
		return err
	}
	after, err := s.Proposed(ctx, c, before)
	if err != nil {
		return err
	}
	return s.allowed(ctx, c, before, after, at)
}

// allowed refuses documents that are not what their request says of them, or that may not follow
// those before at a time.
func (s *Store) allowed(ctx context.Context, c Content, before, after *Set, now time.Time) error {
	last, err := s.lastFixed(ctx, now)
	if err != nil {
		return err
	}
	if err := after.marked(before); err != nil {
		return err
	}
	if change := after.Tables.ChangeFrom(before.Tables, last); change.Over && !c.Accepted {
		return &LargeChangeError{change}
	}
	drafted, err := s.lastFixed(ctx, time.Unix(c.At, 0))
	if err != nil {
		return err
	}
	if at := time.Unix(c.At, 0); at.After(now.Add(clockDifference)) || c.Change != after.Tables.ChangeFrom(before.Tables, drafted) {
		return ErrAltered
	}
	return faulty(after.fits(before, last))
}

// Proposed is what would be in force after documents on a set: these, which are checked against
// their hashes, and the others.
func (s *Store) Proposed(ctx context.Context, c Content, before *Set) (*Set, error) {
	hashes, err := Hashes(c.Documents)
	if err != nil {
		return nil, err
	}
	contents, err := s.contents(ctx, hashes)
	if err != nil {
		return nil, err
	}
	return before.With(contents)
}

// enter makes the next edition of documents that are kept, on its base and nothing else, and has it
// recorded.
func enter(ctx context.Context, tx pgx.Tx, what Entered, base int64, record func(string) error) error {
	last, err := lastEdition(ctx, tx)
	if err != nil && !errors.Is(err, ErrEmpty) {
		return err
	}
	hashes, err := Hashes(what.Documents)
	if err != nil {
		return err
	}
	if last.Number == base+1 && what.Zone == "" {
		same, err := entered(ctx, tx, last.Number, hashes)
		if err != nil || same {
			return err // by an attempt whose outcome was not known
		}
	}
	if last.Number != base {
		return language.Textf("checked against edition %d, now is %d: %w", base, last.Number, ErrStale)
	}
	if err := hold(ctx, tx, hashes); err != nil {
		return err
	}
	next := last.Next(Digest(hashes))
	what.Edition, what.Head = next.Number, hex.EncodeToString(next.Head[:])
	if _, err := tx.Exec(ctx, "INSERT INTO editions (number, head, zone) VALUES ($1, $2, $3)", next.Number, next.Head[:], what.Zone); err != nil {
		return err
	}
	for kind, hash := range hashes {
		_, err := tx.Exec(ctx, "INSERT INTO edition_documents (edition, kind, hash) VALUES ($1, $2, $3)", next.Number, string(kind), hash)
		if err != nil {
			return err
		}
	}
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return record(string(text))
}

// entered reports whether an edition is of just these documents.
func entered(ctx context.Context, tx pgx.Tx, number int64, hashes map[Kind][]byte) (bool, error) {
	rows, err := tx.Query(ctx, "SELECT kind, hash FROM edition_documents WHERE edition = $1", number)
	if err != nil {
		return false, err
	}
	there := map[Kind][]byte{}
	var kind Kind
	var hash []byte
	_, err = pgx.ForEachRow(rows, []any{&kind, &hash}, func() error {
		there[kind] = bytes.Clone(hash)
		return nil
	})
	return maps.EqualFunc(there, hashes, bytes.Equal), err
}

// lastEdition is the edition in force; ErrEmpty if there is none.
func lastEdition(ctx context.Context, tx pgx.Tx) (e Edition, err error) {
	var head []byte
	err = tx.QueryRow(ctx, "SELECT number, head FROM editions ORDER BY number DESC LIMIT 1").Scan(&e.Number, &head)
	if errors.Is(err, pgx.ErrNoRows) {
		return e, ErrEmpty
	}
	copy(e.Head[:], head)
	return e, err
}

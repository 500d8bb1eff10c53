package rules

import (
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

	"citycard/clearing/rulefile"
	"citycard/clearing/transit/fare"
	"citycard/ledger"
)

// The errors of a store.
var (
	ErrEmpty      = errors.New("the database holds no rules yet")
	ErrFounded    = errors.New("the database holds rules already")
	ErrNoProposal = errors.New("no such proposal")
	ErrDecided    = errors.New("the proposal is decided already")
	ErrSamePerson = errors.New("the person who proposed documents may not approve them")
	ErrStale      = errors.New("the rules have changed since; propose the documents again")
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
	ActPropose = "propose rules"
	ActFound   = "found rules"
	ActApprove = "approve rules"
	ActReject  = "reject rules"
)

// Store keeps documents in the ledger's database, which has clearing's tables.
type Store struct {
	Ledger *ledger.Ledger
	Now    func() time.Time // nil: the database's clock
}

// Proposed is the content of the audit entry for a proposal.
type Proposed struct {
	Proposal int64       `json:"proposal"`
	Base     int64       `json:"base"`
	Digest   string      `json:"digest"`               // in hexadecimal
	Change   fare.Change `json:"fare_change,omitzero"` // of prices
}

// Decided is the content of the audit entry for a proposal that was approved, with its edition, or
// rejected. Only the founding has a zone.
type Decided struct {
	Proposal int64  `json:"proposal"`
	Edition  int64  `json:"edition,omitempty"`
	Head     string `json:"head,omitempty"` // in hexadecimal
	Zone     string `json:"zone,omitempty"`
}

// Draft is a proposal before it is stored: the documents that differ from those in force.
type Draft struct {
	Contents map[Kind][]byte
	Set      *Set        // what would be in force
	Change   fare.Change // how much it changes prices
	Accepted bool        // the proposer says that a change over the limit is intended
	base     int64
}

// LargeChangeError refuses a draft that changes a price by more than the limit, raises the limit or
// shortens the time limit of trips, which nobody said is intended.
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
	d := &Draft{Contents: map[Kind][]byte{}, base: before.Edition.Number}
	if d.Set, err = before.With(contents); err != nil {
		return nil, err
	}
	for _, kind := range d.Set.Differs(before) {
		d.Contents[kind] = contents[kind]
	}
	if len(d.Contents) == 0 {
		return nil, ErrNothingNew
	}
	// With examples in force, serve would not start again where it runs without them.
	if examples := d.Set.Examples(); len(examples) > 0 && len(before.Examples()) == 0 {
		return nil, fmt.Errorf("marked as examples, which nothing in force is: %s", strings.Join(examples, "; "))
	}
	last, err := s.lastFixed(ctx, at)
	if err != nil {
		return nil, err
	}
	d.Change = d.Set.Tables.ChangeFrom(before.Tables, last)
	return d, d.Set.fits(before, last)
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
	if s.Now != nil {
		now = s.Now()
	} else if err := s.Ledger.Read(ctx, func(tx pgx.Tx) error { return tx.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now) }); err != nil {
		return now, fmt.Errorf("the database's clock: %w", err)
	}
	if apart := now.Sub(at).Abs(); apart > clockDifference {
		return now, fmt.Errorf("the clock here shows %s, the database's %s; want them at most %s apart", at.UTC().Format(time.DateTime), now.UTC().Format(time.DateTime), clockDifference)
	}
	if now.Before(at) {
		now = at
	}
	return now, nil
}

// Zone is the time zone in which days and moments are read. It was chosen when the rules were
// founded, and never changes. ErrEmpty means that nothing is founded.
func (s *Store) Zone(ctx context.Context) (*time.Location, error) {
	var name string
	err := s.Ledger.Read(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "SELECT d.zone FROM rule_editions e JOIN rule_decisions d ON d.proposal = e.proposal WHERE e.number = 1").Scan(&name)
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

// Propose stores a draft, which waits for a second person, and gives its number. A
// *LargeChangeError refuses a change of prices over the limit that is not accepted.
func (s *Store) Propose(ctx context.Context, d *Draft, by ledger.Approval) (number int64, err error) {
	if d.Change.Over && !d.Accepted {
		return 0, &LargeChangeError{d.Change}
	}
	if by.First, err = ledger.Person(by.First); err != nil {
		return 0, err
	}
	if err := by.ValidateAlone(); err != nil {
		return 0, err
	}
	err = s.Ledger.Write(ctx, func(tx pgx.Tx) error {
		number, err = s.propose(ctx, tx, d, by)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("propose rules: %w", err)
	}
	return number, nil
}

func (s *Store) propose(ctx context.Context, tx pgx.Tx, d *Draft, by ledger.Approval) (number int64, err error) {
	hashes := hashesOf(d.Contents)
	sum := Digest(hashes)
	// It may have been stored by an attempt whose outcome was not known.
	err = tx.QueryRow(ctx, "SELECT number FROM rule_proposals WHERE base = $1 AND digest = $2 AND person = $3 AND at = $4", d.base, sum[:], by.First, by.At.Unix()).Scan(&number)
	if !errors.Is(err, pgx.ErrNoRows) {
		return number, err
	}
	change, err := ChangeText(d.Change)
	if err != nil {
		return 0, err
	}
	err = tx.QueryRow(ctx, `INSERT INTO rule_proposals (number, base, digest, person, reason, at, fare_change)
		SELECT coalesce(max(number), 0) + 1, $1::INT8, $2::BYTEA, $3::TEXT, $4::TEXT, $5::INT8, $6::TEXT FROM rule_proposals RETURNING number`,
		d.base, sum[:], by.First, by.Reason, by.At.Unix(), change).Scan(&number)
	if err != nil {
		return 0, err
	}
	for kind, content := range d.Contents {
		_, err := tx.Exec(ctx, "INSERT INTO rule_documents (proposal, kind, content, hash) VALUES ($1, $2, $3, $4)", number, string(kind), content, hashes[kind])
		if err != nil {
			return 0, err
		}
	}
	return number, record(ctx, tx, ActPropose, Proposed{number, d.base, hex.EncodeToString(sum[:]), d.Change}, by)
}

// ChangeText is a change of prices as the table of proposals has it: empty if there is none.
func ChangeText(c fare.Change) (string, error) {
	if c == (fare.Change{}) {
		return "", nil
	}
	text, err := json.Marshal(c)
	return string(text), err
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

func record(ctx context.Context, tx pgx.Tx, act string, what any, by ledger.Approval) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return ledger.Record(ctx, tx, act, string(text), by)
}

// Found stores the documents of an empty database, in force at once, and the zone in which days and
// moments are read from then on. Their calendar must cover the day. ErrFounded means that there are
// rules already; another process may just have founded them.
func (s *Store) Found(ctx context.Context, set *Set, zone *time.Location, by ledger.Approval) (err error) {
	if _, err := s.edition(ctx); !errors.Is(err, ErrEmpty) {
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
	err = s.Ledger.Write(ctx, func(tx pgx.Tx) error {
		proposer := by
		proposer.Check = nil // decideIn checks
		number, err := s.propose(ctx, tx, &Draft{Contents: set.contents, Set: set}, proposer)
		if err != nil {
			return err
		}
		return s.decideIn(ctx, tx, Decided{Proposal: number, Zone: zone.String()}, ActFound, by)
	})
	if errors.Is(err, ErrStale) {
		return ErrFounded
	}
	if err != nil {
		return fmt.Errorf("found the rules: %w", err)
	}
	return nil
}

// Approve puts a proposal in force. The person must not be the one who proposed it. Signatures, if
// any, are the proposer's and the person's. An error says if its documents would by now change what
// is past.
func (s *Store) Approve(ctx context.Context, proposal int64, by ledger.Approval) error {
	return s.decide(ctx, proposal, ActApprove, by)
}

// Reject keeps a proposal from ever being in force.
func (s *Store) Reject(ctx context.Context, proposal int64, by ledger.Approval) error {
	return s.decide(ctx, proposal, ActReject, by)
}

// Stored is an act as the table of decisions has it.
func Stored(act string) string {
	return map[string]string{ActFound: "found", ActApprove: "approve", ActReject: "reject"}[act]
}

func (s *Store) decide(ctx context.Context, proposal int64, act string, by ledger.Approval) (err error) {
	if by.First, err = ledger.Person(by.First); err != nil {
		return err
	}
	if act == ActApprove {
		// It must be in force half of Lead before the first moment begins that is not fixed now.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, Lead/2-idleLimit)
		defer cancel()
		if err := s.stillFits(ctx, proposal, by.At); err != nil {
			return fmt.Errorf("proposal %d: %w", proposal, err)
		}
	}
	err = s.Ledger.Write(ctx, func(tx pgx.Tx) error {
		if act == ActApprove {
			limit := fmt.Sprintf("SET LOCAL idle_in_transaction_session_timeout = '%s'", idleLimit)
			if _, err := tx.Exec(ctx, limit); err != nil {
				return err
			}
		}
		return s.decideIn(ctx, tx, Decided{Proposal: proposal}, act, by)
	})
	if err != nil {
		return fmt.Errorf("proposal %d: %w", proposal, err)
	}
	return nil
}

// stillFits checks that a proposal changes nothing that has passed meanwhile. That it is checked
// against the edition in force, decideIn makes sure of.
func (s *Store) stillFits(ctx context.Context, proposal int64, at time.Time) error {
	// First of all: what follows takes time, by which the clocks would seem apart.
	at, err := s.clock(ctx, at)
	if err != nil {
		return err
	}
	before, err := s.InForce(ctx)
	if err != nil {
		return err
	}
	after, err := s.Proposed(ctx, proposal, before)
	if err != nil {
		return err
	}
	last, err := s.lastFixed(ctx, at)
	if err != nil {
		return err
	}
	return after.fits(before, last)
}

// Proposed is what would be in force after a proposal on a set: its documents, which are checked
// against the digest of the proposal, and the others.
func (s *Store) Proposed(ctx context.Context, proposal int64, before *Set) (*Set, error) {
	var sum []byte
	err := s.Ledger.Read(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "SELECT digest FROM rule_proposals WHERE number = $1", proposal).Scan(&sum)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrNoProposal
	}
	if err != nil {
		return nil, err
	}
	contents, err := s.contents(ctx, "WHERE proposal = $1", proposal)
	if err != nil {
		return nil, err
	}
	if made := Digest(hashesOf(contents)); string(made[:]) != string(sum) {
		return nil, ErrAltered
	}
	return before.With(contents)
}

func (s *Store) decideIn(ctx context.Context, tx pgx.Tx, what Decided, act string, by ledger.Approval) error {
	var base, at int64
	var sum []byte
	var proposer, reason, done, decider string
	err := tx.QueryRow(ctx, `SELECT p.base, p.digest, p.person, p.reason, coalesce(d.act, ''), coalesce(d.person, ''), coalesce(d.at, 0)
		FROM rule_proposals p LEFT JOIN rule_decisions d ON d.proposal = p.number WHERE p.number = $1`, what.Proposal).
		Scan(&base, &sum, &proposer, &reason, &done, &decider, &at)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return ErrNoProposal
	case err != nil:
		return err
	case done == Stored(act) && decider == by.First && at == by.At.Unix():
		return nil // by an attempt whose outcome was not known
	case done != "":
		return ErrDecided
	case act == ActApprove && ledger.SamePerson(proposer, by.First):
		return ErrSamePerson
	}
	if act != ActReject {
		if what.Head, err = addEdition(ctx, tx, what.Proposal, base, sum); err != nil {
			return err
		}
		what.Edition = base + 1
	}
	_, err = tx.Exec(ctx, "INSERT INTO rule_decisions (proposal, act, person, at, zone) VALUES ($1, $2, $3, $4, $5)", what.Proposal, Stored(act), by.First, by.At.Unix(), what.Zone)
	if err != nil {
		return err
	}
	if act != ActApprove {
		return record(ctx, tx, act, what, ledger.Approval{First: by.First, At: by.At, Signed: by.Signed, Check: by.Check})
	}
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return ledger.Approve(ctx, tx, act, string(text), ledger.Approval{
		First: proposer, Second: by.First, Reason: reason, At: by.At, Signed: by.Signed, Check: by.Check,
	})
}

// addEdition puts a proposal in force on its base and nothing else, and returns the edition's head
// in hexadecimal.
func addEdition(ctx context.Context, tx pgx.Tx, proposal, base int64, sum []byte) (string, error) {
	last, err := lastEdition(ctx, tx)
	switch {
	case err != nil && !errors.Is(err, ErrEmpty):
		return "", err
	case last.Number != base:
		return "", fmt.Errorf("checked against edition %d, now is %d: %w", base, last.Number, ErrStale)
	case len(sum) != sha256.Size:
		return "", ErrAltered
	}
	next := last.Next([sha256.Size]byte(sum))
	_, err = tx.Exec(ctx, "INSERT INTO rule_editions (number, proposal, head) VALUES ($1, $2, $3)", next.Number, proposal, next.Head[:])
	return hex.EncodeToString(next.Head[:]), err
}

// lastEdition is the edition in force; ErrEmpty if there is none.
func lastEdition(ctx context.Context, tx pgx.Tx) (e Edition, err error) {
	var head []byte
	err = tx.QueryRow(ctx, "SELECT number, head FROM rule_editions ORDER BY number DESC LIMIT 1").Scan(&e.Number, &head)
	if errors.Is(err, pgx.ErrNoRows) {
		return e, ErrEmpty
	}
	copy(e.Head[:], head)
	return e, err
}

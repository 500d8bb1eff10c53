package trial

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"citycard/cardos/tunion"
	"citycard/clearing/medical"
	"citycard/clearing/message"
	"citycard/clearing/registry/index"
	"citycard/clearing/rules"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

func (t *Trial) medicalChanges() bool {
	return slices.Contains(t.Proposed.Differs(t.InForce), rules.Medical)
}

// claims settles the claims of the days again, on all processors. The books are read once; each
// processor has persons of its own, whose claims reach it in their order.
func (t *Trial) claims(ctx context.Context, first, last ledger.Day) (*Section, error) {
	people, err := t.People(ctx)
	if err != nil {
		return nil, err
	}
	tallies := make([]*claims, runtime.GOMAXPROCS(0))
	lanes := make([]chan row, len(tallies))
	group, within := errgroup.WithContext(ctx)
	for i := range tallies {
		tally, lane := t.newClaims(people, first), make(chan row, laneRows)
		tallies[i], lanes[i] = tally, lane
		group.Go(func() error { return tally.takeAll(lane) })
	}
	group.Go(func() error { return deal(within, t.Ledger, first, last, lanes) })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, other := range tallies[1:] {
		tallies[0].merge(other)
	}
	return tallies[0].section(), nil
}

func (t *Trial) newClaims(people *index.Edition, first ledger.Day) *claims {
	return &claims{
		people: people, first: first, inForce: t.InForce.Medical, proposed: t.Proposed.Medical.Last(),
		groups: map[groupKey]*Sum{}, unpriced: unpriced{}, largest: noChanges(), years: noYears(),
	}
}

type groupKey struct {
	by  By
	key string
}

// claims adds up claims. It belongs to one goroutine.
type claims struct {
	people            *index.Edition
	first             ledger.Day
	inForce, proposed *medical.Rules

	total    Sum
	groups   map[groupKey]*Sum
	unpriced unpriced
	largest  largest

	token index.Token // of the person whose claims come
	list  []claim     // those of one booking day
	years [2]map[int]medical.YearSoFar
}

// claim is an accepted claim as it was booked.
type claim struct {
	hospital, settlement string
	booked               ledger.Day
	at                   time.Time
	asked                medical.Claim
	deductible, fund     int64
}

// split is how the claim was divided when it was booked.
func (of *claim) split() medical.Split {
	return medical.Split{DeductibleFen: of.deductible, FundFen: of.fund}
}

// noYears are the tallies of a person without claims.
func noYears() [2]map[int]medical.YearSoFar { return [2]map[int]medical.YearSoFar{{}, {}} }

// row is a row of selectClaims.
type row struct {
	person        []byte
	booked        ledger.Day
	asked, result []byte
}

// laneRows is how many rows wait for a processor at most.
const laneRows = 256

// selectClaims are the claims that were booked from $1 to $2.
const selectClaims = `SELECT person, day, claim, result FROM medical_settlements
	WHERE day >= $1 AND day <= $2 ORDER BY person, day, stream, sequence, position`

// claimDays is how long ago a claim that is booked may have been settled at its desk. What was
// booked since the beginning of that year counts for its tally.
const claimDays = 400

// deal reads the claims of the days, and those of earlier days by which the tallies of persons
// begin. It deals them to the lanes by the first byte of the person's token, and closes the lanes.
func deal(ctx context.Context, books *ledger.Ledger, first, last ledger.Day, lanes []chan row) error {
	defer func() {
		for _, lane := range lanes {
			close(lane)
		}
	}()
	from := ledger.Day(int(first.Add(-claimDays))/10000*10000 + 101).Add(-1)
	return books.Read(ctx, func(tx pgx.Tx) error {
		return ledger.EachRaw(ctx, tx, func(raw ledger.Raw) error {
			day, err := raw.Integer(1)
			if err != nil {
				return err
			}
			r := row{bytes.Clone(raw[0]), ledger.Day(day), bytes.Clone(raw[2]), bytes.Clone(raw[3])}
			lane := 0
			if len(r.person) > 0 {
				lane = int(r.person[0]) % len(lanes)
			}
			select {
			case lanes[lane] <- r:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}, selectClaims, from, last)
	})
}

// takeAll takes the claims of a lane to its end.
func (c *claims) takeAll(lane <-chan row) error {
	for r := range lane {
		if err := c.take(r.person, r.booked, r.asked, r.result); err != nil {
			return err
		}
	}
	return c.settleDay()
}

// take takes the next claim, in the order of selectClaims.
func (c *claims) take(person []byte, booked ledger.Day, asked, result []byte) error {
	var token index.Token
	if copy(token[:], person) != len(person) || len(person) != len(token) {
		return fmt.Errorf("a person's token in the books has %d bytes, want %d", len(person), len(token))
	}
	if token != c.token || len(c.list) > 0 && booked != c.list[0].booked {
		if err := c.settleDay(); err != nil {
			return err
		}
		if token != c.token {
			c.token = token
			c.years = noYears()
		}
	}
	of, err := read(asked, result)
	if err != nil {
		return fmt.Errorf("claim %s of %s in the books: %w", of.settlement, of.hospital, err)
	}
	of.booked = booked
	c.list = append(c.list, of)
	return nil
}

// read decodes a claim and its answer.
func read(asked, result []byte) (of claim, err error) {
	var m message.MedicalClaim
	var answer message.MedicalResult
	if err := proto.Unmarshal(asked, &m); err != nil {
		return of, err
	}
	of = claim{hospital: m.GetHospital(), settlement: m.GetSettlement(), asked: medical.Asked(&m)}
	if err := proto.Unmarshal(result, &answer); err != nil {
		return of, err
	}
	of.deductible, of.fund = answer.GetDeductibleFen(), answer.GetFundFen()
	of.at, err = message.ParseTime(m.GetTime(), time.UTC)
	return of, err
}

// settleDay settles the claims that were booked for the person on one day.
func (c *claims) settleDay() error {
	slices.SortStableFunc(c.list, func(a, b claim) int { return a.at.Compare(b.at) })
	for i := range c.list {
		of := &c.list[i]
		var err error
		if of.booked < c.first {
			err = cmp.Or(c.count(0, of, of.split()), c.count(1, of, of.split()))
		} else {
			err = c.settle(of)
		}
		if err != nil {
			return fmt.Errorf("claim %s of %s: %w", of.settlement, of.hospital, err)
		}
	}
	c.list = c.list[:0]
	return nil
}

// count carries the tally of one side past a claim.
func (c *claims) count(side int, of *claim, split medical.Split) (err error) {
	years, year := c.years[side], of.at.Year()
	years[year], err = years[year].After(of.asked.Kind, of.at, split)
	return err
}

// settle settles a claim by both rules. For the year's tally of a side that cannot, it counts as it
// was booked.
func (c *claims) settle(of *claim) error {
	day := ledger.DayOf(of.at)
	person, known := c.people.PersonOn(c.token, day)
	hospital, listed := c.people.Hospital(of.hospital, day)
	why := [2]verdict.Reason{}
	switch {
	case !known:
		why = [2]verdict.Reason{verdict.UnknownPerson, verdict.UnknownPerson}
	case !listed:
		why = [2]verdict.Reason{verdict.UnknownHospital, verdict.UnknownHospital}
	}
	var splits [2]medical.Split
	for side, table := range []*medical.Rules{c.inForce, c.proposed} {
		var err error
		if why[side] == verdict.None {
			// The account is as if it held nothing: the fund's share does not depend on it.
			splits[side], why[side], err = medical.Settle(table, medical.Person{Insurance: medical.Insurance(person.Insurance.String()), Status: medical.Status(person.Status.String())},
				medical.Class(hospital.Class), c.years[side][of.at.Year()], of.asked, of.at, 0)
		}
		if why[side] != verdict.None {
			splits[side] = of.split()
		}
		if err = cmp.Or(err, c.count(side, of, splits[side])); err != nil {
			return err
		}
	}
	if why[0] != verdict.None || why[1] != verdict.None {
		c.unpriced.add(reasonOf(string(why[0]), string(why[1])), 1, ledger.Fen(of.fund))
		return nil
	}
	c.add(of, person.Insurance.String(), splits[0].FundFen, splits[1].FundFen)
	return nil
}

func (c *claims) add(of *claim, insurance string, was, is int64) {
	c.total.add(was, is)
	for _, key := range []groupKey{{ByHospital, of.hospital}, {ByKind, string(of.asked.Kind)}, {ByInsurance, insurance}} {
		sum := c.groups[key]
		if sum == nil {
			sum = &Sum{}
			c.groups[key] = sum
		}
		sum.add(was, is)
	}
	if was != is && c.largest.takes(ledger.Fen(max(was-is, is-was))) {
		c.largest.add(Change{
			Who: tunion.Masked(hex.EncodeToString(c.token[:])), Time: of.at.Format("20060102150405"), Kind: string(of.asked.Kind),
			Place: of.hospital, Before: ledger.Fen(was), After: ledger.Fen(is), key: of.hospital + " " + of.settlement,
		})
	}
}

func (c *claims) merge(other *claims) {
	c.total.merge(other.total)
	for key, sum := range other.groups {
		if c.groups[key] == nil {
			c.groups[key] = &Sum{}
		}
		c.groups[key].merge(*sum)
	}
	for key, of := range other.unpriced {
		c.unpriced.add(key, of.Count, of.Fen)
	}
	for _, change := range other.largest.list {
		c.largest.add(change)
	}
}

func (c *claims) section() *Section {
	s := &Section{Sum: c.total, Groups: []Group{}, Unpriced: c.unpriced.list(), Largest: c.largest.list}
	for _, key := range slices.SortedFunc(maps.Keys(c.groups), func(a, b groupKey) int { return cmp.Or(cmp.Compare(b.by, a.by), cmp.Compare(a.key, b.key)) }) {
		s.Groups = append(s.Groups, Group{By: key.by, Key: key.key, Sum: *c.groups[key]})
	}
	return s
}

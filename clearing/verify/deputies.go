package verify

import (
	"context"
	"time"

	"citycard/clearing/people"
	"citycard/ledger/chain"
)

// deputyRow is a deputy, as a row of the table has it.
type deputyRow struct {
	deputy, standsFor   string
	since, until, ended int64
}

// deputy does to the deputies what an entry says.
func (s *staff) deputy(e *chain.AuditEntry) {
	switch e.Act {
	case people.ActDeputy:
		toldBy(s.check, e, func(a people.Appointed) { s.appoint(e, a) })
	case people.ActEndDeputy:
		toldBy(s.check, e, func(d people.Dismissed) {
			row, there := s.deputies[d.Number]
			if !there || row.ended != 0 || row.deputy != d.ID || row.standsFor != d.For {
				s.wrong(e, "deputy %d is not %q for %q, or was ended before", d.Number, d.ID, d.For)
				return
			}
			row.ended = e.At.Unix()
			s.deputies[d.Number] = row
		})
	}
}

func (s *staff) appoint(e *chain.AuditEntry, a people.Appointed) {
	deputy, other := s.people[a.ID], s.people[a.For]
	if a.Number != int64(len(s.deputies))+1 {
		s.wrong(e, "it is deputy %d, expected %d", a.Number, len(s.deputies)+1)
	}
	clerk := deputy.Role == people.Clerk || deputy.Role == people.Supervisor
	if a.ID == a.For || deputy.ID == "" || other.ID == "" || deputy.Disabled() || deputy.Service || other.Disabled() || deputy.Unit != other.Unit || other.Role != people.Supervisor || !clerk || a.Since >= a.Until {
		s.wrong(e, "%q cannot stand in for %q then", a.ID, a.For)
	}
	s.deputies[a.Number] = deputyRow{a.ID, a.For, a.Since, a.Until, 0}
}

// signer is a person as they were when they signed at a second, with whom they stood in for. The
// clock of who signs may be off by people.Patience: with surely, the person stood in for them
// whatever the clock, and without it, the person may have.
func (s *staff) signer(id string, at time.Time, surely bool) people.Person {
	p := s.people[id]
	off := int64(people.Patience / time.Second)
	if surely {
		off = -off
	}
	for _, row := range s.deputies {
		other := s.people[row.standsFor]
		holds := row.deputy == id && row.ended == 0 && row.since <= at.Unix()+off && at.Unix()-off < row.until
		clerk := p.Role == people.Clerk || p.Role == people.Supervisor
		if holds && clerk && !p.Service && !other.Disabled() && other.Role == people.Supervisor && other.Unit == p.Unit {
			p.Stands = append(p.Stands, people.Standing{For: row.standsFor, InForce: true})
		}
	}
	return p
}

// standsIn names a decision of a deputy about what the person whom they stood in for had proposed.
func (s *staff) standsIn(e *chain.AuditEntry, decider, proposer string, at time.Time) {
	if p := s.signer(decider, at, true); p.StandsFor(proposer) {
		s.unsigned(e, "%q stood in for %q, and decided what %q proposed", decider, proposer, proposer)
	}
}

func (s *staff) compareDeputies(ctx context.Context) error {
	is := map[int64]deputyRow{}
	var number int64
	var row deputyRow
	err := s.each(ctx, "SELECT number, deputy, stands_for, since, until, ended FROM staff_deputies ORDER BY number",
		[]any{&number, &row.deputy, &row.standsFor, &row.since, &row.until, &row.ended}, func() error {
			is[number] = row
			return nil
		})
	compare(s.check, "deputy", s.deputies, is)
	return err
}

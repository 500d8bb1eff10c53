package api

import (
	"context"

	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/language"
)

// sees says whether a caller is shown what is about a unit. At a socket everything is shown.
func (c caller) sees(unit people.Unit) bool { return c.person == nil || c.person.Sees(unit) }

// only is the unit whose proposals a caller is shown, who has asked for those of a unit, or with
// none for all. some is false if there are none to show.
func (c caller) only(asked people.Unit) (unit people.Unit, some bool) {
	switch {
	case c.person == nil || !c.person.Unit.Partner():
		return asked, true
	case asked == "":
		return c.person.Unit, true
	}
	return asked, c.sees(asked)
}

// alone leaves out what stands beside a proposal and is of others: the sizes of earlier ones.
func (c caller) alone(v *proposal.View) {
	if c.person != nil && c.person.Unit.Partner() {
		v.Beside.Last = nil
	}
}

// visible refuses a proposal that a person may not see, as one that is not there.
func (s *Server) visible(ctx context.Context, person people.Person, number int64) error {
	if !person.Unit.Partner() {
		return nil
	}
	p, err := s.s.Office.Read(ctx, number)
	if err == nil && !p.SeenBy(&person) {
		err = language.Textf("%w: %d", proposal.ErrNone, number)
	}
	return err
}

// shown is a proposal, if the caller may see it.
func (s *Server) shown(ctx context.Context, number int64) (*proposal.View, error) {
	c := callerOf(ctx)
	if c.person != nil {
		if err := s.visible(ctx, *c.person, number); err != nil {
			return nil, err
		}
	}
	v, err := s.s.Office.Show(ctx, number)
	if err == nil {
		c.alone(v)
	}
	return v, err
}

package transit

import (
	"slices"

	"citycard/clearing/message"
	"citycard/clearing/registry/index"
	"citycard/clearing/transit/fare"
)

// claims looks up the service modes that a tap claims: those that were in force at its terminal at
// the signed second count. A tap that claims another one as well is told apart.
func (t *tap) claims(edition *index.Edition, terminal index.Terminal) {
	claimed := t.message.GetServiceMode()
	if len(claimed) == 0 || !t.dated {
		return
	}
	for _, m := range edition.ModesAt(terminal, t.message.GetLine(), t.message.GetStation(), t.signed.Time) {
		if slices.Contains(claimed, m.Kind) {
			t.modes = append(t.modes, m)
		}
	}
	t.wrongMode = slices.ContainsFunc(claimed, func(kind message.ServiceMode) bool { return !t.under(kind) })
}

// under reports whether a mode of a kind is claimed and was in force.
func (t *tap) under(kind message.ServiceMode) bool {
	return slices.ContainsFunc(t.modes, func(m index.ServiceMode) bool { return m.Kind == kind })
}

// relief is what the modes leave out of the price.
func (t *tap) relief(edition *index.Edition, terminal index.Terminal) (r fare.Relief) {
	if len(t.modes) == 0 {
		return r
	}
	var latest index.Moment
	for _, m := range t.modes {
		if m.Kind == message.ServiceMode_SERVICE_MODE_NO_ORDER && m.From >= latest {
			r.Unentered, latest = m.Unentered, m.From
		}
	}
	r.Untimed = t.under(message.ServiceMode_SERVICE_MODE_NO_TIME)
	r.Free = t.under(message.ServiceMode_SERVICE_MODE_NO_FARE) || t.stranded(edition, terminal)
	return r
}

// stranded reports whether the tap ends a trip that began where trains do not run either. Of a
// line, or an operator, in a train fault every station is taken for one where they do not: a tap
// does not say at which line its trip began.
func (t *tap) stranded(edition *index.Edition, terminal index.Terminal) bool {
	const fault = message.ServiceMode_SERVICE_MODE_TRAIN_FAULT
	if movement := t.message.GetMovement(); !t.under(fault) || t.message.GetEntryStation() == 0 ||
		movement != message.Movement_MOVEMENT_EXIT && movement != message.Movement_MOVEMENT_UPDATE {
		return false
	}
	began := terminal
	began.Station = t.message.GetEntryStation()
	modes := edition.ModesAt(began, t.message.GetLine(), began.Station, t.signed.Time)
	return slices.ContainsFunc(modes, func(m index.ServiceMode) bool { return m.Kind == fault })
}

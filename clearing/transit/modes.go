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
func (t *tap) relief(edition *index.Edition) (r fare.Relief) {
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
	r.Free = t.under(message.ServiceMode_SERVICE_MODE_NO_FARE) || t.stranded(edition)
	return r
}

// stranded reports whether the tap ends a trip that began where trains do not run either, by the
// line and station that the tap says of its entry.
func (t *tap) stranded(edition *index.Edition) bool {
	const fault = message.ServiceMode_SERVICE_MODE_TRAIN_FAULT
	if movement := t.message.GetMovement(); !t.under(fault) || t.message.GetEntryStation() == 0 ||
		movement != message.Movement_MOVEMENT_EXIT && movement != message.Movement_MOVEMENT_UPDATE {
		return false
	}
	return edition.Told(fault, t.message.GetEntryLine(), t.message.GetEntryStation(), t.signed.Time)
}

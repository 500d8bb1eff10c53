package intent

import (
	"cmp"
	"time"

	"citycard/clearing/message"
)

// passageLimit is how long after a passage was paid the card may be shown again and still mean that
// one, where the place says nothing else.
const passageLimit = 10 * time.Minute

// Place says which passages are those of a lane.
type Place struct {
	Mode     message.Mode
	Movement message.Movement
	Line     uint32
	Station  uint32 // 0 on a bus
	Vehicle  string // on a bus
	// Within is how long after a passage was paid the card may be shown again and still mean that
	// one; 0 for ten minutes.
	Within time.Duration
}

// Near reports whether a lane settles the open payments of the place of a tap: at a station all, of
// buses those of the line.
func (p Place) Near(t *message.Tap) bool {
	if t.GetMode() != p.Mode {
		return false
	}
	if p.Mode == message.Mode_MODE_METRO {
		return t.GetStation() == p.Station
	}
	return t.GetLine() == p.Line
}

// passed reports whether a tap that was paid is for the passage that a card is held to the lane for
// now. A validator that does not know its vehicle may be on another one than that of the tap.
func (p Place) passed(t *message.Tap, now time.Time) bool {
	if !p.Near(t) || t.GetMovement() != p.Movement || t.GetVehicle() != p.Vehicle {
		return false
	}
	if p.Movement == message.Movement_MOVEMENT_SINGLE && p.Vehicle == "" {
		return false
	}
	return age(t, now) <= cmp.Or(p.Within, passageLimit)
}

// entered reports whether a tap that was paid is an entry here, of whatever age.
func (p Place) entered(t *message.Tap) bool {
	return p.Near(t) && p.Movement == message.Movement_MOVEMENT_ENTRY && t.GetMovement() == p.Movement
}

// age is how long ago a tap was signed, by a clock in the city's zone. A clock that was put back
// does not make a tap young.
func age(t *message.Tap, now time.Time) time.Duration {
	at, err := message.ParseTime(t.GetDebit().GetTime(), now.Location())
	if err != nil { // no intent has such a time
		return 0
	}
	return now.Sub(at).Abs()
}

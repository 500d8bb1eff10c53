package plan

import (
	"fmt"

	"citycard/cardos/bcd"
)

// Lots is the number of parts into which a city is divided, each with its own terminals. It is a
// constant because the records depend on it. Having more lots than processors also lets top-ups
// wait for the load authority in parallel.
const Lots = 32

// Kind is the kind of a terminal, as coded in its number.
type Kind int

// Kinds of terminals.
const (
	Gate Kind = iota + 1
	Validator
	Counter
	Desk
	StrayValidator // in no registry
	Reader         // a lane of its own, behind a real reader
)

// Terminal is the number of a lot's SAM: 12 digits of our own making: city 4910, kind, line or
// station 3, lot 4. The thousands of a line's number are in the lot, as multiples of Lots. How
// Zhengzhou numbers its SAMs was not found.
func Terminal(kind Kind, place, lot int) ([6]byte, error) {
	b, err := bcd.Append(make([]byte, 0, 6), fmt.Sprintf("4910%d%03d%04d", kind, place%1000, place/1000*Lots+lot))
	if err != nil || len(b) != 6 {
		return [6]byte{}, fmt.Errorf("terminal of kind %d at %d, lot %d: number does not fit 12 digits", kind, place, lot)
	}
	return [6]byte(b), nil
}

// GateLot makes the gates of two lines in one station differ: the lots of line n follow those of
// line n-1.
func GateLot(line, lot int) int { return line*Lots + lot }

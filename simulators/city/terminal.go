package city

import (
	"fmt"

	"citycard/cardos/bcd"
)

// lots is the number of parts that the city is dealt to. It is a constant because
// the records follow from it; more lots than processors also let top-ups wait for
// the load authority side by side.
const lots = 32

// Terminal numbers are 12 digits of our own making: city 4910, kind, line or
// station 3, lot 4. How Zhengzhou numbers its SAMs was not found.
const (
	kindMetro = iota + 1
	kindBus
	kindCounter
	kindDesk
	kindStray // in no registry
)

// terminalNumber makes a SAM's number. A metro gate is told by line and station:
// the line is part of the kind's digit and the place.
func terminalNumber(kind, place, lot int) ([6]byte, error) {
	b, err := bcd.Append(make([]byte, 0, 6), fmt.Sprintf("4910%d%03d%04d", kind, place, lot))
	if err != nil || len(b) != 6 {
		return [6]byte{}, fmt.Errorf("terminal of kind %d at %d, lot %d: number does not fit 12 digits", kind, place, lot)
	}
	return [6]byte(b), nil
}

// Lots is the number of parts that a city is dealt to, each with terminals of its own.
const Lots = lots

// GateNumber is the SAM of a lot's gate of a metro line in a station.
func GateNumber(line, station, lot int) ([6]byte, error) {
	return terminalNumber(kindMetro, station, gateLot(line, lot))
}

// BusNumber is the SAM of a lot's validator on a bus line.
func BusNumber(line, lot int) ([6]byte, error) { return terminalNumber(kindBus, line, lot) }

// StrayNumber is a SAM on a bus line that stands in no registry.
func StrayNumber(line, lot int) ([6]byte, error) { return terminalNumber(kindStray, line, lot) }

// gateLot tells gates of two lines in one station apart: lots of line n follow
// those of line n-1.
func gateLot(line, lot int) int { return line*lots + lot }

package modes

import (
	"bytes"
	"fmt"
	"time"

	"citycard/clearing/message"
)

// day is the format of days in entries; the texts sort in the order of time.
const day = "20060102"

// institutionSize is how many bytes of an issuer's id enter the keys of its cards.
const institutionSize = 4

func checkIssuers(list []*message.IssuerEntry) error {
	if n := len(list); n > message.MostModes {
		return fmt.Errorf("it has %d issuers, at most %d", n, message.MostModes)
	}
	for _, e := range list {
		if len(e.GetInstitution()) != institutionSize {
			return fmt.Errorf("issuer %x: %d bytes, want %d", e.GetInstitution(), len(e.GetInstitution()), institutionSize)
		}
		for _, text := range []string{e.GetFrom(), e.GetTo()} {
			if _, err := time.Parse(day, text); err != nil && (text != "" || e.GetFrom() == "") {
				return fmt.Errorf("issuer %x: day %q, want YYYYMMDD", e.GetInstitution(), text)
			}
		}
	}
	return nil
}

// Takes reports whether cards of an issuer are taken at a time in the city's zone: those of any
// issuer, where none is listed.
func (l *List) Takes(issuer [8]byte, at time.Time) bool {
	if l == nil {
		return true
	}
	list, today := l.known.Load().GetIssuers(), at.Format(day)
	for _, e := range list {
		if bytes.Equal(e.GetInstitution(), issuer[:institutionSize]) && e.GetFrom() <= today && (e.GetTo() == "" || today <= e.GetTo()) {
			return true
		}
	}
	return len(list) == 0
}

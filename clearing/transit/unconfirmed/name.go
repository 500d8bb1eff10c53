package unconfirmed

import (
	"encoding/hex"
	"fmt"
	"strings"

	"citycard/clearing/identity"
	"citycard/language"
	"citycard/ledger"
)

// RowName is the name of a tap's row for people: DAY/CARD/ID, the last two in hexadecimal digits.
func RowName(tap ledger.Key) string { return fmt.Sprintf("%s/%x/%x", tap.Day, tap.Subject, tap.ID) }

// ParseRow reads a row's name.
func ParseRow(text string) (key ledger.Key, err error) {
	wrong := language.Textf("row %q: want DAY/CARD/ID as \"citycard tap unconfirmed\" shows it", text)
	fields := strings.Split(text, "/")
	if len(fields) != 3 {
		return key, wrong
	}
	if key.Day, err = ledger.ParseDay(fields[0]); err != nil {
		return key, wrong
	}
	subject, err := hex.DecodeString(fields[1])
	if _, card := identity.ParseCard(subject); err != nil || !card {
		return key, wrong
	}
	id, err := hex.DecodeString(fields[2])
	if _, _, spend := identity.ParseSpend(id); err != nil || !spend {
		return key, wrong
	}
	key.Subject, key.ID = ledger.Subject(subject), ledger.ID(id)
	if RowName(key) != text {
		return key, wrong
	}
	return key, nil
}

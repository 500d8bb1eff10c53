package release

import (
	"encoding/hex"
	"fmt"
	"strings"

	"citycard/cardos/tunion"
	"citycard/language"
	"citycard/ledger"
)

// RowName is the name of a row for people: DAY/SUBJECT/ID, the last two in
// hexadecimal digits.
func RowName(key ledger.Key) string { return fmt.Sprintf("%s/%x/%x", key.Day, key.Subject, key.ID) }

// maskedRow names a row in the audit, which is exported. Day and id are enough to find the row
// again, so the card's number is shortened.
func maskedRow(key ledger.Key) string {
	return fmt.Sprintf("%s/%s/%x", key.Day, tunion.Masked(hex.EncodeToString([]byte(key.Subject))), key.ID)
}

// ParseRow reads a row's name.
func ParseRow(text string) (ledger.Key, error) {
	wrong := language.Textf("row %q: want DAY/SUBJECT/ID as \"citycard suspense list\" shows it", text)
	fields := strings.Split(text, "/")
	if len(fields) != 3 {
		return ledger.Key{}, wrong
	}
	day, err := ledger.ParseDay(fields[0])
	if err != nil {
		return ledger.Key{}, wrong
	}
	subject, err := hex.DecodeString(fields[1])
	if err != nil || len(subject) == 0 || len(subject) > ledger.MaxKey {
		return ledger.Key{}, wrong
	}
	id, err := hex.DecodeString(fields[2])
	if err != nil || len(id) == 0 || len(id) > ledger.MaxKey-2 {
		return ledger.Key{}, wrong
	}
	return ledger.Key{Day: day, Subject: ledger.Subject(subject), ID: ledger.ID(id)}, nil
}

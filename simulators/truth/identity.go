package truth

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Key is the identity of a posting. Subject and ID are lower-case hexadecimal.
type Key struct {
	Day     int // YYYYMMDD
	Subject string
	ID      string
}

// String is the key as it is named in findings.
func (k Key) String() string { return fmt.Sprintf("%d/%s/%s", k.Day, k.Subject, k.ID) }

// The first byte of a posting's id says what the posting is.
const (
	idSpend          = "01"
	idLoadWritten    = "02"
	idLoadAuthorised = "03"
	idMedical        = "10"
	idPension        = "20"
	idPensionReturn  = "21"
	idUnconfirmed    = "52" // and the id of the tap
)

// CardOf is a card as a subject, in hexadecimal: institution and city of its issuer (the
// first four of eight bytes) and the last sixteen digits of its number (the last eight of
// ten bytes). These derive its keys; the rest of both is in no signature.
func CardOf(issuer [8]byte, number [10]byte) string {
	return hex.EncodeToString(append(issuer[:4:4], number[2:]...))
}

// SpendKey is the identity of a purse debit: signed date, card, type, SAM
// terminal number and SAM sequence. card is as CardOf gives it, terminal has 6 bytes.
func SpendKey(day int, card string, kind byte, terminal []byte, sequence uint32) Key {
	id := append([]byte{0x01, kind}, terminal...)
	return Key{Day: day, Subject: card, ID: hex.EncodeToString(binary.BigEndian.AppendUint32(id, sequence))}
}

// UnconfirmedKey is the identity of a tap without a TAC. It is made of what names the tap, and is
// not the tap's.
func UnconfirmedKey(day int, card string, kind byte, terminal []byte, sequence uint32) Key {
	k := SpendKey(day, card, kind, terminal, sequence)
	k.ID = idUnconfirmed + k.ID
	return k
}

// LoadKey is the identity of a load that was written to the card.
func LoadKey(day int, card string, kind byte, onlineSequence uint16) Key {
	return Key{Day: day, Subject: card, ID: fmt.Sprintf("%s%02x%04x", idLoadWritten, kind, onlineSequence)}
}

// MedicalKeys are the identities of the two transfers of one settlement, what the fund pays and
// what the personal account pays, and of the record that is kept if both pay nothing. person has 16
// bytes. Numbers of different hospitals are different, since the hospital is in the hash too. Upper
// and lower case make no difference; here the number is ASCII.
func MedicalKeys(day int, person []byte, hospital, settlement string) (fund, account, cash Key) {
	sum := sha256.Sum256(append(append([]byte(hospital), 0), strings.ToLower(settlement)...))
	subject, number := hex.EncodeToString(person), hex.EncodeToString(sum[:])
	return Key{day, subject, idMedical + "01" + number}, Key{day, subject, idMedical + "02" + number}, Key{day, subject, idMedical + "03" + number}
}

// PensionKey is the identity of a month's payout; its day is the first of the
// month paid for. month is YYYYMM.
func PensionKey(month string, person []byte) (Key, error) {
	return monthKey(idPension, month, person)
}

// ReturnKey is the identity of a payout that the bank sent back.
func ReturnKey(month string, person []byte) (Key, error) {
	return monthKey(idPensionReturn, month, person)
}

func monthKey(kind, month string, person []byte) (Key, error) {
	n, err := strconv.ParseUint(month, 10, 32)
	if err != nil || len(month) != 6 {
		return Key{}, fmt.Errorf("month %q: want YYYYMM", month)
	}
	return Key{int(n)*100 + 1, hex.EncodeToString(person), kind + hex.EncodeToString([]byte(month))}, nil
}

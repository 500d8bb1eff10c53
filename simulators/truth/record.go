package truth

import (
	"encoding/json"
	"strconv"
)

// Verdicts.
const (
	Cleared   = "cleared"
	Suspended = "suspended"
	Duplicate = "duplicate"
	Disputed  = "disputed"
	Rejected  = "rejected"
	// Pending is a foreign card's record: it is kept for the operator until the
	// other city has answered.
	Pending = "pending"
	// Unconfirmed is a tap without a TAC: it is kept beside the books and moves no money. The tap
	// itself may still come, under an identity of its own.
	Unconfirmed = "unconfirmed"
)

// Purposes.
const (
	MetroEntry     = "metro_entry"
	MetroExit      = "metro_exit"
	Bus            = "bus"
	Load           = "load"
	Emptied        = "emptied" // a card that was taken back has paid what it held
	MedicalFund    = "medical_fund"
	MedicalAccount = "medical_account"
	MedicalCash    = "medical_cash" // neither pays anything: kept, of 0 fen
	Pension        = "pension"
	PensionReturn  = "pension_return"
)

// Record is the expected outcome of one record that was sent. A record sent twice occurs twice;
// each line of a pension batch is a record, with the hash of the whole batch.
type Record struct {
	Topic   string `json:"topic"`
	Verdict string `json:"verdict"`
	Reason  string `json:"reason,omitempty"`
	Purpose string `json:"purpose"`
	Fen     int64  `json:"fen"`
	Day     int    `json:"day,omitempty"`         // of the key; absent where nothing can be read from the record
	Subject string `json:"subject,omitempty"`     // hexadecimal
	ID      string `json:"id,omitempty"`          // hexadecimal
	Payee   string `json:"payee,omitempty"`       // code of the account that is credited
	Also    *Also  `json:"also,omitempty"`        // the second transfer of a medical settlement
	SHA256  string `json:"sha256"`                // of the Kafka value
	Line    string `json:"line_sha256,omitempty"` // of the same message with this line alone, where a value holds many
	Fault   string `json:"fault,omitempty"`       // what the simulator did to it
}

// Also is a second transfer that the same record causes on the same day for the
// same subject and payee.
type Also struct {
	Purpose string `json:"purpose"`
	Fen     int64  `json:"fen"`
	ID      string `json:"id"`
}

// Key is the record's identity.
func (r Record) Key() Key { return Key{r.Day, r.Subject, r.ID} }

// Posts reports whether the record makes rows of its own in the ledger.
func (r Record) Posts() bool {
	return r.Verdict == Cleared || r.Verdict == Suspended || r.Verdict == Pending
}

// Purse is what a card holds at the end of the day, read from the card itself.
type Purse struct {
	Card string `json:"card"` // as CardOf gives it
	Fen  int64  `json:"fen"`
	// Unbooked is what it has paid in taps whose TACs have not come: the books, which a tap without
	// a TAC does not move, hold that much more for it.
	Unbooked int64 `json:"unbooked,omitempty"`
}

// AppendJSON appends the record as one line of its file. The bytes equal those of encoding/json, in
// a fraction of the time.
func (r *Record) AppendJSON(b []byte) []byte {
	b = appendMember(b, `{"topic":`, r.Topic)
	b = appendMember(b, `,"verdict":`, r.Verdict)
	b = appendOptional(b, `,"reason":`, r.Reason)
	b = appendMember(b, `,"purpose":`, r.Purpose)
	b = strconv.AppendInt(append(b, `,"fen":`...), r.Fen, 10)
	if r.Day != 0 {
		b = strconv.AppendInt(append(b, `,"day":`...), int64(r.Day), 10)
	}
	b = appendOptional(b, `,"subject":`, r.Subject)
	b = appendOptional(b, `,"id":`, r.ID)
	b = appendOptional(b, `,"payee":`, r.Payee)
	if r.Also != nil {
		b = appendMember(b, `,"also":{"purpose":`, r.Also.Purpose)
		b = strconv.AppendInt(append(b, `,"fen":`...), r.Also.Fen, 10)
		b = append(appendMember(b, `,"id":`, r.Also.ID), '}')
	}
	b = appendMember(b, `,"sha256":`, r.SHA256)
	b = appendOptional(b, `,"line_sha256":`, r.Line)
	b = appendOptional(b, `,"fault":`, r.Fault)
	return append(b, '}', '\n')
}

func appendOptional(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendMember(b, name, value)
}

// appendMember quotes plain text itself and leaves the rest to encoding/json.
func appendMember(b []byte, name, value string) []byte {
	b = append(b, name...)
	for i := range len(value) {
		if c := value[i]; c < ' ' || c >= 0x7F || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(value) // a string always has a form
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), value...), '"')
}

package truth

// Verdicts.
const (
	Cleared   = "cleared"
	Suspended = "suspended"
	Duplicate = "duplicate"
	Disputed  = "disputed"
	Rejected  = "rejected"
)

// Purposes.
const (
	MetroEntry     = "metro_entry"
	MetroExit      = "metro_exit"
	Bus            = "bus"
	Load           = "load"
	MedicalFund    = "medical_fund"
	MedicalAccount = "medical_account"
	Pension        = "pension"
	PensionReturn  = "pension_return"
)

// Record is what must become of one record that was sent. A record sent twice
// occurs twice; each line of a pension batch is a record, with the hash of the
// whole batch.
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
func (r Record) Posts() bool { return r.Verdict == Cleared || r.Verdict == Suspended }

// Purse is what a card holds at the end of the day, read from the card itself.
type Purse struct {
	Card string `json:"card"` // 20 digits
	Fen  int64  `json:"fen"`
}

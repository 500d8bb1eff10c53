package chain

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// rowJSON is how a row is written in proofs and in exports that are text. Subject and id are any
// bytes, so they go in hex; evidence in base64; times in seconds since 1970.
type rowJSON struct {
	Day        Day       `json:"day"`
	Subject    string    `json:"subject"`
	ID         string    `json:"id"`
	Debit      AccountID `json:"debit,omitempty"`
	Credit     AccountID `json:"credit,omitempty"`
	Amount     Fen       `json:"amount"`
	Purpose    Purpose   `json:"purpose,omitempty"`
	Flags      int16     `json:"flags,omitempty"` // as Row.Flags tells
	Expires    int64     `json:"expires,omitempty"`
	Kind       string    `json:"kind,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	Evidence   []byte    `json:"evidence,omitempty"`
	BookingDay Day       `json:"booking_day"`
	Stream     StreamID  `json:"stream"`
	Sequence   int64     `json:"sequence"`
	Position   int32     `json:"position"`
	Hash       Hash      `json:"hash"`
}

// MarshalJSON writes the row with its subject and id in hex.
func (r Row) MarshalJSON() ([]byte, error) {
	return json.Marshal(rowJSON{
		Day: r.Day, Subject: hex.EncodeToString([]byte(r.Subject)), ID: hex.EncodeToString([]byte(r.ID)), Debit: r.Debit, Credit: r.Credit,
		Amount: r.Amount, Purpose: r.Purpose, Flags: int16(r.Flags()), Expires: r.ExpiresUnix(), Kind: r.Kind, Reason: r.Reason, Evidence: r.Evidence,
		BookingDay: r.BookingDay, Stream: r.Stream, Sequence: r.Sequence, Position: r.Position, Hash: r.Hash,
	})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Row) UnmarshalJSON(data []byte) error {
	var w rowJSON
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	subject, err := hex.DecodeString(w.Subject)
	if err != nil {
		return fmt.Errorf("subject %q: %w", w.Subject, err)
	}
	id, err := hex.DecodeString(w.ID)
	if err != nil {
		return fmt.Errorf("id %q: %w", w.ID, err)
	}
	*r = Row{
		Day: w.Day, Subject: Subject(subject), ID: ID(id), Debit: w.Debit, Credit: w.Credit, Amount: w.Amount, Kind: w.Kind,
		Reason: w.Reason, Evidence: w.Evidence, BookingDay: w.BookingDay, Stream: w.Stream, Sequence: w.Sequence, Position: w.Position, Hash: w.Hash,
	}
	r.SetStored(int32(w.Purpose), w.Flags, w.Expires)
	return nil
}

package proposal

import (
	"encoding/json"
	"fmt"

	"citycard/ledger"
)

// Entry knows what an act of a kind does and leaves in the books. Package clearing/verify holds the
// audit and the journal against it, so each kind has one beside it. None of its functions reads
// anything but what two people signed.
type Entry struct {
	Kind string
	// Fits refuses a change that is not the one of the request. People read the change, and what is
	// done follows from the request: who signs makes sure that both are the same.
	Fits func(body json.RawMessage, change *Change) error
	// Says is nil if the audit's entries of one approval say just what the request and the change
	// do. Of a kind with Books, done says of each row of the change whether the journal has it.
	Says func(body json.RawMessage, change *Change, said []string, done []bool) error
	// Books are the transfers of each row of the change; nil for a kind that makes none, or whose
	// entry names them.
	Books func(body json.RawMessage, change *Change) ([][]Booking, error)
}

// Booking is a transfer that two people signed; or, where it moves nothing, a memo.
type Booking struct {
	ledger.Key
	Transfer
}

// EntryOf is the Entry of a kind whose request has the type T, and whose act is one entry. makes is
// as in FitsOf. Where the change is not the one of the request, no entry says what was signed.
func EntryOf[T any](kind string, makes func(request T, shown *Change) (*Change, error), says func(request T, change *Change, said string) error) Entry {
	return Entry{Kind: kind, Fits: FitsOf(kind, makes), Says: func(body json.RawMessage, change *Change, said []string, _ []bool) error {
		var request T
		if err := decode(body, &request); err != nil {
			return fmt.Errorf("request of %s: %w", kind, err)
		}
		if len(said) != 1 {
			return fmt.Errorf("it has %d entries, want 1", len(said))
		}
		if err := fits(request, change, makes); err != nil {
			return err
		}
		return says(request, change, said[0])
	}}
}

// ExpectText says how a text of the audit differs from the one that follows from what was signed.
func ExpectText(said, want string) error {
	if said != want {
		return fmt.Errorf("it says %q; signed was %q", said, want)
	}
	return nil
}

// ExpectJSON is ExpectText for content that is kept as JSON.
func ExpectJSON[T any](said string, want T) error {
	text, err := canonical(want)
	if err != nil {
		return err
	}
	return ExpectText(said, string(text))
}

// One is the only row of a change.
func (c *Change) One() (Row, error) {
	if len(c.Rows) != 1 {
		return Row{}, fmt.Errorf("its change has %d rows, want 1", len(c.Rows))
	}
	return c.Rows[0], nil
}

// Is is what a field of the row is; empty if the row does not have it.
func (r *Row) Is(name string) string {
	for _, f := range r.Fields {
		if f.Name == name {
			return f.Is
		}
	}
	return ""
}

// Becomes is what a field of the row becomes; empty if it stays.
func (r *Row) Becomes(name string) string {
	for _, f := range r.Fields {
		if f.Name == name {
			return f.Becomes
		}
	}
	return ""
}

// ReadChange reads the change of a stored proposal. Only its one text is read.
func ReadChange(text string) (*Change, error) { return decodeChange(text) }

// ReadRequest reads the request of a stored proposal.
func ReadRequest[T any](body json.RawMessage) (request T, err error) {
	err = decode(body, &request)
	return request, err
}

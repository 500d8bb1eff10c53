package proposal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"citycard/clearing/people"
	"citycard/language"
	"citycard/ledger"
)

// The largest request, and the largest change, in bytes of canonical JSON.
const (
	MaxBody   = 2 << 20 // 10,000 rows, each with a name and an account
	MaxChange = 4 << 20
	// MaxContent is for what a draft asks of a kind that keeps its content beside the proposal.
	MaxContent = 64 << 20
)

// Change is what an act does: all of it, and all that it depends on. What is in JSON is hashed and
// signed.
type Change struct {
	// Unit is whose money or rows these are. It decides who may propose and approve.
	Unit people.Unit `json:"unit"`
	// Approves is the unit of who approves, where that is another one; empty: Unit.
	Approves people.Unit `json:"approves,omitempty"`
	// Rows are the rows acted on. The version or state of each is hashed: if a row has moved since,
	// the approval is refused.
	Rows []Row `json:"rows,omitempty"`
	// Transfers are booked by the act.
	Transfers []Transfer `json:"transfers,omitempty"`
	// Effects are what it does besides.
	Effects []Effect `json:"effects,omitempty"`
	// Beside are accounts whose balances are shown, like those of Transfers. Balances are not
	// hashed, because they move at any time.
	Beside []string `json:"-"`
}

// Row is a row that an act adds, corrects or ends.
type Row struct {
	Table string `json:"table"` // in English: "account"
	Key   string `json:"key"`
	// State is the version or the state that the row has now; empty for a row that is not there.
	State  string  `json:"state"`
	Fields []Field `json:"fields"`
}

// Field is one field of a row. It is shown with what it is and what it becomes.
type Field struct {
	Name    string `json:"name"` // in English: "cap"
	Is      string `json:"is"`
	Becomes string `json:"becomes"`
}

// RowOf begins a row; Alters adds its fields. The table's name has a translation.
func RowOf(table, key, state string) Row { return Row{Table: table, Key: key, State: state} }

// Alters is the row with one more field. The field's name has a translation.
func (r Row) Alters(name, is, becomes string) Row {
	r.Fields = append(r.Fields[:len(r.Fields):len(r.Fields)], Field{name, is, becomes})
	return r
}

// In names the row in a language.
func (r *Row) In(l language.Language) string { return strings.TrimSpace(l.Of(r.Table) + " " + r.Key) }

// Transfer is one transfer that an act books.
type Transfer struct {
	Debit  string     `json:"debit"`
	Credit string     `json:"credit"`
	Fen    ledger.Fen `json:"fen"`
}

// Effect says in words what an act does besides.
type Effect struct {
	Text string   `json:"text"` // in English, with %s for each argument
	Args []string `json:"args,omitempty"`
}

// Effectf is an effect. The text has a translation, and no verb but %s.
func Effectf(text string, args ...string) Effect { return Effect{text, args} }

// In is the effect in a language.
func (e *Effect) In(l language.Language) string {
	args := make([]any, len(e.Args))
	for i, arg := range e.Args {
		args[i] = arg
	}
	return fmt.Sprintf(l.Of(e.Text), args...)
}

// Sum is the amount of all transfers.
func (c *Change) Sum() (sum ledger.Fen) {
	for _, t := range c.Transfers {
		sum += t.Fen
	}
	return sum
}

// accounts are those whose balances are shown, each once.
func (c *Change) accounts() (codes []string) {
	seen := map[string]bool{}
	note := func(code string) {
		if !seen[code] {
			seen[code] = true
			codes = append(codes, code)
		}
	}
	for _, t := range c.Transfers {
		note(t.Debit)
		note(t.Credit)
	}
	for _, code := range c.Beside {
		note(code)
	}
	return codes
}

// encode gives the one text of a change. A change that could not be told from another one, or that
// nobody could read, is refused.
func (c *Change) encode() (string, error) {
	if c.Unit == "" || len(c.Rows)+len(c.Transfers)+len(c.Effects) == 0 {
		return "", fmt.Errorf("a change of unit %q with %d rows, %d transfers and %d effects: want a unit, and something that it does", c.Unit, len(c.Rows), len(c.Transfers), len(c.Effects))
	}
	for i := range c.Effects {
		e := &c.Effects[i]
		if strings.Count(e.Text, "%") != len(e.Args) || strings.Count(e.Text, "%s") != len(e.Args) {
			return "", fmt.Errorf("effect %q has %d arguments", e.Text, len(e.Args))
		}
	}
	text, err := canonical(c)
	if err != nil {
		return "", err
	}
	if len(text) > MaxChange {
		return "", language.Textf("the change has %d bytes, at most %d: propose it in parts", len(text), MaxChange)
	}
	// Bytes that are no UTF-8 would all become the same text.
	if bytes.Contains(text, []byte(`\ufffd`)) {
		return "", language.Textf("the change has characters that are no UTF-8")
	}
	return string(text), nil
}

// decodeChange reads a stored change. Only its one text is read.
func decodeChange(text string) (*Change, error) {
	c := new(Change)
	if err := decode([]byte(text), c); err != nil {
		return nil, fmt.Errorf("change: %w", err)
	}
	return c, nil
}

// canonical is the one JSON text of a value.
func canonical[T any](value T) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

// decode reads the one JSON text of a value, and no other.
func decode[T any](text []byte, value *T) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil {
		return err
	}
	again, err := canonical(value)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, text) {
		return language.Textf("it is not written in the one form that is hashed")
	}
	return nil
}

// Hash is what both people sign: SHA-256 over the canonical JSON of the kind's name, the request
// and the change.
func Hash(kind, body, change string) (hash [sha256.Size]byte, err error) {
	text, err := canonical(struct {
		Kind   string          `json:"kind"`
		Body   json.RawMessage `json:"body"`
		Change json.RawMessage `json:"change"`
	}{kind, json.RawMessage(body), json.RawMessage(change)})
	if err != nil {
		return hash, fmt.Errorf("hash a proposal: %w", err)
	}
	return sha256.Sum256(text), nil
}

// HashOf is the Hash of a request and a change as they are shown.
func HashOf(kind string, body json.RawMessage, c *Change) (hash [sha256.Size]byte, err error) {
	change, err := c.encode()
	if err != nil {
		return hash, err
	}
	return Hash(kind, string(body), change)
}

// StatementOfKind is what the proposer signs.
func StatementOfKind(kind string, hash [sha256.Size]byte) string {
	return "proposal of " + kind + " sha256:" + hex.EncodeToString(hash[:])
}

// StatementOf is what signs who decides.
func StatementOf(number int64, hash [sha256.Size]byte) string {
	return fmt.Sprintf("proposal %d sha256:%x", number, hash)
}

var statementForm = regexp.MustCompile(`^proposal ([1-9][0-9]{0,17}) sha256:([0-9a-f]{64})$`)

// ParseStatementOf reads what StatementOf writes.
func ParseStatementOf(what string) (number int64, hash [sha256.Size]byte, err error) {
	parts := statementForm.FindStringSubmatch(what)
	if parts == nil {
		return 0, hash, fmt.Errorf("%.100q is not of a proposal", what)
	}
	if number, err = strconv.ParseInt(parts[1], 10, 64); err != nil {
		return 0, hash, err
	}
	_, err = hex.Decode(hash[:], []byte(parts[2]))
	return number, hash, err
}

// moved names what differs between a change as it was shown and as it is now.
func moved(was, is *Change) (names []*language.Text) {
	name := func(r *Row) string { return r.Table + " " + r.Key }
	now := map[string]*Row{}
	for i := range is.Rows {
		now[name(&is.Rows[i])] = &is.Rows[i]
	}
	for i := range was.Rows {
		r := &was.Rows[i]
		other := now[name(r)]
		delete(now, name(r))
		switch {
		case other == nil:
			names = append(names, language.Textf("%s is not part of it any more", name(r)))
		case other.State != r.State:
			names = append(names, language.Textf("%s was at %q, and is at %q", name(r), r.State, other.State))
		default:
			names = append(names, movedFields(r, other)...)
		}
	}
	for i := range is.Rows {
		if r := &is.Rows[i]; now[name(r)] != nil {
			names = append(names, language.Textf("%s is part of it now", name(r)))
		}
	}
	if len(names) == 0 {
		names = append(names, language.Textf("what it would book or do is another now"))
	}
	return names
}

func movedFields(was, is *Row) (names []*language.Text) {
	fields := map[string]Field{}
	for _, f := range is.Fields {
		fields[f.Name] = f
	}
	for _, f := range was.Fields {
		if other := fields[f.Name]; other != f {
			names = append(names, language.Textf("%s %s: %s was %q -> %q, and is %q -> %q", was.Table, was.Key, f.Name, f.Is, f.Becomes, other.Is, other.Becomes))
		}
	}
	if len(names) == 0 && len(was.Fields) != len(is.Fields) {
		names = append(names, language.Textf("%s %s has %d fields, and had %d", was.Table, was.Key, len(is.Fields), len(was.Fields)))
	}
	return names
}

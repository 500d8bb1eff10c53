package counter

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/ssc"
	"citycard/cardos/tunion"
	"citycard/language"
	"citycard/terminals/card"
)

// maxJob bounds a job file, in bytes.
const maxJob = 64 << 20

// JobOrder is one card of a job.
type JobOrder struct {
	Order
	Line int // in the file, from 1
}

// ID tells the cards of a job apart: the number of the card to be made.
func (o *JobOrder) ID() string {
	if o.Kind == Transit {
		return o.Transit.Number
	}
	return o.SocialSecurity.CardNumber
}

// JobError is a line of a job file from which no card can be made.
type JobError struct {
	Line int
	Err  error
}

func (e *JobError) Error() string { return e.In(language.Language{}) }

// In says it in a language.
func (e *JobError) In(l language.Language) string {
	return language.Textf("line %d: %w", e.Line, e.Err).In(l)
}

func (e *JobError) Unwrap() error { return e.Err }

// ParseJob reads a job: one JSON order a line, as `cardterm issue` takes them, or, where the first
// line is none, comma-separated values whose first line names the fields of those orders, and kind.
// All lines are checked, also against the day: faults are all that is wrong. No error quotes a
// person or a PIN.
func ParseJob(in io.Reader, today time.Time) (orders []JobOrder, faults []error, err error) {
	content, err := io.ReadAll(io.LimitReader(in, maxJob+1))
	if err != nil {
		return nil, nil, err
	}
	if len(content) > maxJob {
		return nil, nil, language.Textf("the job has more than %d MB", maxJob>>20)
	}
	content = bytes.TrimPrefix(content, []byte("\uFEFF"))
	parse := jobCSV
	if bytes.HasPrefix(bytes.TrimSpace(content), []byte("{")) {
		parse = jobLines
	}
	orders, faults, err = parse(content)
	seen, blanks := map[string]int{}, map[int64]int{}
	for _, o := range orders {
		blank := o.Blank()
		switch before := seen[o.ID()]; {
		case before != 0:
			faults = append(faults, &JobError{o.Line, language.Textf("the number is that of line %d", before)})
		case blank != 0 && blanks[blank] != 0:
			faults = append(faults, &JobError{o.Line, language.Textf("the serial is that of line %d", blanks[blank])})
		case o.expiry() < today.Format("20060102"):
			faults = append(faults, &JobError{o.Line, language.Textf("the card would be expired on the day on which it is made")})
		}
		seen[o.ID()], blanks[blank] = o.Line, o.Line
	}
	return orders, faults, err
}

// Blank is the serial of the blank of which the card is to be made; 0: of any.
func (o *JobOrder) Blank() int64 {
	serial, err := ParseSerial(o.Serial)
	if err != nil {
		return 0
	}
	return serial
}

func (o *JobOrder) expiry() string {
	if o.Kind == Transit {
		return o.Transit.Expiry
	}
	return o.SocialSecurity.Expiry
}

// jobLines reads JSON lines.
func jobLines(content []byte) (orders []JobOrder, faults []error, err error) {
	for n, line := range bytes.Split(content, []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		o, err := ParseOrder(line)
		if err != nil {
			faults = append(faults, &JobError{n + 1, err})
			continue
		}
		orders = append(orders, JobOrder{o, n + 1})
	}
	return orders, faults, nil
}

// jobCSV reads comma-separated values.
func jobCSV(content []byte) (orders []JobOrder, faults []error, err error) {
	rows := csv.NewReader(bytes.NewReader(content))
	names, err := rows.Read()
	if err != nil || !slices.Contains(names, "kind") {
		return nil, nil, language.Textf("the first line is neither a JSON order nor the names of fields, with kind among them")
	}
	for {
		cells, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return orders, faults, nil
		}
		line, _ := rows.FieldPos(0)
		if wrong, ok := errors.AsType[*csv.ParseError](err); ok {
			faults = append(faults, &JobError{wrong.Line, language.Textf("it has not as many values as the first line has names, or a stray quotation mark")})
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		o, err := orderOf(names, cells)
		if err != nil {
			faults = append(faults, &JobError{line, err})
			continue
		}
		orders = append(orders, JobOrder{o, line})
	}
}

// orderOf makes an order of the values of a line; empty ones are left out.
func orderOf(names, cells []string) (Order, error) {
	fields := map[string]json.RawMessage{}
	kind, serial := "", ""
	for i, name := range names {
		switch cell := strings.TrimSpace(cells[i]); {
		case cell == "":
		case name == "kind":
			kind = cell
		case name == "serial":
			serial = cell
		case name == "card_type":
			n, err := strconv.ParseUint(cell, 10, 8)
			if err != nil {
				return Order{}, fmt.Errorf("%w: card_type: %q, want a number", ErrOrder, cell)
			}
			fields[name] = strconv.AppendUint(nil, n, 10)
		case name == "overdraft_fen":
			n, err := strconv.ParseUint(cell, 10, 32)
			if err != nil {
				return Order{}, fmt.Errorf("%w: overdraft_fen: %q, want a number", ErrOrder, cell)
			}
			fields[name] = strconv.AppendUint(nil, n, 10)
		case name == "interoperable":
			yes, err := strconv.ParseBool(cell)
			if err != nil {
				return Order{}, fmt.Errorf("%w: interoperable: %q, want true or false", ErrOrder, cell)
			}
			fields[name] = strconv.AppendBool(nil, yes)
		default:
			text, err := json.Marshal(cell)
			if err != nil {
				return Order{}, err
			}
			fields[name] = text
		}
	}
	inner, err := json.Marshal(fields)
	if err != nil {
		return Order{}, err
	}
	part := "transit"
	if Kind(kind) == SocialSecurity {
		part = "social_security"
	}
	whole, err := json.Marshal(map[string]json.RawMessage{"kind": strconv.AppendQuote(nil, kind), "serial": strconv.AppendQuote(nil, serial), part: inner})
	if err != nil {
		return Order{}, err
	}
	return ParseOrder(whole)
}

// ParseOrder reads an order in JSON and refuses fields it does not know, so that a mistyped one
// does not make a wrong card.
func ParseOrder(line []byte) (Order, error) {
	var order Order
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&order); err != nil {
		return order, language.Textf("not an order in JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return order, language.Textf("more than one order on the line")
	}
	return order, order.Validate()
}

// Finished reports whether a card is the one that an order describes, made to its end: of a card
// whose personalisation broke off, nothing else says it.
func Finished(ctx context.Context, c apdu.Card, atr []byte, o Order) (Issued, bool, error) {
	issued := Issued{Kind: o.Kind, ATR: hex.EncodeToString(atr)}
	if o.Kind == Transit {
		p, err := card.OpenPurse(ctx, c)
		if notMade(err) {
			return Issued{}, false, nil
		}
		if err != nil {
			return Issued{}, false, err
		}
		want, err := o.Transit.content()
		if err != nil || p.Application != want.application {
			return Issued{}, false, err
		}
		issued.Issuer = hex.EncodeToString(p.Application.Issuer[:])
		issued.Number, err = tunion.Number(p.Application.ASN)
		return issued, err == nil, err
	}
	s, err := card.OpenSocial(ctx, c)
	if notMade(err) {
		return Issued{}, false, nil
	}
	if err != nil {
		return Issued{}, false, err
	}
	person, err := s.Person(ctx)
	if err != nil {
		return Issued{}, false, err
	}
	issued.CardNumber, issued.Identification = o.SocialSecurity.CardNumber, person.Issuer.Identification.String()
	made := person.Issuer.Version == o.SocialSecurity.Version && hex.EncodeToString(person.Issuer.Expiry[:]) == o.SocialSecurity.Expiry
	// A card of version 3 guards its number, so it is never known again: it is spoilt.
	if !made || person.Issuer.CardNumber != o.SocialSecurity.CardNumber {
		return Issued{}, false, nil
	}
	err = s.VerifyPIN(ctx, o.SocialSecurity.PIN) // the PIN is written last
	if _, answered := apdu.StatusOf(err); answered || errors.Is(err, card.ErrPINLocked) || errors.As(err, new(*card.PINError)) {
		return Issued{}, false, nil
	}
	return issued, err == nil, err
}

// notMade reports whether a card is a blank, or was left before its end.
func notMade(err error) bool {
	_, answered := apdu.StatusOf(err)
	return answered || errors.Is(err, tunion.ErrLayout) || errors.Is(err, ssc.ErrLayout)
}

package dayclose

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/shadow"
)

// Held is why an operator was not paid for a day: too many TACs at its terminals were wrong. It is
// the note that the close books in place of the payment, so that a later run of the close decides
// the same, whatever the rules say by then.
type Held struct {
	docket.TACs
	Rule string `json:"rule"`
}

func (h *Held) Error() string {
	return fmt.Sprintf("held: %d of %d TACs at its terminals were wrong (rule %s)", h.Wrong, h.Wrong+h.Verified, h.Rule)
}

// tacsOf adds up what a day's batches counted.
func tacsOf(ctx context.Context, l *ledger.Ledger, day ledger.Day) ([]docket.TACs, error) {
	var sums docket.TACSums
	err := l.Notes(ctx, day, func(data []byte) error {
		var note docket.Note
		if err := json.Unmarshal(data, &note); err != nil {
			return fmt.Errorf("batch note: %w", err)
		}
		sums.Add(note.TACs)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("TACs of day %s: %w", day, err)
	}
	return sums.List(), nil
}

// payout is what the books have about an operator's pay for a day, apart from the close's own
// payments.
type payout struct {
	held     *Held
	released ledger.Fen // what two people had paid, on a later day
}

func readPayout(ctx context.Context, l *ledger.Ledger, code string, day ledger.Day) (p payout, err error) {
	err = shadow.Statement(ctx, l, ledger.Subject(code), day, day, func(row ledger.Row) error {
		switch {
		case row.ID == identity.PayoutReleased() && !row.IsMemo():
			p.released = row.Amount
		case row.ID == identity.PayoutHeld() && row.Kind == chain.KeptKind:
			p.held = new(Held)
			if err := json.Unmarshal(row.Evidence, p.held); err != nil {
				return fmt.Errorf("note of what was held: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return p, fmt.Errorf("payout of %s for day %s: %w", code, day, err)
	}
	return p, nil
}

// holds decides which operators a close of a day does not pay.
type holds struct {
	ledger *ledger.Ledger
	day    ledger.Day
	rule   *Rule
	tacs   []docket.TACs
}

func (c *Closer) holds(ctx context.Context, day ledger.Day) (*holds, error) {
	if c.Rules == nil {
		return nil, errors.New("no rules say which payouts are held")
	}
	tacs, err := tacsOf(ctx, c.Ledger, day)
	return &holds{ledger: c.Ledger, day: day, rule: c.Rules.On(day), tacs: tacs}, err
}

// of returns the amount that was released to a participant, and why the rest is held. note is the
// row that says so, nil if the books have it already. After one release nothing is held again: two
// people have looked at that day.
func (h *holds) of(ctx context.Context, code string) (released ledger.Fen, held *Held, note *ledger.Transfer, err error) {
	operator, ok := strings.CutPrefix(code, chart.Operator(""))
	if !ok {
		return 0, nil, nil, nil
	}
	p, err := readPayout(ctx, h.ledger, code, h.day)
	if err != nil || p.released > 0 || p.held != nil {
		if p.released > 0 {
			p.held = nil
		}
		return p.released, p.held, nil, err
	}
	at := slices.IndexFunc(h.tacs, func(t docket.TACs) bool { return t.Operator == operator })
	if at < 0 || !h.rule.holds(h.tacs[at]) {
		return 0, nil, nil, nil
	}
	held = &Held{h.tacs[at], h.rule.Name()}
	evidence, err := json.Marshal(held)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("note of what is held: %w", err)
	}
	return 0, held, &ledger.Transfer{
		Day: h.day, Subject: ledger.Subject(code), ID: identity.PayoutHeld(), Act: ledger.KeepMemo, Evidence: evidence,
	}, nil
}

// HeldPayout is what an operator was not paid for a day.
type HeldPayout struct {
	Day      ledger.Day
	Operator string
	Fen      ledger.Fen // what is owed, or was released
	Released bool
	Why      Held
}

// ReadHeld finds a payout that was held; ok is false where none was.
func ReadHeld(ctx context.Context, l *ledger.Ledger, operator string, day ledger.Day) (h HeldPayout, ok bool, err error) {
	code := chart.Operator(operator)
	p, err := readPayout(ctx, l, code, day)
	if err != nil || p.held == nil {
		return h, false, err
	}
	h = HeldPayout{Day: day, Operator: operator, Fen: p.released, Released: p.released > 0, Why: *p.held}
	if h.Released {
		return h, true, nil
	}
	turnovers, err := l.Turnovers(ctx, day)
	if err != nil {
		return h, false, fmt.Errorf("payout of %s for day %s: %w", code, day, err)
	}
	account := ledger.IDOfCode(code)
	for _, t := range turnovers {
		switch {
		case !counts(t, day):
		case t.Credit == account:
			h.Fen += t.Sum
		case t.Debit == account:
			h.Fen -= t.Sum
		}
	}
	return h, true, nil
}

// EachHeld calls fn for each payout that was held for days from first to last, by operator.
func EachHeld(ctx context.Context, l *ledger.Ledger, first, last ledger.Day, fn func(HeldPayout) error) error {
	accounts, err := l.Accounts(ctx)
	if err != nil {
		return err
	}
	for _, account := range accounts.All() {
		operator, ok := strings.CutPrefix(account.Code, chart.Operator(""))
		if !ok {
			continue
		}
		var days []ledger.Day
		err := shadow.Statement(ctx, l, ledger.Subject(account.Code), first, last, func(row ledger.Row) error {
			if row.ID == identity.PayoutHeld() && row.Kind == chain.KeptKind {
				days = append(days, row.Day)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("payouts of %s: %w", account.Code, err)
		}
		for _, day := range days {
			held, ok, err := ReadHeld(ctx, l, operator, day)
			if err == nil && ok {
				err = fn(held)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

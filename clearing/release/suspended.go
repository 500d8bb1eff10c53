package release

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"unicode"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/people/proposal"
	"citycard/clearing/transit/load"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// MaxRows bounds the rows of one release: all of them are one commit, and two people answer for
// each.
const MaxRows = 10_000

// MaxBecause bounds the text that says why another payee gets the money, in bytes. It stands in the
// audit beside what was decided.
const MaxBecause = 400

// Releases asks for suspended transfers to be released, each whole, all in one commit.
type Releases struct {
	Rows []Payee `json:"rows"`
	// Because says why a row goes to another account than that of the operator to whose terminal it
	// belongs.
	Because string `json:"because,omitempty"`
}

// Payee names a row, and to whom it is released.
type Payee struct {
	Row string `json:"row"` // its name
	// To is the account that gets the money: an operator or a channel for a tap, an operator's
	// pending account for another city's tap, and for a load that nobody paid the channel that owes
	// it. A load unlike its order, or too high, goes to the order's channel. If To is empty, it is
	// the account of the operator to whose terminal the tap belongs, or the order's channel.
	To string `json:"to,omitempty"`
	// Fen is the amount that was shown; 0: the one in the books.
	Fen ledger.Fen `json:"fen,omitempty"`
}

// Parts of a release, and of its correction.
const (
	partWhole = 1 // of a tap, or of a load that nobody paid
	partOrder = 2 // what the order covers of a load
	partRest  = 3 // what is left of order or load

	partBack  = 1 // what the release booked, the other way round
	partAgain = 2 // the same to another account
)

func part(row ledger.Key, number byte) ledger.Key {
	return ledger.Key{Day: row.Day, Subject: row.Subject, ID: identity.Release(number, row.ID)}
}

func corrected(row ledger.Key, number byte) ledger.Key {
	return ledger.Key{Day: row.Day, Subject: row.Subject, ID: identity.ReleaseCorrection(number, row.ID)}
}

// ShowRelease shows what releases would book. The error is a *Refusal if one of the rows cannot be
// released so.
func (o *Office) ShowRelease(ctx context.Context, r Releases) (*Plan, error) {
	if err := checkBecause(r.Because); err != nil {
		return nil, err
	}
	rows, err := o.find(ctx, r.Rows)
	if err != nil {
		return nil, err
	}
	desk, err := o.desk(ctx, rows)
	if err != nil {
		return nil, err
	}
	plan := &Plan{Act: ActRelease, effects: because(r.Because)}
	for i := range rows {
		planned, err := desk.release(&rows[i], r.Rows[i].To, r.Because)
		if err != nil {
			return nil, err
		}
		plan.Rows = append(plan.Rows, planned)
	}
	plan.what = func(booked []Planned) string { return released(rows, plan.Rows, booked, r.Because) }
	return plan, nil
}

// because shows the reason for another payee.
func because(text string) []proposal.Effect {
	if text == "" {
		return nil
	}
	return []proposal.Effect{proposal.Effectf("because: %s", text)}
}

func checkBecause(text string) error {
	if len(text) > MaxBecause {
		return refuse("the reason for another payee has %d bytes", len(text)).todo("give --because with at most %d bytes", MaxBecause)
	}
	// The second person reads it on a screen, where it must not hide or write over anything.
	if i := strings.IndexFunc(text, func(c rune) bool { return !unicode.IsGraphic(c) }); i >= 0 {
		return refuse("the reason for another payee has a character that cannot be seen, at byte %d", i).todo("give --because with letters, digits and punctuation alone")
	}
	return nil
}

// find reads the suspended transfers that are named.
func (o *Office) find(ctx context.Context, payees []Payee) ([]Suspended, error) {
	switch {
	case len(payees) == 0:
		return nil, refuse("there is nothing that waits and could be released")
	case len(payees) > MaxRows:
		return nil, refuse("%d rows: want at most %d in one release", len(payees), MaxRows).todo("name fewer")
	}
	keys := make([]ledger.Key, len(payees))
	named := make(map[ledger.Key]bool, len(payees))
	for i, p := range payees {
		key, err := ParseRow(p.Row)
		if err != nil {
			return nil, refuse("%w", err)
		}
		if keys[i] = key; named[key] {
			return nil, refuse("row %s is named twice", p.Row).todo("name it once")
		}
		named[key] = true
	}
	found, err := o.Ledger.FindAll(ctx, keys)
	if err != nil {
		return nil, err
	}
	reader, err := o.reader(ctx)
	if err != nil {
		return nil, err
	}
	rows := make([]Suspended, len(keys))
	for i, row := range found {
		suspended := false
		if row != nil {
			rows[i], suspended = reader.read(row)
		}
		switch {
		case !suspended:
			return nil, refuse("row %s is no suspended transfer", payees[i].Row).todo("citycard suspense list shows the rows")
		case payees[i].Fen != 0 && payees[i].Fen != rows[i].Fen:
			return nil, refuse("row %s has %s yuan, not %s", payees[i].Row, rows[i].Fen.String(), payees[i].Fen.String()).todo("ask again")
		}
	}
	return rows, o.decided(ctx, rows)
}

// desk has what must be known to release some rows.
type desk struct {
	accounts *ledger.Chart
	orders   map[ledger.Key]paidLoad
}

// againstOrder reports whether a load is settled against what its channel paid.
func againstOrder(reason verdict.Reason) bool {
	return reason == verdict.LoadAmount || reason == verdict.LoadUncovered || reason == verdict.LoadTooHigh
}

// desk reads the chart, and the orders of the loads among the rows, with few queries.
func (o *Office) desk(ctx context.Context, rows []Suspended) (*desk, error) {
	accounts, err := o.Ledger.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	d := &desk{accounts, map[ledger.Key]paidLoad{}}
	var of, keys []ledger.Key
	var orders []*load.Order
	for i := range rows {
		if written, ok := identity.WrittenLoad(rows[i].Row.ID); ok && againstOrder(rows[i].Reason) {
			of, orders = append(of, rows[i].Row), append(orders, &load.Order{Card: rows[i].Row.Subject, Load: written})
		}
	}
	if len(orders) == 0 {
		return d, nil
	}
	if _, err := load.Standing(ctx, o.Ledger.Amounts, orders); err != nil {
		return nil, err
	}
	for _, order := range orders {
		keys = append(keys, order.Paid())
	}
	found, err := o.Ledger.FindAll(ctx, keys)
	if err != nil {
		return nil, err
	}
	for i, row := range found {
		if row != nil && !row.IsMemo() {
			channel, err := payerOf(accounts, row)
			if err != nil {
				return nil, err
			}
			d.orders[of[i]] = paidLoad{Order: *orders[i], channel: channel, fen: row.Amount}
		}
	}
	return d, nil
}

// payerOf is the account of the channel that paid an order; empty if it was a card's balance.
func payerOf(accounts *ledger.Chart, row *ledger.Row) (string, error) {
	account, _ := accounts.ByID(row.Debit)
	if account.Code != chart.Waiting {
		return account.Code, nil
	}
	var request message.LoadRequest
	if err := proto.Unmarshal(row.Evidence, &request); err != nil {
		return "", fmt.Errorf("order of row %s: %w", RowName(row.Key()), err)
	}
	if channel := load.Placer(request.GetPlacer()).Channel(); channel != "" {
		return chart.Channel(channel), nil
	}
	return "", nil
}

// release plans the release of one row.
func (d *desk) release(s *Suspended, to, because string) (Planned, error) {
	name := RowName(s.Row)
	order, ordered := d.orders[s.Row]
	own := s.Payee()
	if againstOrder(s.Reason) {
		if !ordered {
			return Planned{}, refuse("the order of row %s is not in the books", name).todo("look the load up with citycard tap show")
		}
		own = order.channel
	}
	if to == "" {
		to = own
	}
	if err := d.may(s, to, own, because); err != nil {
		return Planned{}, err
	}
	if s.State == Corrected || !s.waiting() && s.To != to {
		return Planned{}, decidedBefore(s, name)
	}
	data, err := evidence{ActRelease, name, to}.encode()
	if err != nil {
		return Planned{}, err
	}
	p := Planned{Row: name, Own: own, State: s.state(), Then: stateOf(Released, to), To: to, Fen: s.Fen}
	suspense := chart.Suspense(s.Reason)
	switch {
	case ordered:
		p.settle(s, order, data)
	case s.Owed:
		p.add(part(s.Row, partWhole), to, suspense, s.Fen, chart.PurposeRelease, data)
	default:
		p.add(part(s.Row, partWhole), suspense, to, s.Fen, chart.PurposeRelease, data)
	}
	return p, nil
}

// decidedBefore refuses a release to another account than the one that has the money.
func decidedBefore(s *Suspended, name string) *Refusal {
	if s.State == Corrected {
		return refuse("row %s was corrected to %s before, and a release is corrected once", name, s.To).todo("settle the rest with the two participants")
	}
	return refuse("row %s was released to %s before", name, s.To).todo("citycard suspense correct puts a wrong release right")
}

// settle settles a load unlike its order out of what the channel paid for it.
func (p *Planned) settle(s *Suspended, order paidLoad, data []byte) {
	suspense := chart.Suspense(s.Reason)
	p.add(part(s.Row, partOrder), chart.Unwritten, suspense, min(order.fen, s.Fen), chart.PurposeRelease, data)
	switch rest := order.fen - s.Fen; {
	case rest > 0:
		p.add(part(s.Row, partRest), chart.Unwritten, order.channel, rest, chart.PurposeLoadRefund, data)
	case rest < 0:
		p.add(part(s.Row, partRest), order.channel, suspense, -rest, chart.PurposeRelease, data)
	}
}

// may refuses an account that the money cannot belong to. own is the account to which it belongs by
// the registry or by its order; any other one takes a reason of its own.
func (d *desk) may(s *Suspended, to, own, because string) error {
	name := RowName(s.Row)
	switch _, open := d.accounts.Account(to); {
	case to == "":
		return refuse("%w", noOperator(s, name)).todo("give --to and --because")
	case !open:
		return noAccount(to)
	case againstOrder(s.Reason) && to != own:
		return refuse("its order was paid by %s, not by %q", own, to).todo("give --to %s", own)
	case s.Owed && !isTo(to, "channel"):
		return refuse("a load that nobody paid is owed by a channel, not by %q", to).todo("give --to channel:ID")
	case s.Foreign && !isTo(to, "pending"):
		return refuse("another city's tap, which is not verified, is released to pending:OPERATOR, not to %q", to).todo("give --to pending:OPERATOR")
	case !s.Owed && !s.Foreign && !isTo(to, "operator", "channel"):
		return refuse("a suspended tap is released to an operator or a channel, not to %q", to).todo("give --to operator:ID or channel:ID")
	case to == own || because != "":
		return nil
	case own == "":
		return refuse("%w", noOperator(s, name)).todo("say with --because why it goes to %s", to)
	}
	return refuse("the terminal of row %s belonged to %s when the card signed, not to %s", name, own, to).todo("say with --because why it goes to %s", to)
}

// noOperator says why the registry names no operator of a row.
func noOperator(s *Suspended, name string) *Refusal {
	switch s.Unplaced {
	case IsLoad:
		return refuse("row %s is a load, which belongs to no operator's terminal", name)
	case NoDate:
		return refuse("the card signed no date in row %s, so the registry names no operator of it", name)
	}
	return refuse("the registry has no terminal %s on the day that row %s was signed", s.Terminal, name)
}

// released is the audit's text of a release.
func released(rows []Suspended, planned, booked []Planned, because string) string {
	var text string
	if len(planned) == 1 {
		text = fmt.Sprintf("%s, %s: %d fen to %s", maskedRow(rows[0].Row), rows[0].Reason, rows[0].Fen, planned[0].To)
	} else {
		text = fmt.Sprintf("%d of %d rows, sha256:%x: %s", len(booked), len(planned), digest(planned), totalsText(booked))
	}
	if because != "" {
		text += "; because: " + because
	}
	return text
}

// digest is over names, payees and amounts of the rows, in order.
func digest(rows []Planned) [sha256.Size]byte {
	hash := sha256.New()
	for i := range rows {
		fmt.Fprintf(hash, "%s %s %d\n", rows[i].Row, rows[i].To, rows[i].Fen)
	}
	return [sha256.Size]byte(hash.Sum(nil))
}

// totalsText names the first payees, as many as the audit has room for.
func totalsText(rows []Planned) string {
	const room = 400
	var text strings.Builder
	totals := Totals(rows)
	for i, t := range totals {
		if text.Len() > room {
			fmt.Fprintf(&text, " and %d other accounts", len(totals)-i)
			break
		}
		if i > 0 {
			text.WriteString(", ")
		}
		fmt.Fprintf(&text, "%d fen to %s", t.Fen, t.To)
	}
	return text.String()
}

package cards

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/cardos/keys"
	"citycard/cardos/tunion"
	"citycard/clearing/calendar"
	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/people"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/clearing/transit/load"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/shadow"
)

// Figures are the rules in force, and the time in the city's zone.
type Figures struct {
	Products *Rules
	Calendar *calendar.Calendar
	// Contracts say what each channel may do; nil: every channel all.
	Contracts *load.Contracts
	Now       time.Time
}

func (f *Figures) today() ledger.Day { return ledger.DayOf(f.Now) }

// Office does what counters ask for.
type Office struct {
	Ledger  *ledger.Ledger
	Owner   string // who leases the stream, for the log
	InForce func(context.Context) (*Figures, error)
	// Token is the keyed token of the number of a certificate. Only a sale of a person's card, and
	// what its holder does, need it.
	Token func(ctx context.Context, certificate string) ([16]byte, error)
	// Supervises refuses who may not do acts of a shift that somebody else has opened, with a
	// *people.DeniedError. nil: nobody may.
	Supervises func(ctx context.Context, tx pgx.Tx, by ledger.Approval, unit people.Unit) error
	// Full is told of an order that was refused because so many cards were listed on its day
	// without a proof of whose they are. It may be nil.
	Full func(order *Order, person string)
}

// Refusal is why something is not done.
type Refusal struct {
	What *language.Text
	Todo *language.Text // may be nil
}

func (r *Refusal) Error() string { return r.What.Error() }

// Unwrap gives what is wrong.
func (r *Refusal) Unwrap() error { return r.What }

func refusal(what, todo *language.Text) error { return &Refusal{what, todo} }

// MovedError refuses an order whose money is another than was signed.
type MovedError struct{ Signed, Is ledger.Fen }

func (e *MovedError) Error() string { return e.Text().Error() }

// Text says it.
func (e *MovedError) Text() *language.Text {
	return language.Textf("signed was cash of %s yuan, and it is %s", e.Signed.String(), e.Is.String())
}

// registered is a card as the registry has it.
type registered struct {
	known   bool
	id      keys.CardID
	kind    uint32 // the card's type
	status  string
	expires ledger.Day
	person  bool // it is somebody's
	listed  bool // on the hotlist at the moment
	reason  string
}

// card is the identity of a card whose issuer is known.
func (r *registered) card() identity.Card { return identity.CardOf(r.id) }

// lookUp reads a card's rows in the registry. Without one, the card has no issuer, and is nothing
// that the books could know.
func (o *Office) lookUp(ctx context.Context, number string, now time.Time) (r registered, err error) {
	asn, err := tunion.ParseNumber(number)
	if err != nil {
		return r, err
	}
	r.id.ASN = asn
	store := registry.NewStore(o.Ledger.Pool())
	rows, err := store.Rows(ctx, registry.Cards, index.Number(asn).Digits())
	if err != nil {
		return r, err
	}
	today := ledger.DayOf(now)
	for _, row := range rows {
		if r.known && row.From > today {
			continue
		}
		r.known, r.status, r.person = true, row.Fields["status"], row.Fields["holder"] == "registered"
		expires, err := ledger.ParseDay(row.Fields["expires"])
		if err != nil {
			return r, err
		}
		kind, err := strconv.ParseUint(row.Fields["type"], 16, 8)
		if err != nil {
			return r, err
		}
		r.expires, r.kind = expires, uint32(kind)
		if err := r.identify(row.Fields["card"], row.Fields["issuer"]); err != nil {
			return r, err
		}
	}
	if !r.known {
		return r, nil
	}
	listings, err := store.Rows(ctx, registry.Hotlist, index.Number(r.id.ASN).Digits())
	if err != nil {
		return r, err
	}
	at := now.Format("20060102150405")
	latest := map[string]registry.Row{}
	for _, row := range listings { // a later version of a row takes its place
		latest[row.Fields["effective_from"]] = row
	}
	for from, row := range latest {
		if to := row.Fields["effective_to"]; from <= at && (to == "" || at <= to) {
			r.listed, r.reason = true, row.Fields["reason"]
		}
	}
	return r, nil
}

func (r *registered) identify(number, issuer string) error {
	asn, err := tunion.ParseNumber(number)
	if err != nil {
		return err
	}
	raw, err := hex.DecodeString(issuer)
	var id [8]byte
	if err != nil || copy(id[:], raw) != len(id) {
		return fmt.Errorf("issuer %q of a card", issuer)
	}
	r.id = keys.CardID{ASN: asn, Issuer: id}
	return nil
}

// channel refuses a channel that the registry does not have today.
func (o *Office) channel(ctx context.Context, id string, today ledger.Day) error {
	registered, err := registry.NewStore(o.Ledger.Pool()).On(ctx, registry.Channels, id, today)
	if err != nil || registered {
		return err
	}
	return refusal(language.Textf("channel %q is not registered today", id), language.Textf("check the channel's id"))
}

// mayDo refuses what the channel's contract does not name.
func (f *Figures) mayDo(channel string, do Do) error {
	if f.Contracts == nil {
		return nil
	}
	contract, ok := f.Contracts.On(f.today(), channel)
	todo := language.Textf("the document contracts names what each channel may do")
	switch {
	case !ok:
		return refusal(language.Textf("channel %q has no contract: it does nothing with cards but load them", channel), todo)
	case !contract.May(string(do)):
		return refusal(language.Textf("by its contract channel %q may not do this: %s", channel, string(do)), todo)
	}
	return nil
}

// mayOwe is how much a channel may owe after a step, by its contract; nil: contracts say nothing.
func (f *Figures) mayOwe(channel string) *ledger.Fen {
	if f.Contracts == nil {
		return nil
	}
	contract, _ := f.Contracts.On(f.today(), channel)
	return &contract.LimitFen
}

// shadowOf is what a card's purse should hold.
func (o *Office) shadowOf(ctx context.Context, card identity.Card) (ledger.Fen, error) {
	return shadow.Balance(ctx, o.Ledger, ledger.IDOfCode(chart.Float), card.Subject(), shadow.AsOf{})
}

// months is a day some months later: the last of its month where that one is shorter.
func months(day ledger.Day, n int) ledger.Day {
	at := day.Time(time.UTC)
	first := time.Date(at.Year(), at.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return ledger.DayOf(first.AddDate(0, 0, min(at.Day(), last)-1))
}

// workdays is the day so many workdays after another one.
func workdays(of *calendar.Calendar, day ledger.Day, n int) (ledger.Day, error) {
	for range n {
		next, err := of.NextWorkday(day)
		if err != nil {
			return 0, refusal(language.Textf("%w", err), language.Textf("bring the calendar of that year into force: citycard rules propose"))
		}
		day = next
	}
	return day, nil
}

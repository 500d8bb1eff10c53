package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"citycard/cardos/bcd"
	"citycard/cardos/keys"
	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/clearing/rulefile"
	"citycard/clearing/verdict"
	"citycard/ledger"
	"citycard/ledger/shadow"
)

// TypeLoad is the transaction type of an EP load (PBOC 3.0 part 2).
const TypeLoad = 0x02

// Refusal is a load that is not authorised.
type Refusal struct {
	Reason verdict.Reason
	Detail string
}

func (r *Refusal) Error() string { return fmt.Sprintf("load refused: %s: %s", r.Reason, r.Detail) }

// fieldError refuses a request as InvalidField, and says which field it is.
type fieldError struct {
	Field string // as in message.LoadRequest
	What  string
}

func (f *fieldError) Error() string { return f.Unwrap().Error() }

// Unwrap gives the *Refusal.
func (f *fieldError) Unwrap() error { return &Refusal{verdict.InvalidField, f.Field + " " + f.What} }

// KeyService computes MAC2 of loads: a key store of the process's own (keys.Keyring) or a service.
type KeyService interface {
	// AuthoriseLoad checks MAC1 of an order of a channel and gives MAC2. Errors: keys.ErrMAC, and
	// others after which the same may be asked again.
	AuthoriseLoad(ctx context.Context, order keys.LoadOrder) (keys.MAC, error)
}

// Authority authorises loads: it checks MAC1, takes the channel's money and
// gives MAC2, in that order.
type Authority struct {
	Registry *registry.Registry
	Keys     KeyService
	Poster   *ledger.Gatherer
	Books    *ledger.Ledger                        // where refunds are looked up
	Rules    func() (rules *Rules, edition string) // those in force
	Fresh    func() error                          // returns nil while Rules gives those in force
	Now      func() time.Time                      // in the zone of the cards' dates
	// Contracts are those in force with channels; nil: there are none.
	Contracts func() *Contracts
	// Stream is where loads that wait are placed and authorised, and Owner who leases it.
	Stream, Owner string
}

// A signed day may be this many days from today's date or from the clearing day: a terminal's clock
// may be slightly wrong, and a day's close may be late.
const daysAround = 1

// dated refuses an implausible day. It asks the ledger for the clearing day, because a process that
// authorised nothing for days has not noticed their closes.
func (a *Authority) dated(ctx context.Context, day ledger.Day) error {
	clearing, err := a.Books.CurrentDay(ctx)
	if err != nil {
		return fmt.Errorf("load authority: %w", err)
	}
	today := ledger.DayOf(a.Now())
	from, to := min(today, clearing).Add(-daysAround), max(today, clearing).Add(daysAround)
	if day < from || day > to {
		return &Refusal{verdict.ImplausibleDate, fmt.Sprintf("signed for %s, want %s to %s", day, from, to)}
	}
	return nil
}

// asOfNow asks the books at once whether an order's day is plausible, whether its card takes money,
// and whether a shift has the cash.
func (a *Authority) asOfNow(ctx context.Context, r *message.LoadRequest, order keys.LoadOrder) error {
	used := make(chan error, 1)
	go func() { used <- a.mayTake(ctx, placeOf(r), identity.CardOf(order.Card)) }()
	day, _ := identity.SignedDay(order.Time)
	wrong := a.dated(ctx, day)
	err := <-used // also where the day is wrong: nothing is left behind that reads the books
	if wrong != nil {
		return wrong
	}
	if refused, ok := errors.AsType[*Refusal](err); ok && refused.Reason == verdict.NoShift {
		return a.unlessPaid(ctx, r, order, err) // its cash was counted then
	}
	return err
}

// placeOf is where the cash of a load is taken; for what was paid before, nobody takes any.
func placeOf(r *message.LoadRequest) place {
	if r.GetPlacer() != "" {
		return place{}
	}
	return place{r.GetChannel(), r.GetTerminal()}
}

// Authorise returns MAC2, a *Refusal, or another error where the outcome is not
// known; after that the caller asks again with the same request.
func (a *Authority) Authorise(ctx context.Context, request *message.LoadRequest) (keys.MAC, error) {
	order, err := a.check(request)
	if err == nil {
		err = a.mayPay(ctx, request, order)
	}
	if err == nil {
		err = a.allow(request, order)
	}
	if err == nil {
		err = a.asOfNow(ctx, request, order)
	}
	if err != nil {
		return keys.MAC{}, err
	}
	if card, known := a.Registry.Current().Card(order.Card.Digits()); known {
		// MAC1 does not cover all of the card's number and issuer. Whatever the request has in the
		// other bytes, it means this card.
		order.Card = card.ID
	}
	// MAC2 is computed first, so that MAC1 is verified before money moves. It is returned last, so
	// that nobody has it before the posting is durable.
	mac2, err := a.Keys.AuthoriseLoad(ctx, order)
	if errors.Is(err, keys.ErrMAC) {
		return keys.MAC{}, &Refusal{verdict.BadMAC1, "MAC1 does not verify under the card's load key"}
	}
	if err != nil {
		return keys.MAC{}, fmt.Errorf("load authority: key service: %w", err)
	}
	if request.GetPlacer() != "" {
		if err := a.payPlaced(ctx, request, order); err != nil {
			return keys.MAC{}, err
		}
		return mac2, nil
	}
	decisions, err := a.post(ctx, request, order)
	if err != nil {
		return keys.MAC{}, err
	}
	switch paid, number := decisions[0], decisions[1]; {
	case paid.Disputed: // whether it comes for the first time or again
		return keys.MAC{}, &Refusal{verdict.LoadConflict, fmt.Sprintf("online sequence %d of the card belongs to another order", request.GetOnlineSequence())}
	case paid.Result == ledger.Inserted || paid.Result == ledger.Duplicate:
		return mac2, nil
	case number.Disputed:
		return keys.MAC{}, &Refusal{verdict.LoadConflict, "the channel's order number belongs to another load"}
	}
	return keys.MAC{}, refusedPosting(decisions[0].Err)
}

// maxPosts is how often a load is posted whose batch was undone by the end of a shift.
const maxPosts = 5

// post books a load. Where a shift ends between the look at it and the booking, of this load or of
// another one in its batch, it looks again.
func (a *Authority) post(ctx context.Context, r *message.LoadRequest, o keys.LoadOrder) ([]ledger.Decision, error) {
	for n := 1; ; n++ {
		chain, err := a.posting(ctx, r, o)
		if err != nil {
			return nil, err
		}
		decisions, err := a.Poster.Post(ctx, chain)
		switch {
		case err == nil:
			return decisions, nil
		case !errors.Is(err, errNoShift) || n == maxPosts:
			return nil, fmt.Errorf("load authority: %w", err)
		}
		if err := a.asOfNow(ctx, r, o); err != nil {
			return nil, err
		}
	}
}

// refusedPosting returns a *Refusal if another request would get the same answer until somebody
// changes the channel's account. An account that is not open yet will be opened, so that is another
// error.
func refusedPosting(err error) error {
	var because *ledger.TransferError
	if errors.As(err, &because) {
		switch because.Reason {
		case ledger.AccountClosed, ledger.AccountFrozen:
			return &Refusal{verdict.AccountClosed, because.Error()}
		case ledger.ExceedsCredits, ledger.ExceedsDebits:
			return &Refusal{verdict.ChannelLimit, because.Error()}
		}
	}
	return fmt.Errorf("load authority: posting refused: %w", err)
}

// attempt finds the number of this order among those for the card's sequence: it comes after the
// refunded ones. It refuses an order that was refunded. If this order is refunded later, the load
// may still be written; then it is booked against suspense when it arrives. An order that was paid
// at another terminal has the evidence of then.
func (a *Authority) attempt(ctx context.Context, o keys.LoadOrder, evidence []byte) (identity.Load, []byte, error) {
	order := Order{identity.CardOf(o.Card).Subject(), identity.Load{Kind: o.Type, Sequence: o.OnlineSequence}}
	paid, err := Standing(ctx, a.Books.Amounts, []*Order{&order})
	if err != nil {
		return order.Load, nil, err
	}
	if paid[0] != 0 {
		row, found, err := a.Books.Find(ctx, order.Paid())
		if err != nil {
			return order.Load, nil, fmt.Errorf("load authority: %w", err)
		}
		if found && sameOrder(row.Evidence, evidence) {
			evidence = row.Evidence
		}
	}
	if order.Load.Attempt == 0 {
		return order.Load, evidence, nil
	}
	// At the bound no new order is accepted. The last attempt is never made, so no refunded order
	// can have its number.
	again := false
	err = shadow.Statement(ctx, a.Books, order.Card, identity.NoDay, identity.NoDay, func(row ledger.Row) error {
		was, ok := identity.AuthorisedLoad(row.ID)
		same := ok && was.Kind == order.Load.Kind && was.Sequence == order.Load.Sequence && was.Attempt < order.Load.Attempt
		again = again || same && !row.IsMemo() && sameOrder(row.Evidence, evidence)
		return nil
	})
	if err != nil {
		return order.Load, nil, fmt.Errorf("load authority: read refunded orders: %w", err)
	}
	switch {
	case again:
		return order.Load, nil, &Refusal{verdict.LoadRefunded, "the order was given back to its channel"}
	case order.Load.Attempt >= identity.MaxAttempt:
		return order.Load, nil, exhausted(o.OnlineSequence)
	}
	return order.Load, evidence, nil
}

// check validates the request and asks the rules.
func (a *Authority) check(r *message.LoadRequest) (keys.LoadOrder, error) {
	invalid := func(field, format string, args ...any) (keys.LoadOrder, error) {
		return keys.LoadOrder{}, &fieldError{field, fmt.Sprintf(format, args...)}
	}
	var o keys.LoadOrder
	switch {
	case !message.Fixed(o.Card.ASN[:], r.GetCard()):
		return invalid("card", "has %d bytes, want 10", len(r.GetCard()))
	case !message.Fixed(o.Card.Issuer[:], r.GetIssuer()):
		return invalid("issuer", "has %d bytes, want 8", len(r.GetIssuer()))
	case !message.Fixed(o.Terminal[:], r.GetTerminal()):
		return invalid("terminal", "has %d bytes, want 6", len(r.GetTerminal()))
	case !message.Fixed(o.Random[:], r.GetRandom()):
		return invalid("random", "has %d bytes, want 4", len(r.GetRandom()))
	case !message.Fixed(o.MAC1[:], r.GetMac1()):
		return invalid("mac1", "has %d bytes, want 4", len(r.GetMac1()))
	case !message.Fixed(o.Time[:], r.GetTime()):
		return invalid("time", "has %d bytes, want 7", len(r.GetTime()))
	case r.GetOrder() == "" || len(r.GetOrder()) > maxOrder:
		return invalid("order", "has %d characters, want 1 to %d", len(r.GetOrder()), maxOrder)
	case r.GetKeyVersion() > 0xFF:
		return invalid("key_version", "is %d, want one byte", r.GetKeyVersion())
	case r.GetAlgorithm() > 0xFF:
		return invalid("algorithm", "is %d, want one byte", r.GetAlgorithm())
	case r.GetOnlineSequence() > 0xFFFF:
		return invalid("online_sequence", "is %d, want at most 65535", r.GetOnlineSequence())
	}
	if _, ok := Placer(r.GetPlacer()).subject(); !ok && r.GetPlacer() != "" {
		return invalid("placer", "is %q, want channel:ID or card:DIGITS", r.GetPlacer())
	}
	if _, err := message.ParseTime(r.GetTime(), time.UTC); err != nil {
		return invalid("time", "is %x, want a date and time", r.GetTime())
	}
	o.Amount, o.OldBalance, o.Type = r.GetAmountFen(), r.GetOldBalanceFen(), TypeLoad
	o.OnlineSequence = uint16(r.GetOnlineSequence())
	o.KeyVersion, o.Algorithm = byte(r.GetKeyVersion()), byte(r.GetAlgorithm())

	at, _ := rulefile.SignedMoment(o.Time)
	if err := a.Fresh(); err != nil {
		return keys.LoadOrder{}, fmt.Errorf("load authority: %w", err)
	}
	rules, _ := a.Rules()
	amount, rule := ledger.Fen(o.Amount), rules.At(at)
	// What is paid already was judged as it was placed, or is a balance, which may be any amount.
	if amount <= 0 || amount%rule.MultipleOfFen != 0 && r.GetPlacer() == "" {
		return invalid("amount_fen", "is %d fen, want a multiple of %d", amount, rule.MultipleOfFen)
	}
	if own := rules.own(o.OldBalance, r.GetOverdraftFen(), at); own+amount > rule.MaximumFen {
		return keys.LoadOrder{}, &Refusal{verdict.AboveLimit, fmt.Sprintf("%d + %d fen exceeds %d", own, amount, rule.MaximumFen)}
	}
	return o, nil
}

// mayPay asks the channel's contract, for an order that is not paid yet. What is paid is written,
// whatever the contract says since.
func (a *Authority) mayPay(ctx context.Context, r *message.LoadRequest, o keys.LoadOrder) error {
	if r.GetPlacer() != "" {
		return nil
	}
	rules, _ := a.Rules()
	refusal := a.single(rules, r.GetChannel(), ledger.Fen(o.Amount))
	if refusal == nil {
		return nil
	}
	return a.unlessPaid(ctx, r, o, refusal)
}

// unlessPaid refuses an order that is not paid yet.
func (a *Authority) unlessPaid(ctx context.Context, r *message.LoadRequest, o keys.LoadOrder, refusal error) error {
	key := ledger.Key{Day: identity.NoDay, Subject: ledger.Subject(chart.Channel(r.GetChannel())), ID: identity.LoadOrder(r.GetOrder())}
	row, found, err := a.Books.Find(ctx, key)
	if err != nil {
		return fmt.Errorf("load authority: %w", err)
	}
	if found {
		of, fen, ok := boundTo(row.Evidence)
		if ok && of.Card == identity.CardOf(o.Card).Subject() && of.Load.Sequence == o.OnlineSequence && fen == ledger.Fen(o.Amount) {
			return nil
		}
	}
	return refusal
}

// single refuses a load that is larger than one of the channel's kind may be, by what holds now:
// the signed time is the caller's word.
func (a *Authority) single(rules *Rules, channel string, fen ledger.Fen) error {
	if a.Contracts == nil {
		return nil
	}
	at, _ := rulefile.SignedMoment(bcd.Time(a.Now()))
	rule := rules.At(at)
	most := rule.smallestSingle()
	if contract, ok := a.Contracts().at(at, channel); ok {
		if !contract.May(LoadAct) {
			return &Refusal{verdict.ChannelMayNot, fmt.Sprintf("by its contract channel %q loads no cards", channel)}
		}
		most = rule.Single(contract.Kind)
	}
	if fen > most {
		return &Refusal{verdict.AboveSingle, fmt.Sprintf("%d fen; one load of such a channel is at most %d", fen, most)}
	}
	return nil
}

// mayOwe is how much a channel may owe after a load, by its contract in force now; nil: contracts
// say nothing. One without a contract may owe the smallest single load.
func (a *Authority) mayOwe(channel string) *ledger.Fen {
	if a.Contracts == nil || channel == "" {
		return nil
	}
	at, _ := rulefile.SignedMoment(bcd.Time(a.Now()))
	rules, _ := a.Rules()
	most := rules.At(at).smallestSingle()
	if contract, ok := a.Contracts().at(at, channel); ok {
		most = contract.LimitFen
	}
	return &most
}

// allow checks channel and card in the registry as of now, and also at the signed time if that is
// later. A counter whose clock is slow or was set back must not load a card that was listed
// meanwhile.
func (a *Authority) allow(r *message.LoadRequest, o keys.LoadOrder) error {
	edition := a.Registry.Current()
	now := bcd.Time(a.Now())
	if err := allowAt(edition, r.GetChannel(), o.Card, now); err != nil || bytes.Compare(o.Time[:], now[:]) <= 0 {
		return err
	}
	return allowAt(edition, r.GetChannel(), o.Card, o.Time)
}

func allowAt(edition *index.Edition, channel string, id keys.CardID, at [message.TimeLen]byte) error {
	day, ok := identity.SignedDay(at)
	if !ok {
		return &fieldError{"time", fmt.Sprintf("is %x, which names no day", at)}
	}
	if _, ok := edition.Channel(channel, day); !ok {
		return &Refusal{verdict.UnknownChannel, fmt.Sprintf("channel %q on %s", channel, day)}
	}
	card, known := edition.CardOn(id.Digits(), day)
	switch {
	case !known || card.ID.Derived() != id.Derived():
		return &Refusal{verdict.UnknownCard, "card " + index.Number(id.ASN).String()}
	case day > card.Expires:
		return &Refusal{verdict.CardExpired, fmt.Sprintf("expired after %d", card.Expires)}
	case card.Blocked():
		return &Refusal{verdict.CardBlocked, "card is blocked"}
	}
	if why, listed := edition.Listed(id.Digits(), at); listed {
		return &Refusal{verdict.CardListed, "card is on the hotlist: " + why}
	}
	return nil
}

// posting returns the transfer of an authorised load and the memo that binds the channel's order
// number to it. They are one chain, so if another load has the number, no money moves. Two requests
// are the same order if the transfer's evidence is the same.
func (a *Authority) posting(ctx context.Context, r *message.LoadRequest, o keys.LoadOrder) ([]ledger.Transfer, error) {
	evidence, err := orderEvidence(r, o, r.GetChannel(), "")
	if err != nil {
		return nil, err
	}
	load, evidence, err := a.attempt(ctx, o, evidence)
	if err != nil {
		return nil, err
	}
	channel, id, card := chart.Channel(r.GetChannel()), identity.LoadAuthorised(load), identity.CardOf(o.Card)
	return []ledger.Transfer{
		{
			Day: identity.NoDay, Subject: card.Subject(), ID: id,
			Debit: ledger.IDOfCode(channel), Credit: ledger.IDOfCode(chart.Unwritten), Amount: ledger.Fen(o.Amount), Purpose: chart.PurposeLoadAuthorised, Evidence: evidence,
			DebitCap: a.mayOwe(r.GetChannel()),
		},
		{
			Day: identity.NoDay, Subject: ledger.Subject(channel), ID: identity.LoadOrder(r.GetOrder()), Act: ledger.KeepMemo,
			Evidence: fmt.Appendf(nil, orderMemo, card.Digits(), []byte(id), o.Amount),
		},
	}, nil
}

// orderMemo is what an order number is bound to.
const orderMemo = "card %s, load %x, %d fen"

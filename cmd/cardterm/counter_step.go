package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"time"

	"citycard/cardos/keys"
	"citycard/cardos/ssc"
	"citycard/cardos/tunion"
	"citycard/clearing/cards"
	"citycard/clearing/people/api"
	"citycard/cmd/service"
	"citycard/durable"
	"citycard/language"
	"citycard/ledger"
	"citycard/terminals/counter"
	"citycard/terminals/reader"
)

// pendingStep is an act whose answer did not come. It is on the disk before the act is signed, and
// nothing else is done at the centre before it is known. The holder's certificate is not kept.
type pendingStep struct {
	Order  cards.Order `json:"order"`
	Reason string      `json:"reason"`
	// Empties is the card that is to pay its balance first, of a card that is taken back.
	Empties *keys.CardID `json:"empties,omitempty"`
	// Paid says that it has: the customer is owed that balance until the act is done.
	Paid bool `json:"paid,omitempty"`
	// Repeated says that the act was asked for before, without an answer: it may be done.
	Repeated bool `json:"repeated,omitempty"`
}

func (t *till) pendingPath() string { return t.dir.Join("step") }

// pending is the act whose answer did not come, if there is one.
func (t *till) pending() (*pendingStep, error) {
	content, err := os.ReadFile(t.pendingPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // there is none
	}
	p := new(pendingStep)
	if err == nil {
		err = json.Unmarshal(content, p)
	}
	return p, err
}

// keptShift is an order of a shift whose answer did not come.
type keptShift struct {
	Order    cards.ShiftOrder `json:"order"`
	Proposal int64            `json:"proposal,omitempty"` // waits for somebody else
}

// kept keeps an order of a shift until its answer has come, and gives it its number; one that is
// kept already stays, so that it is done once.
func (t *till) kept(name string, k *keptShift) error {
	content, err := os.ReadFile(t.dir.Join(name))
	if err == nil {
		var before keptShift
		if err := json.Unmarshal(content, &before); err != nil {
			return err
		}
		*k = before
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if k.Order.Number, err = t.number(t.now()); err != nil {
		return err
	}
	return t.rewrite(name, k)
}

func (t *till) rewrite(name string, k *keptShift) error {
	content, err := json.Marshal(k)
	if err != nil {
		return err
	}
	return durable.WriteFile(t.dir.Join(name), content)
}

// forget forgets an order of a shift whose answer has come, and returns that.
func (t *till) forget(name string, answer error) error {
	if unanswered(answer) || unreachable(answer) { // it may have been done when it was asked for before
		return answer
	}
	return errors.Join(answer, os.Remove(t.dir.Join(name)))
}

// errPending: an act at the centre is not known to be done.
var errPending = language.Textf("an act before this one has had no answer: it comes first")

// plan asks the centre what an act would do, and cost.
func (t *till) plan(ctx context.Context, o *cards.Order, reason string) (api.CardDone, error) {
	if t.office == nil {
		return api.CardDone{}, errNoOffice
	}
	if err := t.closing(); err != nil {
		return api.CardDone{}, err
	}
	if p, err := t.pending(); err != nil || p != nil {
		if err == nil {
			err = service.Refuse("nothing was done").Todo("give cardterm counter again").Because(errPending)
		}
		return api.CardDone{}, err
	}
	done, err := t.office.client.StepCard(ctx, o, reason, true)
	return done, officeError(err)
}

// keep keeps an act until its answer comes.
func (t *till) keep(p *pendingStep) error {
	p.Order.Certificate = "" // it is nowhere kept
	content, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return durable.WriteFile(t.pendingPath(), content)
}

// step does an act at the centre, as it was planned. The act is kept until the centre has done it,
// or has refused it the first time that it was asked; what a card has paid stays owed whatever the
// centre says.
func (t *till) step(ctx context.Context, p *pendingStep, certificate string) (api.CardDone, error) {
	if err := t.keep(p); err != nil {
		return api.CardDone{}, err
	}
	o := p.Order
	o.Certificate = certificate
	done, err := t.office.client.StepCard(ctx, &o, p.Reason, false)
	if err != nil && (unanswered(err) || unreachable(err) || p.Paid || p.Repeated) {
		return done, t.notDone(p, err)
	}
	if failed := errors.Join(os.Remove(t.pendingPath()), t.forgetAsked(&o)); failed != nil {
		return done, failed
	}
	if err == nil {
		t.stepReceipt(&o, &done)
	}
	return done, officeError(err)
}

// notDone says of an act that is kept what is to be done.
func (t *till) notDone(p *pendingStep, err error) error {
	if unanswered(err) {
		p.Repeated = true
		err = errors.Join(err, t.keep(p))
	}
	failure := service.Fail("the act is not known to be done")
	if p.Paid {
		failure = service.Fail("the card has paid %s yuan, which its customer is owed, and the act is not known to be done", p.Order.Emptied.String())
	}
	return failure.Todo("ask again (cardterm counter again): the same order is done once; or give it up, which is listed").Because(err)
}

// again asks for the act whose answer did not come, with the same order.
func (t *till) again(ctx context.Context, certificate string) (done api.CardDone, o *cards.Order, err error) {
	p, err := t.pending()
	if err != nil || p == nil {
		return done, nil, err
	}
	if t.office == nil {
		return done, nil, errNoOffice
	}
	if p.Empties != nil && !p.Paid {
		if err := t.emptied(ctx, p); err != nil {
			return done, nil, err
		}
		p.Paid = true
	}
	if p.Paid && p.Order.Salt == "" { // the cash may be another one by now, unless two people signed it
		o := p.Order
		o.Certificate = certificate
		if now, err := t.office.client.StepCard(ctx, &o, p.Reason, true); err == nil && !now.Repeated {
			p.Order.Cash = now.Choice.Cash
		}
	}
	done, err = t.step(ctx, p, certificate)
	return done, &p.Order, err
}

// givenUp is a line of the list of acts that were given up.
type givenUp struct {
	pendingStep
	Time time.Time `json:"time"`
	Why  string    `json:"why"`
}

// giveUp gives up the act that is kept. It is listed, with why: a person finds out whether it was
// done, and what its customer is owed.
func (t *till) giveUp(why string) (*pendingStep, error) {
	p, err := t.pending()
	if err != nil || p == nil {
		return nil, err
	}
	line, err := json.Marshal(givenUp{*p, t.now(), why})
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(t.dir.Join("given-up"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(append(line, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	return p, errors.Join(os.Remove(t.pendingPath()), t.forgetAsked(&p.Order))
}

// givenUpText says what is to be known of an act that was given up.
func givenUpText(p *pendingStep) *language.Text {
	if p.Paid {
		return language.Textf("order %s is given up: its card has paid %s yuan, which its customer is owed: tell the clearing centre", p.Order.Number, p.Order.Emptied.String())
	}
	return language.Textf("order %s is given up: ask the clearing centre whether it was done, before any money is given or taken for it", p.Order.Number)
}

// act is what a clerk asks for.
type act struct {
	Do          cards.Do
	Number      string // of the card; empty: the one in the reader. Of a replacement the old one
	Product     string
	Certificate string
	Reason      string
	First       uint32 // fen of the first load of a sale
	PIN         string // the new one, of an unblocked card
}

// reads reports whether the act is done with the card in the reader, whatever number is given.
func (a *act) reads() bool {
	return a.Do == cards.Sell || a.Do == cards.Return || a.Do == cards.Replace || a.Do == cards.UnblockPIN || a.Do == cards.Extend || a.Number == ""
}

// planned is an act as it was shown: the order, what it costs, and the card in the reader.
type planned struct {
	act
	Order  cards.Order
	Choice api.CardChoice
	Seen   *counter.Seen // of an act with the card in the reader
	Behind bool          // the centre has done it before: only the card does not have it
	Permit *api.Permit   // to write that
	Two    bool          // it takes two people, who are still to be asked
}

// prepare finds out what an act would do, and cost. Nothing is done.
func (t *till) prepare(ctx context.Context, a *act) (*planned, error) {
	if a.Reason == "" {
		a.Reason = "counter"
	}
	plan := &planned{act: *a}
	number := a.Number
	if a.reads() {
		s, _, err := t.look(ctx, t.wait)
		if err != nil {
			return nil, err
		}
		if s.Transit == nil {
			return nil, service.Refuse("nothing was done").Because(language.Textf("this is not a transit card"))
		}
		if len(s.Open) > 0 {
			return nil, service.Refuse("nothing was done").Todo("give cardterm counter resolve with this card").Because(counter.ErrOpen)
		}
		plan.Seen = &s
	}
	if a.Do == cards.UnblockPIN {
		if _, err := ssc.PIN(a.PIN); err != nil {
			return nil, service.Refuse("nothing was done").Because(language.Textf("the PIN must be 4 to 12 digits")) // the error would quote it
		}
	}
	if a.Do == cards.UnblockPIN || a.Do == cards.Extend {
		if _, err := t.secures(); err != nil { // before anything is done at the centre
			return nil, err
		}
	}
	order, err := t.number(t.now())
	if err != nil {
		return nil, err
	}
	o := cards.Order{Number: order, Channel: t.till.channel, Counter: t.till.counter, Do: a.Do, Card: number, Product: a.Product, Certificate: a.Certificate}
	switch {
	case a.Do == cards.Replace:
		o.New = plan.Seen.Transit.Number
	case plan.Seen != nil:
		o.Card = plan.Seen.Transit.Number
	}
	if _, err := tunion.ParseNumber(o.Card); err != nil {
		return nil, service.Exit(service.ExitUsage, service.Fail("which card?").Todo("give the 19 or 20 digits of its number").Because(err))
	}
	if a.Do == cards.Extend {
		last, permit, err := t.behind(ctx, plan.Seen)
		if err != nil || last != 0 {
			plan.Order, plan.Choice, plan.Behind, plan.Permit = o, api.CardChoice{Do: a.Do, Becomes: last}, true, permit
			return plan, err
		}
	}
	plan.Order = o
	return plan, t.quote(ctx, plan)
}

// quote asks the centre what an act would do and cost. Where two people have let it be done, its
// order is the one that they signed.
func (t *till) quote(ctx context.Context, plan *planned) error {
	if t.office == nil {
		return errNoOffice
	}
	o := &plan.Order
	was, err := t.askedFor(ctx, o)
	if err != nil {
		return err
	}
	if plan.Do == cards.Return { // the card pays what it holds
		o.Emptied = ledger.Fen(max(plan.Seen.Transit.BalanceFen, 0))
	}
	done, err := t.plan(ctx, o, plan.Reason)
	if err != nil {
		return err
	}
	if done.Choice.Obstacle != "" {
		return service.Refuse("nothing was done").Because(errors.New(done.Choice.Obstacle))
	}
	plan.Choice, o.Cash = done.Choice, done.Choice.Cash
	plan.Two = was == nil && done.Choice.Two != ""
	if was != nil {
		return t.asAsked(o, was)
	}
	return nil
}

// cash is what goes over the counter, with the first load of a sale.
func (p *planned) cash() ledger.Fen { return cashOf(&p.Order) + ledger.Fen(p.First) }

// text says what the act does and costs.
func (p *planned) text() *language.Text {
	card := maskedNumber(p.Order.Card)
	if p.Order.New != "" {
		card += " → " + maskedNumber(p.Order.New)
	}
	switch cash := p.cash(); {
	case cash > 0:
		return language.Textf("%w, card %s: the customer pays %s yuan", doText(p.Do), card, cash.String())
	case cash < 0:
		return language.Textf("%w, card %s: the customer gets %s yuan", doText(p.Do), card, (-cash).String())
	}
	return language.Textf("%w, card %s: no cash", doText(p.Do), card)
}

// doText is an act in words.
func doText(do cards.Do) *language.Text {
	switch do {
	case cards.Sell:
		return language.Textf("sell")
	case cards.Return:
		return language.Textf("return")
	case cards.ReportLoss:
		return language.Textf("report lost")
	case cards.ReportBrief:
		return language.Textf("report lost for now")
	case cards.Find:
		return language.Textf("found again")
	case cards.Replace:
		return language.Textf("replace")
	case cards.Extend:
		return language.Textf("extend")
	case cards.HandIn:
		return language.Textf("hand in")
	case cards.Refund:
		return language.Textf("refund")
	case cards.CutDeposit:
		return language.Textf("cut the deposit")
	case cards.UnblockPIN:
		return language.Textf("unblock the PIN")
	}
	return language.Textf("change")
}

// carriedOut is what became of an act.
type carriedOut struct {
	Done     api.CardDone
	Loads    []*loaded // the first load, or what waited
	Unsent   bool
	Proposal int64 // nothing was done: this waits for a second person
}

// carryOut does an act as it was shown: with the card that was shown, and for that cash.
func (t *till) carryOut(ctx context.Context, p *planned) (*carriedOut, error) {
	out := &carriedOut{}
	if p.Seen != nil {
		if err := t.stand.with(ctx, t.wait, func(ctx context.Context, held *reader.Card) error { return t.same(ctx, held, p.Seen) }); err != nil {
			return nil, err
		}
	}
	if p.Two {
		number, err := t.ask(ctx, p.Order, p.Choice.Given, p.Reason)
		if err != nil {
			return nil, err
		}
		out.Proposal = number
		return out, nil
	}
	if p.Order.Emptied > 0 {
		if err := t.empty(ctx, p); err != nil {
			return nil, err
		}
	}
	if p.Behind {
		out.Done = api.CardDone{Repeated: true, Step: api.CardStep{Order: p.Order.Number, Do: string(p.Do)}, Choice: p.Choice}
		return out, t.onCard(ctx, p, p.Permit)
	}
	done, err := t.step(ctx, &pendingStep{Order: p.Order, Reason: p.Reason, Paid: p.Order.Emptied > 0}, p.Order.Certificate)
	if err != nil {
		return nil, err
	}
	out.Done = done
	if err := t.onCard(ctx, p, done.Permit); err != nil {
		return out, err
	}
	if p.Do == cards.Sell && p.First > 0 {
		load, err := t.topUp(ctx, p.Seen, p.First)
		if err != nil {
			return out, err
		}
		out.Loads = append(out.Loads, loadedOf(load, false))
	}
	if p.Do == cards.Replace {
		loads, err := t.writeWaiting(ctx, p.Seen)
		for _, l := range loads {
			of := loadedOf(l.Load, false)
			of.receipt = l.Receipt()
			out.Loads = append(out.Loads, of)
		}
		return out, err
	}
	return out, nil
}

// same refuses another card than the one that was shown.
func (t *till) same(ctx context.Context, held *reader.Card, s *counter.Seen) error {
	now, err := t.desk.Book.Look(ctx, held, held.ATR())
	if err != nil {
		return err
	}
	if now.ID != s.ID || now.Transit == nil || now.Transit.BalanceFen != s.Transit.BalanceFen {
		return counter.ErrSwapped
	}
	return nil
}

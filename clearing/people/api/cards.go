package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"citycard/clearing/cards"
	"citycard/clearing/people"
	"citycard/clearing/people/access"
	"citycard/clearing/transit/load"
	"citycard/language"
	"citycard/ledger"
)

// FindingCard asks for one card.
type FindingCard struct {
	Number string `json:"number" pattern:"^[0-9]{19,20}$" doc:"The card's number, as it is printed (19 digits) or on the card (20)"`
}

// Card is a card as it stands.
type Card struct {
	Number  string         `json:"number"`
	Product string         `json:"product,omitempty" doc:"As what it was sold"`
	Type    string         `json:"type,omitempty" doc:"Its card type as the registry has it, two hexadecimal digits"`
	Serial  int64          `json:"serial,omitempty" doc:"Of the blank that it was made of"`
	Holder  string         `json:"holder" enum:"registered,anonymous,unknown" doc:"Whether it is a person's. Who that is, nothing here says"`
	State   cards.State    `json:"state" doc:"unknown, issued, spoilt, active, lost_for_now, lost, handed_in, replaced, returned, refunded, inactive"`
	Social  cards.Function `json:"social_security,omitempty" doc:"Of a social-security card its function: waiting, active, suspended, ended"`
	Bank    cards.Function `json:"bank,omitempty" doc:"The same of its bank's function, as the bank's file says; it changes nothing of what else may be done"`
	BankDay ledger.Day     `json:"bank_day,omitempty" doc:"The bank's day YYYYMMDD of that; left out: there is nothing from the bank yet"`
	Since   ledger.Day     `json:"since,omitempty" doc:"The day YYYYMMDD on which it came to this state"`
	Expires ledger.Day     `json:"expires,omitempty" doc:"Its last day of use"`
	Expired bool           `json:"expired"`
	Listed  bool           `json:"listed" doc:"It is on the hotlist now"`
	Shadow  ledger.Fen     `json:"shadow_fen" doc:"What its purse should hold by the books"`
	Deposit ledger.Fen     `json:"deposit_fen" doc:"What is held of it as deposit"`
	// Emptying is in the shadow balance, and was given to the customer.
	Emptying ledger.Fen    `json:"emptying_fen,omitempty" doc:"What a tap at a counter took from its purse as it was returned, by the counter's word: that tap has not come"`
	Waiting  []WaitingLoad `json:"waiting" doc:"Loads that come onto it when it is next presented"`
	Permit   *Permit       `json:"permit,omitempty" doc:"By which its last day is written on it, where the card has another"`
	Steps    []CardStep    `json:"steps" doc:"All that was done with it, oldest first"`
	May      []CardChoice  `json:"may" doc:"What may be done with it now, and for how much"`
}

// WaitingLoad is a load that waits for a card.
type WaitingLoad struct {
	Placer string     `json:"placer" doc:"channel:ID, or card:DIGITS of the card whose balance it is; a counter repeats it"`
	Order  string     `json:"order" doc:"The placer's number; a counter repeats it"`
	State  load.State `json:"state" doc:"waiting; held: a person decides; or authorised: MAC2 was given out"`
	Fen    ledger.Fen `json:"fen"`
}

// CardStep is one thing that was done with a card.
type CardStep struct {
	Number int64       `json:"number" doc:"From 1, of this card"`
	Do     string      `json:"do"`
	State  cards.State `json:"state" doc:"To which the card came"`
	Day    ledger.Day  `json:"day" doc:"The clearing day"`
	At     time.Time   `json:"at"`
	Unit   people.Unit `json:"unit,omitempty"`
	Person string      `json:"person,omitempty" doc:"Empty: the program, by rule"`
	Order  string      `json:"order,omitempty"`
	Cash   ledger.Fen  `json:"cash_fen" doc:"What the customer paid; below zero, was given"`
	Lines  []CardLine  `json:"lines"`
	Detail string      `json:"detail,omitempty"`
}

// CardLine is a part of what something costs.
type CardLine struct {
	What cards.Line `json:"what" doc:"price, fee, deposit, purse: what the amount is for"`
	Fen  ledger.Fen `json:"fen" doc:"Paid by the customer; below zero, given to them"`
}

// CardChoice is something that may be done with a card.
type CardChoice struct {
	Do       cards.Do   `json:"do"`
	Product  string     `json:"product,omitempty" doc:"Of a sale"`
	Cash     ledger.Fen `json:"cash_fen" doc:"What the customer pays; below zero, is given"`
	Lines    []CardLine `json:"lines"`
	Holder   bool       `json:"holder,omitempty" doc:"The holder's certificate must be shown"`
	New      bool       `json:"new,omitempty" doc:"A new card takes its place"`
	Empties  bool       `json:"empties,omitempty" doc:"First the purse is emptied, by a tap at the counter; cash_fen is without it"`
	From     ledger.Day `json:"from,omitempty" doc:"Not before this day"`
	Waits    ledger.Fen `json:"waits_fen,omitempty" doc:"What comes onto the new card as a load that waits"`
	Becomes  ledger.Day `json:"becomes,omitempty" doc:"The last day of use that it would have"`
	Obstacle string     `json:"obstacle,omitempty" doc:"Why it cannot be done just now, in words"`
	Given    ledger.Fen `json:"given_fen,omitempty" doc:"What is given back, with what the purse has, or goes over from a card that is nobody's"`
	Two      string     `json:"two_people,omitempty" doc:"Why it takes two people, in words: first a proposal (consent to card act) lets this order be done"`
}

// CardOrder has one thing done with one card.
type CardOrder struct {
	Order       string     `json:"order" minLength:"1" maxLength:"64" doc:"The counter's order number: one order's for ever. The same order again has the same answer"`
	Channel     string     `json:"channel" minLength:"1" maxLength:"32" doc:"As the registry has it"`
	Counter     string     `json:"counter" minLength:"1" maxLength:"32" doc:"Which of the channel's counters. Cash takes an open shift of it"`
	Do          cards.Do   `json:"do" enum:"sell,report_loss,report_loss_for_now,find,replace,extend,return,hand_in,refund,cut_deposit,unblock_pin,activate_social,suspend_social"`
	Number      string     `json:"number" pattern:"^[0-9]{19,20}$" doc:"The card's"`
	Product     string     `json:"product,omitempty" maxLength:"40" doc:"What is sold"`
	New         string     `json:"new,omitempty" pattern:"^([0-9]{19,20})?$" doc:"Number of the card that takes its place"`
	Cash        ledger.Fen `json:"cash_fen" doc:"What the customer pays; below zero, is given: as was shown, and signed. A dry run says what it would be, and does not look at this"`
	Emptied     ledger.Fen `json:"emptied_fen,omitempty" minimum:"0" doc:"What a tap at the counter took from the purse of a returned card; it is given to the customer, too"`
	Tap         string     `json:"emptied_tap,omitempty" pattern:"^([0-9a-f]{12}-[0-9]{14})?$" doc:"Which tap that was: its terminal, a hyphen, and its time in 14 digits, as the card has signed them. A dry run needs none"`
	Certificate string     `json:"certificate,omitempty" maxLength:"128" doc:"Number of the holder's certificate, where the card is or becomes a person's. It is not kept"`
	Salt        string     `json:"salt" pattern:"^[0-9a-f]{64}$" doc:"Random: what is signed has digests with it in place of whole numbers. Its second half is not kept"`
	Signed      Signature  `json:"signed" doc:"Statement of the act: its what is \"order ORDER of channel:CHANNEL at COUNTER: DO ****LAST4\", then \" as PRODUCT\", \" by ****LAST4\" of the new card, \", emptied of N fen by tap TAP\" where there is such a thing, \", cash N fen, cards DIGEST\", and \", shown DIGEST\" where there is a certificate. A digest is the first 32 hexadecimal digits of a SHA-256: of the first half of the salt, a blank, the 20 digits of the card's number and, after a blank, those of the new card's; or of the second half, a blank and the number of the certificate"`
}

func (o *CardOrder) order() *cards.Order {
	return &cards.Order{
		Number: o.Order, Channel: o.Channel, Counter: o.Counter, Do: o.Do, Card: o.Number, Product: o.Product, New: o.New, Cash: o.Cash,
		Certificate: o.Certificate, Emptied: o.Emptied, Tap: o.Tap, Salt: o.Salt,
	}
}

// CardDone is what was done.
type CardDone struct {
	Repeated bool       `json:"repeated" doc:"It was done before, under this order: nothing was done now"`
	Step     CardStep   `json:"step"`
	Choice   CardChoice `json:"choice" doc:"What it was, with its money"`
	Shift    int64      `json:"shift,omitempty" doc:"Number of the shift whose cash it moves"`
	Permit   *Permit    `json:"permit,omitempty" doc:"By which a new PIN or another last day is written on the card"`
}

// ProductPage are the products that are sold on a day.
type ProductPage struct {
	Day      ledger.Day      `json:"day"`
	Version  string          `json:"version" doc:"Of the document that holds on the day"`
	Example  bool            `json:"example" doc:"Nobody answers for its figures"`
	Products []cards.Product `json:"products"`
}

func (s *Server) registerCards() {
	huma.Register(s.api, look("products", http.MethodGet, "/v1/products", "cards", "What is sold",
		"The products that hold on a day, with price, deposit and fees.", bodyLimit), s.products)
	find := look("find-card", http.MethodPost, "/v1/cards/find", "cards", "How a card stands",
		"Product, states, what the purse should hold, what waits for it, all that was done, and what may be done now and for how much. Never whose it is.", bodyLimit)
	huma.Register(s.api, find, s.findCard)
	step := act("step-card", "/v1/cards/steps", "Do one thing with a card",
		"Signed by who sits at the counter, once for each order number. A dry run says what it would cost.", bodyLimit)
	step.Tags = []string{"cards"}
	huma.Register(s.api, step, s.stepCard)
	s.registerBank()
	s.registerShifts()
}

// counters is the room of cards over an office's ledger.
func (s *Server) counters(ctx context.Context, dry bool) (*cards.Office, error) {
	office, err := s.s.Cards(ctx, s.office(dry).Ledger)
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	return office, nil
}

func (s *Server) products(ctx context.Context, in *struct {
	Day int32 `query:"day" minimum:"0" doc:"YYYYMMDD; left out: today"`
},
) (*answer[ProductPage], error) {
	day := ledger.Day(in.Day)
	if day != 0 && !day.Valid() {
		return nil, s.ofField(ctx, "query.day", language.Textf("want a day YYYYMMDD"))
	}
	office, err := s.counters(ctx, false)
	if err != nil {
		return nil, err
	}
	day, of, err := office.Selling(ctx, day)
	if err != nil {
		return nil, s.ofCards(ctx, err)
	}
	return &answer[ProductPage]{ProductPage{Day: day, Version: of.Name(), Example: of.Example, Products: of.Products}}, nil
}

func (s *Server) findCard(ctx context.Context, in *struct{ Body FindingCard }) (*answer[Card], error) {
	if err := callerOf(ctx).seesCards(); err != nil {
		return nil, s.problem(ctx, err)
	}
	office, err := s.counters(ctx, false)
	if err != nil {
		return nil, err
	}
	found, err := office.Find(ctx, in.Body.Number)
	if err != nil {
		return nil, s.ofCards(ctx, err)
	}
	card := cardOf(callerOf(ctx).language, found)
	card.Permit = s.permitFor(ctx, found)
	return &answer[Card]{card}, nil
}

// seesCards refuses who works for an operator, a hospital or the pension office: what a card has
// and where it was is none of theirs.
func (c caller) seesCards() error {
	if c.person == nil || c.person.Unit == people.Issuer || c.person.Unit == people.City || access.IsChannel(c.person.Unit) {
		return nil
	}
	return &people.DeniedError{Person: *c.person, Act: "find card"}
}

func cardOf(l language.Language, f *cards.Found) Card {
	c := Card{
		Number: f.Number, Product: f.Product, Serial: f.Serial, Holder: "unknown", State: f.State, Social: f.Social, Bank: f.Bank, BankDay: f.BankDay, Since: f.Since, Expires: f.Expires, Expired: f.Expired,
		Listed: f.Listed, Shadow: f.Purse, Deposit: f.Deposit, Emptying: f.Emptying, Waiting: []WaitingLoad{}, Steps: []CardStep{}, May: []CardChoice{},
	}
	if f.Known {
		c.Type, c.Holder = fmt.Sprintf("%02x", f.Type), "anonymous"
	}
	if f.Person {
		c.Holder = "registered"
	}
	for _, w := range f.Waiting {
		c.Waiting = append(c.Waiting, WaitingLoad{Order: w.Order, Placer: string(w.Placer), State: w.State, Fen: w.Fen})
	}
	for i := range f.Steps {
		c.Steps = append(c.Steps, stepOf(&f.Steps[i]))
	}
	for i := range f.May {
		c.May = append(c.May, choiceOf(l, &f.May[i]))
	}
	return c
}

func stepOf(s *cards.Step) CardStep {
	return CardStep{
		Number: s.Step, Do: string(s.Do), State: s.Left.State, Day: s.Day, At: s.At.UTC(), Unit: s.Unit, Person: s.Person, Order: s.Order, Cash: s.Cash(), Lines: linesOf(s.Amounts),
	}
}

func linesOf(amounts []cards.Amount) []CardLine {
	lines := make([]CardLine, 0, len(amounts))
	for _, a := range amounts {
		lines = append(lines, CardLine(a))
	}
	return lines
}

func choiceOf(l language.Language, c *cards.Choice) CardChoice {
	out := CardChoice{
		Do: c.Do, Product: c.Product, Cash: c.Cash(), Lines: linesOf(c.Amounts), Holder: c.Holder, New: c.New, Empties: c.Empties, From: c.From, Waits: c.Waits, Becomes: c.Becomes, Given: c.Given,
	}
	if c.Obstacle != nil {
		out.Obstacle = c.Obstacle.In(l)
	}
	if c.Two != nil {
		out.Two = c.Two.In(l)
	}
	return out
}

// ofField is the problem of one field.
func (s *Server) ofField(ctx context.Context, field string, what *language.Text) *Problem {
	l := callerOf(ctx).language
	p := newProblem(l, Invalid, Invalid.title(), nil)
	p.Errors = []Fault{{field, what.In(l)}}
	return p
}

// ofCards is the problem that an error of package cards is.
func (s *Server) ofCards(ctx context.Context, err error) *Problem {
	l := callerOf(ctx).language
	if of, ok := errors.AsType[*cards.OrderError](err); ok {
		return s.ofField(ctx, "body."+of.Field, of.What)
	}
	if moved, ok := errors.AsType[*cards.MovedError](err); ok {
		return newProblem(l, Stale, moved.Text(), language.Textf("look at the card again, and sign what it costs now"))
	}
	if two, ok := errors.AsType[*cards.TwoError](err); ok {
		return newProblem(l, TwoPeople, two.What, language.Textf("propose it (%s): somebody else approves it", two.Kind))
	}
	if refused, ok := errors.AsType[*cards.Refusal](err); ok {
		return newProblem(l, Refused, refused.What, refused.Todo)
	}
	return s.problem(ctx, err)
}

// ofUnit is the approval of an act of one person about a unit, by who signed it.
func (s *Server) ofUnit(ctx context.Context, store *people.Store, signed Signature, act string, unit people.Unit, what string) (by ledger.Approval, err error) {
	if _, err := s.believes(ctx, store, signed, act); err != nil {
		return by, err
	}
	if by, err = store.SignedFor(ctx, signed.chain(), act, unit); err != nil {
		return by, s.problem(ctx, err)
	}
	return by, s.saying(ctx, by, what)
}

func (s *Server) stepCard(ctx context.Context, in *struct {
	DryRun
	Body CardOrder
},
) (*answer[CardDone], error) {
	order := in.Body.order()
	if err := order.Check(); err != nil {
		return nil, s.ofCards(ctx, err)
	}
	said := order.Said()
	by, err := s.ofUnit(ctx, s.office(in.Dry).People, in.Body.Signed, order.Do.Act(), order.Unit(), said.What())
	if err != nil {
		return nil, err
	}
	office, err := s.counters(ctx, in.Dry)
	if err != nil {
		return nil, err
	}
	done, err := office.Do(ctx, order, by)
	if err != nil {
		return nil, s.ofCards(ctx, err)
	}
	out := CardDone{
		Repeated: done.Repeated, Step: stepOf(&done.Step), Choice: choiceOf(callerOf(ctx).language, &done.Choice), Shift: done.Step.Shift,
	}
	if !in.Dry {
		out.Permit = s.permitOf(ctx, done)
	}
	return &answer[CardDone]{out}, nil
}

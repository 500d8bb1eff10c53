package cards

import (
	"encoding/hex"
	"slices"
	"time"

	"citycard/clearing/chart"
	"citycard/clearing/registry/index"
	"citycard/language"
	"citycard/ledger"
)

// held is a card with all that is known of it.
type held struct {
	registered
	was   Standing
	steps int64
	used  bool       // the journal has rows of it
	purse ledger.Fen // what it should hold
	waits ledger.Fen // paid, and waiting for it
	torn  ledger.Fen // authorised for it, and not confirmed
	ends  ledger.Day // last day of use: the registry's, or one that an act has set and the registry is to have yet
}

// Choice is something that may be done with a card, with its money.
type Choice struct {
	Do       Do
	Product  string
	Amounts  []Amount
	Holder   bool           // the certificate must be shown
	New      bool           // another card takes its place
	Empties  bool           // the purse is emptied by a tap before
	From     ledger.Day     // not before this day
	Waits    ledger.Fen     // comes onto the new card as a load that waits
	Becomes  ledger.Day     // its last day of use
	Obstacle *language.Text // why it cannot be done just now
	Given    ledger.Fen     // back to the customer, or what goes over to another card
	Two      *language.Text // why it takes two people; nil: one clerk does it
}

// Cash is what the customer pays; below zero, what is given.
func (c *Choice) Cash() ledger.Fen { return cash(c.Amounts) }

// move is a transfer of a step.
type move struct {
	debit, credit string
	fen           ledger.Fen
	purpose       ledger.Purpose
}

// plan is what an order does.
type plan struct {
	Choice
	product   Product
	left      Standing
	newLeft   *Standing
	moves     []move // of the card
	newMoves  []move // of the new card
	due       *Due
	unshelved ledger.Fen // of an inactive card: goes back to its purse
}

// planner makes plans as of a moment.
type planner struct {
	figures *Figures
	channel string // account
}

// effective is how a card stands today: a loss for now may be over.
func (s *Standing) effective(today ledger.Day) State {
	if s.State == Brief && s.Lapses <= today {
		return Active
	}
	return s.State
}

// product is what a card is, by today's rules. One that was not sold here is the first product of
// its type, a person's if the registry says so.
func (p *planner) product(h *held) (Product, bool) {
	today := p.figures.today()
	if h.was.Product != "" {
		return p.figures.Products.Product(h.was.Product, today)
	}
	for _, product := range p.figures.Products.On(today).Products {
		if product.CardType == h.kind && product.Personal() == h.person {
			return product, true
		}
	}
	return Product{}, false
}

// sellable are the products as which a card can be sold.
func (p *planner) sellable(h *held) (all []Product) {
	for _, product := range p.figures.Products.On(p.figures.today()).Products {
		if product.CardType == h.kind && (h.was.Product == "" || h.was.Product == product.ID) {
			all = append(all, product)
		}
	}
	return all
}

// allowed lists what may be done with a card in a state. What a product allows is asked later.
func allowed(state State) []Do {
	switch state {
	case Issued:
		return []Do{Sell}
	case Unknown, Active:
		return []Do{ReportLoss, ReportBrief, Replace, Extend, Return, HandIn, CutDeposit, UnblockPIN, Activate, Suspend}
	case Brief:
		return []Do{ReportLoss, Find, Replace}
	case Lost:
		return []Do{Find, Replace, Refund}
	case HandedIn:
		return []Do{Refund, Replace, Find}
	case Spoilt, Replaced, Returned, Refunded:
	case Inactive:
		return []Do{Return, HandIn, Extend, Replace}
	}
	return nil
}

// fresh reports whether a card can be sold, or take the place of another one.
func (h *held) fresh() bool { return h.was.State == Issued || h.was.State == Unknown && !h.used }

// make plans one thing. With a new card it is that of a replacement. The holder's certificate is
// asked for by the caller.
func (p *planner) make(do Do, h *held, product string, fresh *held) (*plan, error) {
	today := p.figures.today()
	if !h.known {
		return nil, refusal(language.Textf("the registry has no card %s", h.shown()), language.Textf("check its number; a new card is sold once the registry has it"))
	}
	state := h.was.effective(today)
	if do == Sell {
		return p.sell(h, product)
	}
	if !slices.Contains(allowed(state), do) {
		return nil, refusal(language.Textf("card %s is %s; it cannot be done with such a card", h.shown(), string(state)), language.Textf("look at the card: what may be done with it stands there"))
	}
	of, known := p.product(h)
	if !known {
		return nil, refusal(language.Textf("no product is of the type of card %s", h.shown()), language.Textf("bring products into force that name its card type"))
	}
	m := &plan{Choice: Choice{Do: do, Product: of.ID}, product: of, left: h.was}
	m.left.Number, m.left.Since = index.Number(h.id.ASN).Digits(), today
	if m.unshelved, m.left.Shelved = h.was.Shelved, 0; m.unshelved > 0 {
		m.moves = append(m.moves, move{chart.Inactive, chart.Float, m.unshelved, chart.PurposeInactive})
	}
	m.Holder = of.Personal() && (do != HandIn || h.was.Holder != "")
	if err := p.fill(m, h, fresh); err != nil {
		return m, err
	}
	emptied := ledger.Fen(0)
	if m.Empties {
		emptied = max(h.purse, 0)
	}
	m.judge(h, emptied)
	return m, nil
}

func (h *held) shown() string { return index.Number(h.id.ASN).String() }

func (p *planner) fill(m *plan, h *held, fresh *held) error {
	switch m.Do {
	case ReportLoss, ReportBrief:
		return p.lose(m)
	case Find:
		m.left.State, m.left.Lapses = Active, 0
		m.due = &Due{Until: p.moment()}
	case Replace:
		return p.replace(m, h, fresh)
	case Extend:
		return p.extend(m, h)
	case Return:
		return p.giveBack(m, h)
	case HandIn:
		return p.handIn(m)
	case Refund:
		return p.refund(m, h)
	case CutDeposit:
		return p.cut(m)
	case Activate, Suspend:
		return p.function(m)
	case UnblockPIN, Sell:
	}
	return nil
}

func (p *planner) moment() int64 { return int64(index.MomentAt(p.figures.Now).Number()) }

// pays adds what a customer pays to an account, or gets from it below zero.
func (p *planner) pays(m *plan, what Line, account string, fen ledger.Fen, purpose ledger.Purpose) {
	if fen == 0 {
		return
	}
	m.Amounts = append(m.Amounts, Amount{what, fen})
	of := move{p.channel, account, fen, purpose}
	if fen < 0 {
		of = move{account, p.channel, -fen, purpose}
	}
	m.moves = append(m.moves, of)
}

func (p *planner) sell(h *held, id string) (*plan, error) {
	today := p.figures.today()
	of, sold := p.figures.Products.On(today).Product(id)
	switch {
	case !sold:
		return nil, refusal(language.Textf("no product %q is sold on %s", id, today.String()), language.Textf("the list of products has their names"))
	case h.was.State != Issued && h.was.State != Unknown:
		return nil, refusal(language.Textf("card %s is %s; only a new card is sold", h.shown(), string(h.was.State)), language.Textf("take another card"))
	case !h.fresh():
		return nil, refusal(language.Textf("card %s was used before; only a new card is sold", h.shown()), language.Textf("take another card"))
	case h.was.Product != "" && h.was.Product != of.ID:
		return nil, refusal(language.Textf("card %s was made to be sold as %s, not as %s", h.shown(), h.was.Product, of.ID), language.Textf("sell it as that, or take another card"))
	case of.CardType != h.kind:
		return nil, refusal(language.Textf("product %s is of card type %d, and card %s of type %d", of.ID, of.CardType, h.shown(), h.kind), language.Textf("take a card of its type"))
	case h.status != index.Active.String() || h.listed:
		return nil, refusal(language.Textf("card %s is blocked or listed", h.shown()), language.Textf("take another card"))
	case h.expires < today:
		return nil, refusal(language.Textf("card %s has expired", h.shown()), language.Textf("take another card"))
	}
	m := &plan{Choice: Choice{Do: Sell, Product: of.ID, Holder: of.Personal()}, product: of}
	m.left = Standing{Number: index.Number(h.id.ASN).Digits(), State: Active, Since: today, Product: of.ID, Deposit: of.DepositFen, Serial: h.was.Serial}
	if of.SocialSecurity {
		m.left.Social, m.left.Bank = Waiting, Waiting
	}
	p.pays(m, Price, chart.Fees, of.PriceFen, chart.PurposeCardPrice)
	p.pays(m, Fee, chart.Fees, of.FeeFen, chart.PurposeCardFee)
	p.pays(m, Deposit, chart.Deposits, of.DepositFen, chart.PurposeCardDeposit)
	return m, nil
}

// lose has a card that is a person's be listed.
func (p *planner) lose(m *plan) error {
	if !m.product.Personal() {
		return refusal(language.Textf("the card is nobody's: only a card that is registered to a person can be reported lost"), language.Textf("nothing can be done for its holder"))
	}
	today := p.figures.today()
	m.due = &Due{Since: p.moment(), Reason: "lost"}
	if m.Do == ReportBrief {
		m.left.State, m.left.Lapses = Brief, today.Add(m.product.BriefDays)
		m.due.Until = int64(m.left.Lapses.Add(-1))*1_000_000 + 235959
		return nil
	}
	m.left.State = Lost
	return p.waits(m)
}

// waits sets the day from which the money of a card that cannot be presented is paid.
func (p *planner) waits(m *plan) (err error) {
	m.left.Lapses, err = workdays(p.figures.Calendar, p.figures.today(), m.product.WaitWorkdays)
	m.From = m.left.Lapses
	return err
}

func (p *planner) handIn(m *plan) error {
	if !m.product.Refundable {
		return p.notTaken(m)
	}
	m.left.State = HandedIn
	m.due = &Due{Since: p.moment(), Reason: "handed_in"}
	return p.waits(m)
}

func (p *planner) notTaken(m *plan) error {
	return refusal(language.Textf("cards of the product %s are not returned", m.product.ID), language.Textf("the product's rules say so"))
}

func (p *planner) giveBack(m *plan, h *held) error {
	if !m.product.Refundable {
		return p.notTaken(m)
	}
	if h.listed {
		return refusal(language.Textf("card %s is on the hotlist", h.shown()), language.Textf("have it reported found first, or hand it in"))
	}
	m.Empties = true
	open := h.waits
	if h.purse < 0 { // a load whose word is on its way would make up for it
		open += h.torn
	}
	p.stays(m, open)
	p.overdrawn(m, h)
	p.pays(m, Deposit, chart.Deposits, -h.was.Deposit, chart.PurposeCardRefund)
	m.left.State, m.left.Deposit, m.left.Lapses = Returned, 0, 0
	return nil
}

// stays has nothing paid out while a load waits for the card: it would wait for ever.
func (p *planner) stays(m *plan, fen ledger.Fen) {
	if fen > 0 {
		m.Obstacle = language.Textf("%s yuan wait for the card or may be on it: have them written, or taken back, or the card replaced", fen.String())
	}
}

// overdrawn takes what the purse is overdrawn off the deposit, as far as that goes. The rest is
// booked by rule.
func (p *planner) overdrawn(m *plan, h *held) {
	if h.purse < 0 {
		p.pays(m, Purse, chart.Float, min(-h.purse, h.was.Deposit), chart.PurposeCardRefund)
	}
}

// refund pays what a card should hold and its deposit. What the purse is overdrawn comes off.
func (p *planner) refund(m *plan, h *held) error {
	if !m.product.Refundable {
		return p.notTaken(m)
	}
	p.pays(m, Purse, chart.Float, -max(h.purse, 0), chart.PurposeCardRefund)
	p.overdrawn(m, h)
	p.stays(m, h.waits+h.torn)
	p.pays(m, Deposit, chart.Deposits, -h.was.Deposit, chart.PurposeCardRefund)
	m.left.State, m.left.Deposit, m.left.Lapses, m.From = Refunded, 0, 0, h.was.Lapses
	if p.figures.today() < h.was.Lapses {
		m.Obstacle = language.Textf("its money is paid from %s on, when late taps have come", h.was.Lapses.String())
	}
	return nil
}

func (p *planner) cut(m *plan) error {
	more := m.left.Deposit - m.product.DepositFen
	if !m.product.GiveBack || more <= 0 {
		return refusal(language.Textf("of the deposit of %s yuan nothing is given back", m.left.Deposit.String()), language.Textf("the product's rules say what is held"))
	}
	p.pays(m, Deposit, chart.Deposits, -more, chart.PurposeCardRefund)
	m.left.Deposit -= more
	return nil
}

func (p *planner) extend(m *plan, h *held) error {
	if m.product.ExtendMonths == 0 {
		return refusal(language.Textf("cards of the product %s are not extended", m.product.ID), language.Textf("replace it"))
	}
	today := p.figures.today()
	last := h.ends
	if last > months(today, 3) {
		return refusal(language.Textf("card %s is good until %s", h.shown(), last.String()), language.Textf("extend it when it has expired, or is about to"))
	}
	m.left.Expires = months(max(today, last), m.product.ExtendMonths)
	m.Becomes, m.due = m.left.Expires, &Due{Expires: m.left.Expires}
	if m.left.State == Inactive {
		m.left.State, m.left.Lapses = Active, 0
	}
	return nil
}

// replace has another card take a card's place, with its deposit. What the purse should hold
// follows when late taps have come.
func (p *planner) replace(m *plan, h *held, fresh *held) error {
	state := h.was.effective(p.figures.today())
	if !m.product.Personal() && state != HandedIn {
		return refusal(language.Textf("card %s is nobody's: it is replaced once it is handed in", h.shown()), language.Textf("hand it in first"))
	}
	m.New, m.Waits = true, max(h.purse, 0)
	p.pays(m, Fee, chart.Fees, m.product.ReplacementFeeFen, chart.PurposeCardFee)
	m.left.State, m.left.Deposit = Replaced, 0
	if state != Lost && state != HandedIn { // those wait since they were reported
		if err := p.waits(m); err != nil {
			return err
		}
	}
	m.From = m.left.Lapses
	m.due = &Due{Since: p.moment(), Reason: "replaced"} // for good, whatever lists it now
	if fresh == nil {
		return nil
	}
	switch {
	case !fresh.known || fresh.card() == h.card():
		return refusal(language.Textf("the registry has no such new card"), language.Textf("check its number"))
	case !fresh.fresh() || fresh.status != index.Active.String() || fresh.listed || fresh.expires < p.figures.today():
		return refusal(language.Textf("card %s is not new", fresh.shown()), language.Textf("take another card"))
	case fresh.was.Product != "" && fresh.was.Product != m.product.ID:
		return refusal(language.Textf("card %s was made to be sold as %s, not as %s", fresh.shown(), fresh.was.Product, m.product.ID), language.Textf("take another card"))
	case fresh.kind != m.product.CardType:
		return refusal(language.Textf("the new card is of type %d, want %d", fresh.kind, m.product.CardType), language.Textf("take a card of its type"))
	}
	digits := index.Number(fresh.id.ASN).Digits()
	m.newLeft = &Standing{
		Number: digits, State: Active, Since: m.left.Since, Product: m.product.ID, Deposit: h.was.Deposit, Holder: h.was.Holder,
		Social: h.was.Social, Bank: h.was.Bank, Other: m.left.Number, Serial: fresh.was.Serial,
	}
	if m.newLeft.Bank != NoFunction {
		m.newLeft.Bank = Waiting // the bank says it of the new card
	}
	m.left.Other = digits
	if h.was.Deposit > 0 { // its row in the books is the card's, so it goes through the channel
		m.moves = append(m.moves, move{chart.Deposits, p.channel, h.was.Deposit, chart.PurposeCardDeposit})
		m.newMoves = append(m.newMoves, move{p.channel, chart.Deposits, h.was.Deposit, chart.PurposeCardDeposit})
	}
	return nil
}

func (p *planner) function(m *plan) error {
	want, becomes := Waiting, Working
	if m.Do == Suspend {
		want, becomes = Working, Suspended
	}
	if m.left.Social == want || m.Do == Activate && m.left.Social == Suspended {
		m.left.Social = becomes
		return nil
	}
	return refusal(language.Textf("the social-security function is %q, and cannot become %q", string(m.left.Social), string(becomes)), language.Textf("look at the card: its states stand there"))
}

// holder compares the certificate that was shown with that of a card's holder.
func (m *plan) holder(token [16]byte) error {
	text := hex.EncodeToString(token[:])
	if m.left.Holder != "" && m.left.Holder != text {
		return refusal(language.Textf("the certificate is not the one of the card's holder"), language.Textf("only the holder can have this done"))
	}
	if (m.Do == ReportBrief || m.Do == HandIn) && m.left.Holder == "" {
		return nil // one clerk does these, and whose the card is takes two
	}
	m.left.Holder = text
	if m.newLeft != nil {
		m.newLeft.Holder = text
	}
	return nil
}

// second is a time to the second, as rows have it.
func second(at time.Time) time.Time { return at.Truncate(time.Second) }

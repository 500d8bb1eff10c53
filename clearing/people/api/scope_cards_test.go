package api_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/cards"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/people"
	"citycard/clearing/people/access"
	"citycard/clearing/people/api"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
	"citycard/clearing/rules"
	"citycard/clearing/verify"
	"citycard/ledger"
	books "citycard/ledger/verify"
)

// examples are the rules of all cards in these tests.
var examples = sync.OnceValues(func() (*rules.Set, error) { return clearingtest.Rules() })

// cardsAt is the room of cards over a ledger, at a time.
func cardsAt(l *ledger.Ledger, now time.Time) *cards.Office {
	return &cards.Office{
		Ledger: l, Owner: "test",
		InForce: func(context.Context) (*cards.Figures, error) {
			set, err := examples()
			if err != nil {
				return nil, err
			}
			return &cards.Figures{Products: set.Products, Calendar: set.Calendar, Now: now}, nil
		},
		Token: func(_ context.Context, certificate string) ([16]byte, error) {
			sum := sha256.Sum256([]byte(certificate))
			return [16]byte(sum[:16]), nil
		},
		Supervises: func(ctx context.Context, tx pgx.Tx, by ledger.Approval, unit people.Unit) error {
			store, err := people.NewStore(l)
			if err != nil {
				return err
			}
			return store.MayFor(ctx, tx, by.Signed[0], cards.ActAnothers, unit)
		},
	}
}

// counterDay is the day of the counters in these tests.
var counterDay = time.Date(2026, 10, 12, 9, 0, 0, 0, time.UTC)

// blanks are registry files with cards that are sold, all of type 1.
func blanks(files map[string]string) {
	for n := range 2 * half {
		files["cards.csv"] += fmt.Sprintf("%s,%s,01,active,20130101,20261231\n", blank(n), clearingtest.Issuer)
	}
	files["channels.csv"] = "id,name,name_en,effective_from,effective_to\ncounter,柜台,Counter,20130101,\n"
	files["counters.csv"] = "terminal,channel,counter,effective_from,effective_to\n"
	for n := range 1000 { // those of things, and counter 1
		files["counters.csv"] += fmt.Sprintf("4910300%05d,counter,c%d,20130101,\n4910301%05d,counter,%d,20130101,\n", n, n, n, n)
	}
	for i, unit := range []string{"issuer", "city", "pension", "operator:metro", "operator:other", "hospital:one", "channel:counter"} {
		for j, role := range people.Roles() {
			files["counters.csv"] += fmt.Sprintf("4910302000%d%d,counter,%s,20130101,\n", i, j, memberOf(role, unit))
		}
	}
}

func blank(n int) string { return fmt.Sprintf("0310507020000001%04d", n) }

// salt is that of the digests in what is signed.
const salt = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// half is how many of the blank cards are sold; the others take the place of one.
const half = 500

// openCounters has the accounts and the shifts that acts on cards need: one of who prepares them,
// and one of each member, at a counter of that name.
func (r *realm) openCounters() {
	r.Helper()
	r.must(r.ledger.OpenAccounts(r.Context(), chart.Accounts(clearingtest.New(r, blanks).Registry.Current())))
	r.opened(opening("first", "1"), "test")
	for _, m := range r.members {
		r.opened(opening("of "+m.ID, m.ID), m.ID)
	}
}

// opening is the order of a shift at a counter.
func opening(number, counter string) *cards.ShiftOrder {
	return &cards.ShiftOrder{Number: number, Channel: "counter", Counter: counter, Do: cards.Opens}
}

// opened opens a shift of somebody, as a preparation.
func (r *realm) opened(o *cards.ShiftOrder, by string) {
	r.Helper()
	_, err := cardsAt(r.ledger, counterDay).Shift(r.Context(), o, ledger.Approval{First: by, At: counterDay})
	r.must(err)
}

// at does something with a card at a time, as a preparation.
func (r *realm) at(now time.Time, o *cards.Order) {
	r.Helper()
	_, err := cardsAt(r.ledger, now).Do(r.Context(), o, ledger.Approval{First: "test", At: now})
	r.must(err)
}

// ready prepares a card, and gives an order of something that can be done with it.
func (r *realm) ready(do cards.Do) *cards.Order {
	r.Helper()
	n := 0
	order := func(do cards.Do, card string, cash ledger.Fen) *cards.Order {
		n++
		return &cards.Order{Number: fmt.Sprintf("%s %d/%d", do, r.things, n), Channel: "counter", Counter: "1", Do: do, Card: card, Cash: cash, Certificate: "Li", Salt: salt}
	}
	card := blank(r.things % half)
	r.things++
	o := order(do, card, 0)
	if do == cards.Sell {
		o.Product, o.Cash = "ordinary", 1000
		return o
	}
	sold, day := order(cards.Sell, card, 1000), counterDay
	switch do {
	case cards.Activate, cards.Suspend:
		sold.Product, sold.Cash = "social", 0
	case cards.CutDeposit:
		sold.Cash, o.Cash, day = 3000, -2000, time.Date(2016, 1, 4, 9, 0, 0, 0, time.UTC)
	case cards.Return:
		o.Cash = -1000
	case cards.Refund:
		o.Cash, day = -1000, counterDay.AddDate(0, -2, 0)
	case cards.Replace:
		o.New, o.Cash = blank(half+r.things%half), 600
	}
	if sold.Product == "" {
		sold.Product = "registered"
	}
	r.at(day, sold)
	switch do {
	case cards.Find:
		r.at(day, order(cards.ReportBrief, card, 0))
	case cards.Refund:
		r.at(day, order(cards.HandIn, card, 0))
	case cards.Suspend:
		r.at(day, order(cards.Activate, card, 0))
	}
	return o
}

// steps has somebody do something with a card.
func (r *realm) steps(id string, o *cards.Order) api.Kind {
	r.Helper()
	o.Counter = id
	said := o.Said()
	return r.sendStep(o, r.sign(id, r.statement(id, o.Do.Act(), said.What(), "")))
}

func (r *realm) sendStep(o *cards.Order, signed api.Signature) api.Kind {
	r.Helper()
	kind, _ := send(r, "/v1/cards/steps", api.CardOrder{
		Order: o.Number, Channel: o.Channel, Counter: o.Counter, Do: o.Do, Number: o.Card, Product: o.Product, New: o.New, Cash: o.Cash, Certificate: o.Certificate, Salt: o.Salt, Signed: signed,
	})
	return kind
}

// What is signed binds the whole numbers, and not only the last four digits that it shows: an order
// that became one of another card, new card or holder on its way is not believed.
func TestSignedCards(t *testing.T) {
	r, _ := newRealm(t)
	for name, alter := range map[string]func(*cards.Order){
		"another card":        func(o *cards.Order) { o.Card = "0310507020000002" + o.Card[16:] },
		"another new card":    func(o *cards.Order) { o.New = "0310507020000002" + o.New[16:] },
		"another certificate": func(o *cards.Order) { o.Certificate = "Wang" },
		"no certificate":      func(o *cards.Order) { o.Certificate = "" },
		"another salt":        func(o *cards.Order) { o.Salt = salt[1:] + "0" },
	} {
		o, by := r.ready(cards.Replace), memberOf("clerk", string(access.Channel("counter")))
		o.Counter = by
		said := o.Said()
		signed := r.sign(by, r.statement(by, o.Do.Act(), said.What(), ""))
		altered := *o
		alter(&altered)
		if kind := r.sendStep(&altered, signed); kind != api.BadSignature {
			t.Errorf("%s: %q, want it not believed", name, kind)
		}
		if kind := r.sendStep(o, r.sign(by, r.statement(by, o.Do.Act(), said.What(), ""))); kind != "" {
			t.Errorf("%s: what was signed is refused: %q", name, kind)
		}
	}
}

// shift prepares an act of somebody on a shift, which can be done, and gives how they do it.
func (r *realm) shift(act, id string) func() api.Kind {
	r.Helper()
	r.shifts++
	o, owner := opening(fmt.Sprint("shift ", r.shifts), fmt.Sprint("c", r.shifts)), id
	opens := *o
	opens.Number += " opens"
	switch act {
	case cards.ActOpenShift, cards.ActOpenOther:
		o.Otherwise = act == cards.ActOpenOther
		return func() api.Kind {
			signed := r.sign(id, r.statement(id, o.Act(), o.What(), ""))
			kind, _ := send(r, "/v1/shifts/open", api.OpeningShift{
				Order: o.Number, Channel: o.Channel, Counter: o.Counter, Otherwise: o.Otherwise, Signed: signed,
			})
			return kind
		}
	case cards.ActGiveBack:
		opens.Otherwise, opens.Start = true, 500
		o.Do, o.Load, o.Given = cards.GivesBack, o.Counter, 500
		r.must(owes(r.Context(), r.ledger, o.Load, o.Given))
	case cards.ActHandOver:
		opens.Otherwise, opens.Start = true, 500
		o.Do, o.Handed, o.To = cards.HandsOver, 500, cards.ToBank
	case cards.ActAnothers:
		owner = "test"
		fallthrough
	default:
		o.Do = cards.Closes
	}
	r.opened(&opens, owner)
	return func() api.Kind {
		signed := r.sign(id, r.statement(id, o.Act(), o.What(), ""))
		if o.Do == cards.Closes {
			kind, _ := send(r, "/v1/shifts/close", api.ClosingShift{Order: o.Number, Channel: o.Channel, Counter: o.Counter, Signed: signed})
			return kind
		}
		if o.Do == cards.GivesBack {
			kind, _ := send(r, "/v1/shifts/give-back", api.GivingBack{Order: o.Number, Channel: o.Channel, Counter: o.Counter, Load: o.Load, Given: o.Given, Signed: signed})
			return kind
		}
		kind, _ := send(r, "/v1/shifts/hand-over", api.HandingOver{Order: o.Number, Channel: o.Channel, Counter: o.Counter, Handed: o.Handed, To: o.To, Signed: signed})
		return kind
	}
}

// seesShifts has everybody look over a network at a channel's shifts.
func (r *realm) seesShifts(row scopeRow) {
	r.Helper()
	for _, m := range r.members {
		may, before := row.may[m.ID] == 'l', r.traces()
		for _, path := range []string{"/v1/shifts?channel=counter", "/v1/shifts/owed?channel=counter", "/v1/shifts/handed?channel=counter", "/v1/shifts/differences?channel=counter&from=20260101&to=20260131"} {
			if kind, _ := r.look(m.ID, http.MethodGet, path, ""); (kind == "") != may || !may && kind != api.Denied {
				r.Errorf("%s asks for %s: %q, want it shown: %t", m.ID, path, kind, may)
			}
		}
		if after := r.traces(); before != after {
			r.Errorf("the looks of %s leave %s -> %s", m.ID, before, after)
		}
	}
}

// seesCards has everybody look over a network at a card, and at what is sold.
func (r *realm) seesCards(row scopeRow) {
	r.Helper()
	for _, m := range r.members {
		may, before := row.may[m.ID] == 'l', r.traces()
		if kind, _ := r.look(m.ID, http.MethodPost, "/v1/cards/find", `{"number":"`+clearingtest.Card+`"}`); (kind == "") != may || !may && kind != api.Denied {
			r.Errorf("%s sees a card: %q, want it shown: %t", m.ID, kind, may)
		}
		if kind, _ := r.look(m.ID, http.MethodGet, "/v1/products", ""); kind != "" {
			r.Errorf("%s sees what is sold: %q", m.ID, kind)
		}
		if after := r.traces(); before != after {
			r.Errorf("the looks of %s leave %s -> %s", m.ID, before, after)
		}
	}
}

// counterAct is a sale, signed by a clerk of the channel.
func (r *realm) counterAct() signedAct {
	r.Helper()
	o, by := r.ready(cards.Sell), memberOf("clerk", string(access.Channel("counter")))
	o.Counter = by
	said := o.Said()
	return signedAct{"sell", by, r.statement(by, o.Do.Act(), said.What(), "sold"), func(signed api.Signature) api.Kind { return r.sendStep(o, signed) }, true}
}

// stepOf is what is done with a card by an act.
func stepOf(act string) (do cards.Do, ok bool) {
	for _, do := range cards.Does() {
		if do.Act() == act {
			return do, true
		}
	}
	return "", false
}

// clerk enrols a clerk of the channel, who signs as a client, and a supervisor.
func (w *town) clerk() *api.Client {
	w.Helper()
	for id, role := range map[string]people.Role{"cara": people.Clerk, "sue": people.Supervisor} {
		e := people.Enrolment{ID: id, Name: id, Unit: access.Channel("counter"), Role: role, Key: peopletest.Key(w, id).Public().String()}
		w.must(w.staff.Enrol(w.Context(), e, w.staff.Two(w, "kim", "lee", people.ActEnrol, e.ID, "test")))
	}
	w.must(w.ledger.OpenAccounts(w.Context(), chart.Accounts(clearingtest.New(w, blanks).Registry.Current())))
	return w.client("cara")
}

func (w *town) answersOfCards(count, refused func(string, error)) {
	w.Helper()
	cara := w.clerk()
	_, err := cara.OpenShift(w.Context(), opening("1", "1"), "", false)
	count("open-shift", err)
	_, err = cara.OpenShift(w.Context(), opening("2", "1"), "", false)
	refused("open-shift", err)
	sells := &cards.Order{Number: "3", Channel: "counter", Counter: "1", Do: cards.Sell, Card: blank(0), Product: "ordinary"}
	dry, err := cara.StepCard(w.Context(), sells, "", true)
	count("step-card", err)
	_, err = cara.StepCard(w.Context(), sells, "", false)
	refused("step-card", err)
	if kind := w.kind(err); kind != api.Stale {
		w.Errorf("a sale of nothing is %q", kind)
	}
	sells.Cash = dry.Choice.Cash
	for _, again := range []bool{false, true} {
		done, err := cara.StepCard(w.Context(), sells, "", false)
		count("step-card", err)
		if done.Repeated != again || done.Step.Cash != 1000 || done.Shift != 1 {
			w.Errorf("a sale: %+v", done)
		}
	}
	card, err := cara.FindCard(w.Context(), blank(0))
	count("find-card", err)
	if card.State != cards.Active || card.Deposit != 1000 || len(card.Steps) != 1 || len(card.May) == 0 {
		w.Errorf("the card is %+v", card)
	}
	_, err = cara.FindCard(w.Context(), "12")
	refused("find-card", err)
	sold, err := cara.Products(w.Context(), 0)
	count("products", err)
	if len(sold.Products) == 0 || sold.Day != 20261012 {
		w.Errorf("sold is %+v", sold)
	}
	_, err = cara.Products(w.Context(), 20261301)
	refused("products", err)
	_, err = cara.CloseShift(w.Context(), &cards.ShiftOrder{Number: "4", Channel: "counter", Counter: "2"}, "", false)
	refused("close-shift", err)
	_, err = cara.HandOver(w.Context(), &cards.ShiftOrder{Number: "6", Channel: "counter", Counter: "1", Handed: 1001, To: cards.ToSafe}, "", false)
	refused("hand-over", err)
	hands := &cards.ShiftOrder{Number: "7", Channel: "counter", Counter: "1", Do: cards.HandsOver, Handed: 500, To: cards.ToSafe}
	_, err = cara.HandOver(w.Context(), hands, "", false)
	if refused("hand-over", err); w.kind(err) != api.TwoPeople {
		w.Errorf("cash that nobody receives is %q", w.kind(err))
	}
	w.byTwo(cara, hands)
	shift, err := cara.HandOver(w.Context(), hands, "", false)
	count("hand-over", err)
	if !shift.Repeated || shift.Handed != 500 || shift.Left != 500 {
		w.Errorf("the shift is %+v", shift)
	}
	for _, load := range []string{"l-1", "l-2"} {
		w.must(owes(w.Context(), w.ledger, load, 100))
	}
	owed, err := cara.OwedCash(w.Context(), "counter", "", 1)
	count("shifts-owed", err)
	rest, err := cara.OwedCash(w.Context(), "counter", owed.Next, 1)
	count("shifts-owed", err)
	if len(owed.Owed) != 1 || len(rest.Owed) != 1 || owed.Owed[0].Load+rest.Owed[0].Load != "l-1l-2" || rest.Owed[0].Fen != 100 || rest.Next != "" {
		w.Errorf("owed is %+v, and then %+v", owed, rest)
	}
	_, err = cara.OwedCash(w.Context(), "counter", "x", 1)
	refused("shifts-owed", err)
	gives := &cards.ShiftOrder{Number: "9", Channel: "counter", Counter: "1", Load: "l-1", Given: 100}
	for _, again := range []bool{false, true} {
		shift, err := cara.GiveBack(w.Context(), gives, "", false)
		count("give-back", err)
		if shift.Repeated != again || shift.Left != 400 {
			w.Errorf("the shift is %+v", shift)
		}
	}
	_, err = cara.GiveBack(w.Context(), &cards.ShiftOrder{Number: "10", Channel: "counter", Counter: "1", Load: "l-1", Given: 100}, "", false)
	refused("give-back", err)
	handed, err := cara.HandedOver(w.Context(), "counter", 0, 10)
	count("shifts-handed", err)
	if len(handed.Handed) != 1 || handed.Handed[0].By != "cara" || handed.Handed[0].Received != "sue" || handed.Handed[0].Fen != 500 || handed.Next != 0 {
		w.Errorf("handed over is %+v", handed)
	}
	_, p := w.answered(w.server.Remote(), httptest.NewRequest(http.MethodGet, "/v1/shifts/handed", nil)) // nobody signed
	refused("shifts-handed", &p)
	_, err = cara.CloseShift(w.Context(), &cards.ShiftOrder{Number: "8", Channel: "counter", Counter: "1", Counted: 100_000}, "", false)
	if refused("close-shift", err); w.kind(err) != api.TwoPeople {
		w.Errorf("a large difference is %q", w.kind(err))
	}
	closed, err := cara.CloseShift(w.Context(), &cards.ShiftOrder{Number: "5", Channel: "counter", Counter: "1", Loaded: -1, Counted: 300}, "", false)
	count("close-shift", err)
	if closed.Expected != 400 || closed.Difference != -100 || closed.Closed == nil {
		w.Errorf("the shift is %+v", closed)
	}
	of, err := cara.Differences(w.Context(), "counter", 20260101, 29991231, "", 10)
	count("shift-differences", err)
	if want := (api.PersonDifferences{Person: "cara", Unit: "channel:counter", Times: 1, Short: 100, Alone: 100}); len(of.Persons) != 1 || of.Persons[0] != want {
		w.Errorf("the differences are %+v", of)
	}
	_, err = cara.Differences(w.Context(), "counter", 20260102, 20260101, "", 10)
	refused("shift-differences", err)
	page, err := cara.Shifts(w.Context(), "counter", "1", false, 0, 10)
	count("shifts", err)
	if len(page.Shifts) != 1 || page.Shifts[0].Left != 300 || page.Shifts[0].Claimed != -1 || page.Next != 0 {
		w.Errorf("the shifts are %+v", page)
	}
	_, p = w.answered(w.server.Remote(), httptest.NewRequest(http.MethodGet, "/v1/shifts", nil)) // nobody signed
	refused("shifts", &p)
	_, err = books.Books(w.Context(), w.ledger, nil, func(f books.Fault) {
		if f.Kind == verify.CardStep || f.Kind == verify.ShiftRow || f.Kind == verify.CardRow || f.Kind == verify.Signature {
			w.Errorf("%+v", f)
		}
	}, verify.Tables)
	w.must(err)
}

// byTwo has a supervisor approve what a clerk proposes to do with a shift's cash.
func (w *town) byTwo(clerk *api.Client, o *cards.ShiftOrder) {
	w.Helper()
	body, err := proposal.Body(o)
	w.must(err)
	sue := w.client("sue")
	for _, c := range []*api.Client{clerk, sue} {
		c.Knows([]proposal.Entry{cards.CashEntry()})
	}
	draft, err := clerk.Draft(w.Context(), cards.KindCash, body, "evening", false, false)
	w.must(err)
	v, err := clerk.Propose(w.Context(), draft, false)
	w.must(err)
	_, err = clerk.Approve(w.Context(), v.Number, v.Hash, v.Reason, false)
	if err == nil {
		w.Error("who hands cash over receives it")
	}
	_, err = sue.Approve(w.Context(), v.Number, v.Hash, v.Reason, false)
	w.must(err)
}

// owes notes that two people have given a load back to the channel, whose customer is to get it.
func owes(ctx context.Context, l *ledger.Ledger, order string, fen ledger.Fen) error {
	_, err := l.Pool().Exec(ctx, "INSERT INTO terminal_loads (card, id, unit, terminal, fen, number, shift) VALUES ($1, $2, 'channel:counter', $3, $4, $5, 0)",
		make([]byte, 12), []byte(order), []byte{0x49, 0x10, 0x30, 0x10, 0, 1}, -fen, order)
	return err
}

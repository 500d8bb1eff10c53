package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"citycard/clearing/cards"
	"citycard/clearing/people"
	"citycard/clearing/people/access"
	"citycard/language"
	"citycard/ledger"
)

// OpeningShift opens a shift at a counter.
type OpeningShift struct {
	Order     string     `json:"order" minLength:"1" maxLength:"64" doc:"The counter's order number"`
	Channel   string     `json:"channel" minLength:"1" maxLength:"32"`
	Counter   string     `json:"counter" minLength:"1" maxLength:"32"`
	Start     ledger.Fen `json:"start_fen" minimum:"0" doc:"Cash in the drawer at the beginning: what the shift before has left"`
	Otherwise bool       `json:"otherwise,omitempty" doc:"It begins with other cash than the shift before has left: a supervisor's act"`
	Signed    Signature  `json:"signed" doc:"Statement of the act \"open shift\": its what is \"order ORDER of channel:CHANNEL at COUNTER: open with N fen\"; or of \"open shift otherwise\", with \", not as the shift before has left it\" behind it"`
}

// ClosingShift closes it.
type ClosingShift struct {
	Order   string     `json:"order" minLength:"1" maxLength:"64" doc:"The counter's order number"`
	Channel string     `json:"channel" minLength:"1" maxLength:"32"`
	Counter string     `json:"counter" minLength:"1" maxLength:"32"`
	Loaded  ledger.Fen `json:"loaded_fen" doc:"Cash that this counter took for loads in the shift, by its own drawer; below zero: it gave more back. It is kept beside what the books have"`
	Counted ledger.Fen `json:"counted_fen" minimum:"0" doc:"Cash that the clerk counted"`
	Signed  Signature  `json:"signed" doc:"Statement of the act \"close shift\": its what is \"order ORDER of channel:CHANNEL at COUNTER: close with N fen of loads, counted N fen\""`
}

// HandingOver takes cash out of a counter's drawer.
type HandingOver struct {
	Order   string     `json:"order" minLength:"1" maxLength:"64" doc:"The counter's order number"`
	Channel string     `json:"channel" minLength:"1" maxLength:"32"`
	Counter string     `json:"counter" minLength:"1" maxLength:"32"`
	Handed  ledger.Fen `json:"handed_fen" minimum:"1"`
	To      string     `json:"to" enum:"safe,bank"`
	Signed  Signature  `json:"signed" doc:"Statement of the act \"hand cash over\": its what is \"order ORDER of channel:CHANNEL at COUNTER: hand N fen over to safe\", or to bank"`
}

// GivingBack gives a customer the cash of a load back.
type GivingBack struct {
	Order   string     `json:"order" minLength:"1" maxLength:"64" doc:"The counter's order number"`
	Channel string     `json:"channel" minLength:"1" maxLength:"32"`
	Counter string     `json:"counter" minLength:"1" maxLength:"32"`
	Load    string     `json:"load" minLength:"1" maxLength:"64" doc:"Order number of the load"`
	Given   ledger.Fen `json:"given_fen" minimum:"1" doc:"All that was paid for it"`
	Signed  Signature  `json:"signed" doc:"Statement of the act \"give cash of load back\": its what is \"order ORDER of channel:CHANNEL at COUNTER: give N fen of load order LOAD back\""`
}

// CashOwed is cash of a load that two people have given back to its channel, and that no counter
// has given to the customer.
type CashOwed struct {
	Unit people.Unit `json:"unit"`
	Load string      `json:"load" doc:"Order number of the load"`
	Card string      `json:"card" doc:"As load refund takes it"`
	Fen  ledger.Fen  `json:"owed_fen"`
}

// CashOwedPage is a page of such cash.
type CashOwedPage struct {
	Owed []CashOwed `json:"owed"`
	Next string     `json:"next,omitempty" doc:"Ask with it as after for those behind; left out: there are none"`
}

// Shift is a shift at a counter.
type Shift struct {
	Number     int64       `json:"number"`
	Unit       people.Unit `json:"unit"`
	Counter    string      `json:"counter"`
	Terminals  string      `json:"terminals" doc:"The counter's by the registry, with spaces between them: loads there are the shift's"`
	Opened     time.Time   `json:"opened"`
	OpenedBy   string      `json:"opened_by"`
	Closed     *time.Time  `json:"closed,omitempty"`
	ClosedBy   string      `json:"closed_by,omitempty"`
	Start      ledger.Fen  `json:"start_fen" doc:"Cash at the beginning"`
	Due        ledger.Fen  `json:"due_fen" doc:"What should be there at the beginning: what the shift before has left"`
	Steps      ledger.Fen  `json:"steps_fen" doc:"What acts on cards brought, less what they gave"`
	Loaded     ledger.Fen  `json:"loaded_fen" doc:"What loads at its terminals brought, by the books; of an open shift, so far"`
	Claimed    ledger.Fen  `json:"claimed_fen" doc:"What loads brought, by the counter's word"`
	Handed     ledger.Fen  `json:"handed_fen" doc:"What was handed over before its close"`
	Later      ledger.Fen  `json:"later_fen" doc:"What was handed over after it"`
	Expected   ledger.Fen  `json:"expected_fen" doc:"Beginning, acts and loads less what was handed over before its close"`
	Counted    ledger.Fen  `json:"counted_fen"`
	Left       ledger.Fen  `json:"left_fen" doc:"What is in the drawer: with which the next one begins, once it is closed"`
	Difference ledger.Fen  `json:"difference_fen" doc:"Counted less expected: over (长款), or short (短款) below zero. It was booked to differences:own"`
	Missing    ledger.Fen  `json:"missing_fen,omitempty" doc:"In a list: what taps took from cards that were returned in it, by the counter's word, and is not booked"`
	Repeated   bool        `json:"repeated,omitempty" doc:"It was done before, under this order: nothing was done now"`
}

// CashHanded is cash that was handed over from a counter's drawer.
type CashHanded struct {
	Entry    int64       `json:"entry" doc:"The newest has the highest"`
	Unit     people.Unit `json:"unit"`
	Order    string      `json:"order" doc:"The counter's order number"`
	Shift    int64       `json:"shift"`
	At       time.Time   `json:"at"`
	By       string      `json:"by" doc:"Who handed it over"`
	Received string      `json:"received_by" doc:"Who received it"`
	To       string      `json:"to" enum:"safe,bank"`
	Fen      ledger.Fen  `json:"handed_fen"`
}

// HandedPage is a page of cash that was handed over.
type HandedPage struct {
	Handed []CashHanded `json:"handed" doc:"The newest first"`
	Next   int64        `json:"next,omitempty" doc:"Ask with it as before for those that are older; left out: there are none"`
}

// PersonDifferences are what one person has said is over and short.
type PersonDifferences struct {
	Person string      `json:"person" doc:"Who counted: who closed the shift, or opened it otherwise"`
	Unit   people.Unit `json:"unit"`
	Times  int64       `json:"times"`
	Over   ledger.Fen  `json:"over_fen" doc:"长款"`
	Short  ledger.Fen  `json:"short_fen" doc:"短款, above zero"`
	Alone  ledger.Fen  `json:"alone_fen" doc:"Of both together: what nobody else has signed. The products' figures bound it a day and a month"`
}

// DifferencesPage is a page of differences by person.
type DifferencesPage struct {
	Persons []PersonDifferences `json:"persons" doc:"By their names"`
	Next    string              `json:"next,omitempty" doc:"Ask with it as after for those behind; left out: there are none"`
}

// ShiftPage is a page of shifts.
type ShiftPage struct {
	Shifts []Shift `json:"shifts" doc:"The newest first"`
	Next   int64   `json:"next,omitempty" doc:"Ask with it as before for those that are older; left out: there are none"`
}

func (s *Server) registerShifts() {
	huma.Register(s.api, look("shifts", http.MethodGet, "/v1/shifts", "cards", "Shifts at counters",
		"What was expected, counted, handed over and claimed in each, the newest first. Who works for a channel sees its own.", bodyLimit), s.listShifts)
	open := act("open-shift", "/v1/shifts/open", "Open a shift", "At most one is open at a counter, which the registry has (counters.csv) with its terminals. It begins with what the one before has left; other cash is booked as over or short, and a large difference is refused (two-people) as at a close.", bodyLimit)
	open.Tags = []string{"cards"}
	huma.Register(s.api, open, s.openShift)
	end := act("close-shift", "/v1/shifts/close", "Close a shift",
		"Books what is over or short, by who has opened it or a supervisor. A larger difference than the products' figures for a person's day and month is refused (two-people): it takes a proposal of the kind \"shift cash\".", bodyLimit)
	end.Tags = []string{"cards"}
	huma.Register(s.api, end, s.closeShift)
	hand := act("hand-over", "/v1/shifts/hand-over", "Ask about cash that is handed over",
		"Cash goes to the safe or the bank, from the shift that is open, or from what the last one has left. Who receives it signs as well: that takes a proposal of the kind \"shift cash\". Until it is approved this is refused (two-people); afterwards it answers with the shift.", bodyLimit)
	hand.Tags = []string{"cards"}
	huma.Register(s.api, hand, s.handOver)
	give := act("give-back", "/v1/shifts/give-back", "Give cash of a load back",
		"Gives a customer what two people have given back to the channel (load refund, load withdraw), out of the drawer of the shift that is open at the counter. Each load's cash is given once.", bodyLimit)
	give.Tags = []string{"cards"}
	huma.Register(s.api, give, s.giveBack)
	huma.Register(s.api, look("shifts-owed", http.MethodGet, "/v1/shifts/owed", "cards", "Cash that counters are to give back",
		"Loads that two people have given back to a channel with shifts, and whose cash no counter has given to the customer.", bodyLimit), s.listOwedCash)
	huma.Register(s.api, look("shifts-handed", http.MethodGet, "/v1/shifts/handed", "cards", "Cash that was handed over",
		"What counters have handed over to safe or bank, by whom and to whom, the newest first. What the bank has not received yet is the balance of the account handed:CHANNEL.", bodyLimit), s.listHanded)
	huma.Register(s.api, look("shift-differences", http.MethodGet, "/v1/shifts/differences", "cards", "What was over and short, by person",
		"Adds up 长短款 of the days from from to to for each person who counted.", bodyLimit), s.listDifferences)
}

// ofShifts is whose shifts somebody sees, of those that are asked for; empty: of all.
func ofShifts(ctx context.Context, channel string) (unit people.Unit, err error) {
	c := callerOf(ctx)
	if err := c.seesCards(); err != nil {
		return "", err
	}
	if channel != "" {
		unit = access.Channel(channel)
	}
	if c.person != nil && access.IsChannel(c.person.Unit) {
		if unit != "" && unit != c.person.Unit {
			return "", &people.DeniedError{Person: *c.person, Act: "see shifts", Unit: unit}
		}
		unit = c.person.Unit
	}
	return unit, nil
}

func (s *Server) listHanded(ctx context.Context, in *struct {
	Channel string `query:"channel" maxLength:"32" doc:"Left out: of all that are seen"`
	Before  int64  `query:"before" minimum:"0" doc:"Only those with lower entries"`
	Limit   int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
},
) (*answer[HandedPage], error) {
	unit, err := ofShifts(ctx, in.Channel)
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	office, err := s.counters(ctx, false)
	if err != nil {
		return nil, err
	}
	list, err := office.HandedOver(ctx, unit, in.Before, in.Limit+1)
	if err != nil {
		return nil, s.ofCards(ctx, err)
	}
	page := HandedPage{Handed: []CashHanded{}}
	if len(list) > in.Limit {
		list = list[:in.Limit]
		page.Next = list[len(list)-1].Entry
	}
	for _, h := range list {
		page.Handed = append(page.Handed, CashHanded{h.Entry, h.Unit, h.Order, h.Shift, h.At.UTC(), h.Person, h.Second, h.To, h.Fen})
	}
	return &answer[HandedPage]{page}, nil
}

func (s *Server) listDifferences(ctx context.Context, in *struct {
	Channel string     `query:"channel" maxLength:"32" doc:"Left out: of all that are seen"`
	From    ledger.Day `query:"from" required:"true" doc:"YYYYMMDD"`
	To      ledger.Day `query:"to" required:"true" doc:"YYYYMMDD"`
	After   string     `query:"after" maxLength:"64" doc:"Only persons behind this one"`
	Limit   int        `query:"limit" minimum:"1" maximum:"200" default:"50"`
},
) (*answer[DifferencesPage], error) {
	unit, err := ofShifts(ctx, in.Channel)
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	office, err := s.counters(ctx, false)
	if err != nil {
		return nil, err
	}
	list, err := office.Differences(ctx, cards.DifferencesAsked{Unit: unit, From: in.From, To: in.To, After: in.After, Limit: in.Limit + 1})
	if err != nil {
		return nil, s.ofCards(ctx, err)
	}
	page := DifferencesPage{Persons: []PersonDifferences{}}
	if len(list) > in.Limit {
		list = list[:in.Limit]
		page.Next = list[len(list)-1].Person
	}
	for _, d := range list {
		page.Persons = append(page.Persons, PersonDifferences(d))
	}
	return &answer[DifferencesPage]{page}, nil
}

func (s *Server) listShifts(ctx context.Context, in *struct {
	Channel string `query:"channel" maxLength:"32" doc:"Left out: of all that are seen"`
	Counter string `query:"counter" maxLength:"32" doc:"Left out: at all"`
	Missing bool   `query:"missing" doc:"Only those of which a tap that emptied a purse has not come"`
	Before  int64  `query:"before" minimum:"0" doc:"Only those with lower numbers"`
	Limit   int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
},
) (*answer[ShiftPage], error) {
	unit, err := ofShifts(ctx, in.Channel)
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	asked := cards.ShiftsAsked{Unit: unit, Counter: in.Counter, Missing: in.Missing, Before: in.Before, Limit: in.Limit + 1}
	office, err := s.counters(ctx, false)
	if err != nil {
		return nil, err
	}
	list, err := office.Shifts(ctx, asked)
	if err != nil {
		return nil, s.ofCards(ctx, err)
	}
	page := ShiftPage{Shifts: []Shift{}}
	if len(list) > in.Limit {
		list = list[:in.Limit]
		page.Next = list[len(list)-1].Number
	}
	for i := range list {
		page.Shifts = append(page.Shifts, shiftOf(&list[i]))
	}
	return &answer[ShiftPage]{page}, nil
}

func (s *Server) openShift(ctx context.Context, in *struct {
	DryRun
	Body OpeningShift
},
) (*answer[Shift], error) {
	b := &in.Body
	return s.shift(ctx, in.Dry, &cards.ShiftOrder{
		Number: b.Order, Channel: b.Channel, Counter: b.Counter, Do: cards.Opens, Start: b.Start, Otherwise: b.Otherwise,
	}, b.Signed)
}

func (s *Server) closeShift(ctx context.Context, in *struct {
	DryRun
	Body ClosingShift
},
) (*answer[Shift], error) {
	b := &in.Body
	return s.shift(ctx, in.Dry, &cards.ShiftOrder{Number: b.Order, Channel: b.Channel, Counter: b.Counter, Do: cards.Closes, Loaded: b.Loaded, Counted: b.Counted}, b.Signed)
}

func (s *Server) handOver(ctx context.Context, in *struct {
	DryRun
	Body HandingOver
},
) (*answer[Shift], error) {
	b := &in.Body
	return s.shift(ctx, in.Dry, &cards.ShiftOrder{Number: b.Order, Channel: b.Channel, Counter: b.Counter, Do: cards.HandsOver, Handed: b.Handed, To: b.To}, b.Signed)
}

func (s *Server) giveBack(ctx context.Context, in *struct {
	DryRun
	Body GivingBack
},
) (*answer[Shift], error) {
	b := &in.Body
	return s.shift(ctx, in.Dry, &cards.ShiftOrder{Number: b.Order, Channel: b.Channel, Counter: b.Counter, Do: cards.GivesBack, Load: b.Load, Given: b.Given}, b.Signed)
}

func (s *Server) listOwedCash(ctx context.Context, in *struct {
	Channel string `query:"channel" maxLength:"32" doc:"Left out: of all that are seen"`
	After   string `query:"after" maxLength:"200" doc:"As next of the page before has it"`
	Limit   int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
},
) (*answer[CashOwedPage], error) {
	unit, err := ofShifts(ctx, in.Channel)
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	office, err := s.counters(ctx, false)
	if err != nil {
		return nil, err
	}
	after, err := readPlace(in.After)
	if err != nil {
		return nil, s.ofCards(ctx, err)
	}
	list, err := office.OwedCash(ctx, unit, after, in.Limit+1)
	if err != nil {
		return nil, s.ofCards(ctx, err)
	}
	page := CashOwedPage{Owed: []CashOwed{}}
	if len(list) > in.Limit {
		list = list[:in.Limit]
		last := list[len(list)-1].Key
		page.Next = fmt.Sprintf("%s %x %x", last.Unit, last.Card, last.ID)
	}
	for _, c := range list {
		page.Owed = append(page.Owed, CashOwed{c.Unit, c.Load, c.Card.Digits(), c.Fen})
	}
	return &answer[CashOwedPage]{page}, nil
}

// readPlace reads where a page of cash that is owed ended.
func readPlace(text string) (cards.OwedKey, error) {
	if text == "" {
		return cards.OwedKey{}, nil
	}
	var key cards.OwedKey
	if _, err := fmt.Sscanf(text, "%s %x %x", &key.Unit, &key.Card, &key.ID); err != nil {
		return key, &cards.OrderError{Field: "after", What: language.Textf("want what next of the page before says")}
	}
	return key, nil
}

func (s *Server) shift(ctx context.Context, dry bool, order *cards.ShiftOrder, signed Signature) (*answer[Shift], error) {
	if err := order.Check(); err != nil {
		return nil, s.ofCards(ctx, err)
	}
	by, err := s.ofUnit(ctx, s.office(dry).People, signed, order.Act(), order.Unit(), order.What())
	if err != nil {
		return nil, err
	}
	office, err := s.counters(ctx, dry)
	if err != nil {
		return nil, err
	}
	done, err := office.Shift(ctx, order, by)
	if err != nil {
		return nil, s.ofCards(ctx, err)
	}
	return &answer[Shift]{shiftOf(done)}, nil
}

func shiftOf(s *cards.Shift) Shift {
	out := Shift{
		Number: s.Number, Unit: s.Unit, Counter: s.Counter, Terminals: s.Terminals, Opened: s.Opened.UTC(), OpenedBy: s.OpenedBy, ClosedBy: s.ClosedBy,
		Start: s.Start, Due: s.Due, Steps: s.Steps, Loaded: s.Loaded, Claimed: s.Claimed, Handed: s.Handed, Later: s.Later,
		Expected: s.Expected(), Counted: s.Counted, Left: s.Left(), Difference: s.Difference(), Missing: s.Missing, Repeated: s.Repeated,
	}
	if !s.Closed.IsZero() {
		closed := s.Closed.UTC()
		out.Closed = &closed
	}
	return out
}

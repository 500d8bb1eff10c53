package main

import (
	"context"
	"fmt"
	"time"

	"citycard/clearing/cards"
	"citycard/clearing/people/api"
	"citycard/language"
	"citycard/terminals/contents"
	"citycard/terminals/counter"
	"citycard/terminals/page"
)

// named is a row of the page.
func named(name *language.Text, value *language.Text) page.Row {
	return page.Row{Name: name, Value: value}
}

// plain is a value that is the same in each language.
func plain(value string) *language.Text { return language.Textf("%s", value) }

// inYuan is an amount as a value.
func inYuan(fen int64) *language.Text {
	return language.Textf("%s yuan", yuanOf(fen))
}

// yuanOf writes fen, which may be below zero, as yuan.
func yuanOf(fen int64) string {
	if fen < 0 {
		return "-" + yuanOf(-fen)
	}
	return fmt.Sprintf("%d.%02d", fen/100, fen%100)
}

// state says how things stand, for the page.
func (c *clerk) state(ctx context.Context) *page.State {
	s := &page.State{Keys: c.centre.server != "" && c.centre.identity != ""}
	o := c.present(ctx)
	if o != nil {
		s.Who = o.person.Name
	} else if s.Keys {
		c.showClerks(s)
	}
	shift, open := c.drawer.Shift()
	if open {
		s.Rows = append(s.Rows,
			named(language.Textf("shift"), language.Textf("%d, opened by %s", shift.Number, shift.By)),
			named(language.Textf("cash for loads in it"), inYuan(c.drawer.Loaded())))
	}
	if waits := c.out.Status().Waiting(); waits > 0 {
		s.Rows = append(s.Rows, named(language.Textf("records that wait to be sent"), plain(fmt.Sprint(waits))))
	}
	s.Receipts, _ = c.receipts.Waiting() // the commands say what is wrong with the disk
	seen, at, err := c.look(ctx, lookWait)
	if err != nil {
		s.Problem = err
	} else {
		c.showCard(s, &seen, at)
	}
	waits, err := c.waits(ctx, &seen)
	if err != nil {
		s.Notices = append(s.Notices, language.Textf("whether money waits for the card is not known: %w", err))
	}
	for _, w := range waits {
		s.Findings = append(s.Findings, language.Textf("%s yuan wait for the card, by order %s", yuan(w.Fen), w.Order))
	}
	away := c.askOffice(ctx, s, o, &seen)
	c.acts(s, &seen, o, open, away, len(waits) > 0)
	return s
}

// showClerks shows who can sign in.
func (c *clerk) showClerks(s *page.State) {
	names, err := c.centre.clerks()
	if err != nil {
		s.Notices = append(s.Notices, language.Textf("%w", err))
	}
	s.Clerks = names
}

// showCard shows what is on the card.
func (c *clerk) showCard(s *page.State, seen *counter.Seen, at time.Time) {
	s.Findings = seen.Findings(at, c.till.till.city)
	t := seen.Transit
	if t == nil {
		masked := seen.Contents.Masked()
		if p := masked.SocialSecurity; p != nil {
			s.Card = append(s.Card, named(language.Textf("card"), language.Textf("social-security card, version %s", p.Version)), named(language.Textf("valid"), language.Textf("%s to %s", p.Issued, p.Expiry)))
		}
		return
	}
	s.Card = append(s.Card,
		named(language.Textf("card number"), plain(seen.Number())),
		named(language.Textf("balance"), inYuan(int64(t.BalanceFen))),
		named(language.Textf("valid"), language.Textf("%s to %s", t.Start, t.Expiry)))
	s.Tables = append(s.Tables, logTable(t.Log), journeyTable(t.Journeys))
}

// logTable is the purse's log.
func logTable(log []contents.Entry) page.Table {
	table := page.Table{
		Title: language.Textf("Transactions on the card"),
		Head:  []*language.Text{language.Textf("transaction"), language.Textf("sequence"), language.Textf("yuan"), language.Textf("terminal"), language.Textf("time")},
	}
	for _, e := range log {
		table.Rows = append(table.Rows, []*language.Text{
			coded(entryType, e.Type), plain(fmt.Sprint(e.Sequence)), plain(yuan(e.AmountFen)), plain(e.Terminal), plain(clockOf(e.Time)),
		})
	}
	return table
}

func journeyTable(journeys []contents.Journey) page.Table {
	table := page.Table{
		Title: language.Textf("Journeys on the card"),
		Head:  []*language.Text{language.Textf("journey"), language.Textf("line"), language.Textf("station"), language.Textf("yuan"), language.Textf("time")},
	}
	for _, j := range journeys {
		table.Rows = append(table.Rows, []*language.Text{
			coded(journeyType, j.Type), plain(fmt.Sprint(j.Line)), plain(fmt.Sprint(j.Station)), plain(yuan(j.AmountFen)), plain(clockOf(j.Time)),
		})
	}
	return table
}

// coded is a code with its meaning, as a text.
func coded(words func(byte, language.Language) string, code byte) *language.Text {
	return language.Textf("%w", &codedText{words, code})
}

type codedText struct {
	words func(byte, language.Language) string
	code  byte
}

func (c *codedText) Error() string { return c.In(language.Language{}) }

// In says it in a language.
func (c *codedText) In(l language.Language) string { return c.words(c.code, l) }

// askOffice shows what the centre says of the card, and what still works if it says nothing.
func (c *clerk) askOffice(ctx context.Context, s *page.State, o *office, seen *counter.Seen) (away bool) {
	if o == nil || seen.Transit == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, officeLimit)
	defer cancel()
	known, err := o.client.FindCard(ctx, seen.Transit.Number)
	if unreachable(err) || ctx.Err() != nil {
		s.Notices = append(s.Notices, language.Textf("the clearing centre does not answer: cards are not sold, replaced or taken back. The counter still looks at cards, finishes orders, changes PINs and prints receipts, and tops up as long as the load authority answers"))
		return true
	}
	if err != nil {
		s.Notices = append(s.Notices, language.Textf("the clearing centre says nothing of this card: %w", err))
		return false
	}
	s.Card = append(s.Card,
		named(language.Textf("state at the centre"), language.Textf("%w", stateText(known.State))),
		named(language.Textf("balance by the books"), inYuan(int64(known.Shadow))))
	if known.Deposit > 0 {
		s.Card = append(s.Card, named(language.Textf("deposit"), inYuan(int64(known.Deposit))))
	}
	if known.Listed {
		s.Findings = append(s.Findings, language.Textf("the card is on the hotlist"))
	}
	return false
}

// stateText is a card's state in words.
func stateText(state cards.State) *language.Text {
	switch state {
	case cards.Issued:
		return language.Textf("made, not sold")
	case cards.Spoilt:
		return language.Textf("spoilt")
	case cards.Active:
		return language.Textf("with a customer")
	case cards.Brief:
		return language.Textf("reported lost for now")
	case cards.Lost:
		return language.Textf("reported lost")
	case cards.HandedIn:
		return language.Textf("handed in, to be refunded")
	case cards.Replaced:
		return language.Textf("replaced by another card")
	case cards.Returned:
		return language.Textf("returned")
	case cards.Refunded:
		return language.Textf("refunded")
	case cards.Inactive:
		return language.Textf("not used for long")
	case cards.Unknown:
	}
	return language.Textf("not known here")
}

// forms are fields that several acts ask for.
func amountField(name string, label *language.Text, optional bool) page.Field {
	return page.Field{Name: name, Label: label, Kind: page.KindMoney, Optional: optional, First: true}
}

func numberField(label *language.Text, optional bool) page.Field {
	return page.Field{Name: "number", Label: label, Kind: page.KindDigits, Optional: optional, First: true}
}

func certificateField() page.Field {
	return page.Field{Name: "certificate", Label: language.Textf("Number of the holder's certificate, if the card is a person's"), Kind: page.KindText, Optional: true}
}

// acts are the forms that fit.
func (c *clerk) acts(s *page.State, seen *counter.Seen, o *office, shift, away, waits bool) {
	add := func(name string, title, text *language.Text, fields ...page.Field) {
		s.Acts = append(s.Acts, page.Act{Name: name, Title: title, Text: text, Key: page.Key(len(s.Acts) + 1), Fields: fields})
	}
	transit := seen.Transit != nil
	switch {
	case transit && len(seen.Open) > 0:
		add("resolve", language.Textf("Finish the open order"), language.Textf("The card tells whether it has the money. Nothing is given back before."))
	case transit && waits:
		add("resolve", language.Textf("Write what waits for the card"), language.Textf("It is paid already."))
	case transit && c.mayTake() == nil:
		add("top-up", language.Textf("Top up"), nil, amountField("amount", language.Textf("Yuan that the customer has paid"), false))
	}
	if o != nil && !away {
		c.officeActs(add, transit && len(seen.Open) == 0, shift)
	}
	if transit || seen.SocialSecurity != nil {
		add("pin", language.Textf("Change the PIN"), nil,
			page.Field{Name: "old", Label: language.Textf("The old PIN"), Kind: page.KindSecret, First: true},
			page.Field{Name: "new", Label: language.Textf("The new PIN"), Kind: page.KindSecret},
			page.Field{Name: "again", Label: language.Textf("The new PIN once more"), Kind: page.KindSecret})
	}
}

// officeActs are the forms of what the centre does.
func (c *clerk) officeActs(add func(string, *language.Text, *language.Text, ...page.Field), card, shift bool) {
	if p, err := c.pending(); err == nil && p != nil {
		again := certificateField()
		again.First = true
		add("again", language.Textf("Ask again"), language.Textf("The centre has not answered the last act: it comes first, and is done once."), again)
		add("give-up", language.Textf("Give the act up"), language.Textf("It is listed, and a person finds out whether it was done."),
			page.Field{Name: "why", Label: language.Textf("Why"), Kind: page.KindText, First: true})
		return
	}
	if !shift {
		add("shift-open", language.Textf("Open a shift"), nil, amountField("start", language.Textf("Yuan in the drawer"), false),
			page.Field{Name: "why", Label: language.Textf("Why it is not as the shift before has left it (a supervisor alone)"), Kind: page.KindText, Optional: true})
		handOverForm(add)
		return
	}
	if card {
		add("sell", language.Textf("Sell this card"), nil, c.productField(), page.Field{Name: "first", Label: language.Textf("First load in yuan"), Kind: page.KindMoney, Optional: true}, certificateField())
		add("replace", language.Textf("This card replaces another one"), nil, numberField(language.Textf("Number of the other card"), false), certificateField())
		add("extend", language.Textf("Extend this card"), nil)
		add("return", language.Textf("Take this card back"), nil)
		add("unblock-pin", language.Textf("Unblock the PIN"), nil, page.Field{Name: "pin", Label: language.Textf("The new PIN"), Kind: page.KindSecret, First: true}, certificateField())
	}
	add("report-loss", language.Textf("Report a card lost"), nil, numberField(language.Textf("Number of the lost card"), false), certificateField(),
		page.Field{Name: "brief", Label: language.Textf("How"), Kind: page.KindChoice, Options: []page.Option{
			{Value: "", Text: language.Textf("with the certificate")}, {Value: "yes", Text: language.Textf("for now, without it")},
		}})
	add("found", language.Textf("A lost card was found"), nil, numberField(language.Textf("Its number"), false), certificateField())
	handOverForm(add)
	add("give-back", language.Textf("Give cash of a load back"), language.Textf("Two people have given it back to the channel."),
		page.Field{Name: "load", Label: language.Textf("Order number of the load"), Kind: page.KindText, First: true}, page.Field{Name: "amount", Label: language.Textf("Yuan that were paid for it"), Kind: page.KindMoney})
	add("shift-close", language.Textf("Close the shift"), nil, amountField("counted", language.Textf("Yuan that were counted"), false))
}

// productField is the choice of what is sold.
func (c *clerk) productField() page.Field {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := page.Field{Name: "product", Label: language.Textf("Product"), Kind: page.KindText, First: true}
	if c.sold == nil {
		return f
	}
	f.Kind = page.KindChoice
	for _, p := range c.sold.Products {
		f.Options = append(f.Options, page.Option{Value: p.ID, Text: language.Textf("%w", &productText{p})})
	}
	return f
}

// productText is a product's name.
type productText struct{ product cards.Product }

func (p *productText) Error() string { return p.product.NameEn }

// In says it in a language.
func (p *productText) In(l language.Language) string {
	return l.Choose(p.product.NameEn, p.product.Name)
}

// linesOf are what an act costs, line by line.
func linesOf(lines []api.CardLine) (rows []page.Row) {
	for _, line := range lines {
		what := counter.What(line.What)
		if known := whatOf(line.What); known != "" {
			what = known
		}
		rows = append(rows, named(what.Text(), inYuan(int64(line.Fen))))
	}
	return rows
}

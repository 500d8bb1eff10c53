package registry

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"citycard/cardos/keys"
	"citycard/clearing/registry/index"
)

// builder collects rows. Rows of files are checked against each other and against
// base; rows of the database were checked before they got there.
type builder struct {
	rows   index.Rows
	base   *index.Rows
	stored bool              // rows come from the database
	cards  index.CardBuilder // becomes the rows' cards
	bounds Bounds
	spelt  map[Kind]map[string]string // ids as they are written, by their small letters
}

// finish completes the rows. wrong and overlap are called for faults that show only when all rows
// are sorted.
func (b *builder) finish(wrong func(index.Number, index.Conflict), overlap func(row, before index.Listing)) {
	b.rows.Cards = b.cards.Finish(wrong)
	b.rows.Hotlist.Finish(overlap)
}

// checkSpelling refuses an id that differs from another of its kind only in capitals: people, and
// programs that read their files, would take the two for one. An id that is registered may be
// corrected.
func checkSpelling[T index.Dated](b *builder, kind Kind, base *index.Timelines[string, T], id string) error {
	if b.stored || base.Has(id) {
		return nil
	}
	spelt := b.spelt[kind]
	if spelt == nil {
		spelt = map[string]string{}
		for known := range base.All(strings.Compare) {
			spelt[strings.ToLower(known)] = known
		}
		if b.spelt == nil {
			b.spelt = map[Kind]map[string]string{}
		}
		b.spelt[kind] = spelt
	}
	folded := strings.ToLower(id)
	if other, taken := spelt[folded]; taken && other != id {
		return fmt.Errorf("%s: there is %q already, and two ids must not differ in capitals alone", id, other)
	}
	spelt[folded] = id
	return nil
}

// add adds a row that was read without an error. Rows of files must not overlap in
// time, and are left out where they are in force already.
func add[K comparable, T index.Spanned](b *builder, to, base *index.Timelines[K, T], name string, key K, row T) error {
	if b.stored {
		to.Add(key, row)
		return nil
	}
	s := row.Days()
	for _, old := range to.Of(key) {
		if o := old.Days(); o.Holds(s.From) || s.Holds(o.From) {
			return fmt.Errorf("%s: overlaps the row effective from %d", name, o.From)
		}
	}
	if old, ok := base.At(key, s.From); !ok || old != row {
		to.Add(key, row)
	}
	return nil
}

// checkReference fails where a row names something that is registered nowhere.
func checkReference[K comparable, T index.Dated](b *builder, files, base *index.Timelines[K, T], what, name string, key K) error {
	if b.stored || files.Has(key) || base.Has(key) {
		return nil
	}
	return fmt.Errorf("%s %q is neither in %ss.csv nor registered", what, name, what)
}

func (b *builder) operator(f []string) error {
	c := cells{fields: f, stored: b.stored}
	o := index.Operator{ID: c.id(0), Name: c.text(1), NameEN: c.text(2), Mode: c.mode(3), Span: c.span(4, 5)}
	if c.err != nil {
		return c.err
	}
	if err := checkSpelling(b, Operators, &b.base.Operators, o.ID); err != nil {
		return err
	}
	return add(b, &b.rows.Operators, &b.base.Operators, f[0], o.ID, o)
}

func issuerKinds() []string { return []string{"own", "interoperable"} }

func (b *builder) issuer(f []string) error {
	c := cells{fields: f, stored: b.stored}
	i := index.Issuer{Name: c.text(1), NameEN: c.text(2), Own: c.oneOf(3, issuerKinds()) == 0, Span: c.span(4, 5)}
	c.hex(0, i.ID[:])
	if len(f) > 6 {
		i.Prefix = c.prefix(6)
	}
	if c.err != nil {
		return c.err
	}
	key := index.InstitutionOf(i.ID)
	for _, t := range []*index.Timelines[index.Institution, index.Issuer]{&b.rows.Issuers, &b.base.Issuers} {
		if old, ok := t.Latest(key); ok && old.ID != i.ID && !b.stored {
			return fmt.Errorf("issuer %x begins like issuer %x, and only the first four bytes enter the keys of its cards", i.ID, old.ID)
		}
	}
	return add(b, &b.rows.Issuers, &b.base.Issuers, f[0], key, i)
}

func (b *builder) cardType(f []string) error {
	c := cells{fields: f, stored: b.stored}
	var code [1]byte
	c.hex(0, code[:])
	t := index.CardType{Name: c.text(1), NameEN: c.text(2), Span: c.span(3, 4)}
	if c.err != nil {
		return c.err
	}
	return add(b, &b.rows.CardTypes, &b.base.CardTypes, f[0], code[0], t)
}

func (b *builder) line(f []string) error {
	c := cells{fields: f, stored: b.stored}
	l := index.Line{
		ID: c.id(0), Operator: c.id(1), Mode: c.mode(2), Number: c.number(3), Name: c.text(4), NameEN: c.text(5), Span: c.span(6, 7),
	}
	if c.err != nil {
		return c.err
	}
	if err := checkReference(b, &b.rows.Operators, &b.base.Operators, "operator", l.Operator, l.Operator); err != nil {
		return err
	}
	return add(b, &b.rows.Lines, &b.base.Lines, f[0], l.ID, l)
}

func (b *builder) vehicle(f []string) error {
	c := cells{fields: f, stored: b.stored}
	v := index.Vehicle{ID: c.id(0), Operator: c.id(1), Span: c.span(3, 4)}
	if f[2] != "" {
		v.Line = c.id(2)
	}
	if c.err != nil {
		return c.err
	}
	if err := checkReference(b, &b.rows.Operators, &b.base.Operators, "operator", v.Operator, v.Operator); err != nil {
		return err
	}
	if v.Line != "" {
		if err := checkReference(b, &b.rows.Lines, &b.base.Lines, "line", v.Line, v.Line); err != nil {
			return err
		}
	}
	return add(b, &b.rows.Vehicles, &b.base.Vehicles, f[0], v.ID, v)
}

func (b *builder) terminal(f []string) error {
	c := cells{fields: f, stored: b.stored}
	var number [6]byte
	c.hex(0, number[:])
	holder, channel := c.holder(1)
	t := index.Terminal{Operator: f[1], Line: c.number(3), Station: c.number(4), Span: c.span(5, 6)}
	if t.Mode = index.CounterMode; !channel {
		t.Mode = c.mode(2)
	} else if f[2] != t.Mode || t.Line != 0 || t.Station != 0 {
		c.fail(2, t.Mode+", without line and station, at a channel's counter")
	}
	if c.err != nil {
		return c.err
	}
	if !channel { // channels are read later: checkCounters
		if err := checkReference(b, &b.rows.Operators, &b.base.Operators, "operator", holder, holder); err != nil {
			return err
		}
	}
	return add(b, &b.rows.Terminals, &b.base.Terminals, f[0], number, t)
}

func (b *builder) sam(f []string) error {
	c := cells{fields: f, stored: b.stored}
	var terminal [6]byte
	c.hex(0, terminal[:])
	s := index.SAM{Span: c.span(2, 3)}
	c.hex(1, s.Number[:])
	if c.err != nil {
		return c.err
	}
	if err := checkReference(b, &b.rows.Terminals, &b.base.Terminals, "terminal", f[0], terminal); err != nil {
		return err
	}
	return add(b, &b.rows.SAMs, &b.base.SAMs, f[0], terminal, s)
}

func holders() []string { return []string{"", "anonymous", "registered"} }

// card reads a card; a file without a column for it has anonymous cards.
func (b *builder) card(f []string) error {
	c := cells{fields: f, stored: b.stored}
	number := c.cardNumber(0)
	card := index.Card{ID: keys.CardID{ASN: number}}
	c.hex(1, card.ID.Issuer[:])
	var code [1]byte
	c.hex(2, code[:])
	card.Type = code[0]
	card.Status, card.From, card.Expires = index.Status(c.oneOf(3, index.Statuses())), c.cardDay(4), c.cardDay(5)
	card.Registered = len(f) > 6 && c.oneOf(6, holders()) == 2
	if c.err != nil {
		return c.err
	}
	if !b.stored {
		known := b.base.Cards.Of(number.Signed())
		if err := b.checkCard(card, known); err != nil || slices.Contains(known, card) {
			return err
		}
	}
	if wrong := b.cards.Add(card); wrong == index.Full || wrong != index.NoConflict && !b.stored {
		return errors.New(conflict(wrong, number))
	}
	return nil
}

// conflict says how two rows of a card conflict.
func conflict(wrong index.Conflict, number index.Number) string {
	switch wrong {
	case index.Full:
		return fmt.Sprintf("card %s: more than %d combinations of issuer, type and first digits", number, index.MaxClasses)
	case index.TwoCards:
		return fmt.Sprintf("card %s: the same last sixteen digits occur with another beginning or issuer too; nothing that a card signs tells them apart", number)
	}
	return fmt.Sprintf("card %s occurs twice with the same first day", number)
}

// checkCard looks up issuer and type where any are registered. It compares the card's number with
// the prefix of its issuer, and the card with known, the rows that have its last digits. If a card
// has only one row, a row of the same first day corrects it, its number and issuer too.
func (b *builder) checkCard(card index.Card, known []index.Card) error {
	number := index.Number(card.ID.ASN)
	institution := index.InstitutionOf(card.ID.Issuer)
	if b.rows.Issuers.Len()+b.base.Issuers.Len() > 0 {
		if err := checkReference(b, &b.rows.Issuers, &b.base.Issuers, "issuer", fmt.Sprintf("%x", card.ID.Issuer), institution); err != nil {
			return err
		}
	}
	if b.rows.CardTypes.Len()+b.base.CardTypes.Len() > 0 {
		if err := checkReference(b, &b.rows.CardTypes, &b.base.CardTypes, "card_type", fmt.Sprintf("%02x", card.Type), card.Type); err != nil {
			return err
		}
	}
	for _, t := range []*index.Timelines[index.Institution, index.Issuer]{&b.rows.Issuers, &b.base.Issuers} {
		if issuer, ok := t.Latest(institution); ok {
			if issuer.ID != card.ID.Issuer {
				return fmt.Errorf("card %s: issuer %x is registered as %x", number, card.ID.Issuer, issuer.ID)
			}
			if printed := number.Digits()[1:]; !strings.HasPrefix(printed, issuer.Prefix) {
				return fmt.Errorf("card %s: the printed numbers of issuer %x begin with %s", number, issuer.ID, issuer.Prefix)
			}
			break
		}
	}
	corrects := len(known) == 1 && known[0].From == card.From
	return b.checkKnown(card.ID, corrects)
}

// checkKnown refuses a card or purse that differs from a known card only in parts that no card
// signs, unless it corrects that card.
func (b *builder) checkKnown(id keys.CardID, corrects bool) error {
	digits := id.Digits()
	if card, ok := b.base.Cards.Find(digits); ok && !corrects && card.ID != id {
		return errors.New(sameSignature(id, card.ID))
	}
	if purse, ok := b.base.Purses.Latest(digits); ok && purse.ID != id {
		return errors.New(sameSignature(id, purse.ID))
	}
	return nil
}

// sameSignature says that a registered card differs from this one only in parts that no card signs.
func sameSignature(card, known keys.CardID) string {
	return fmt.Sprintf("card %s of issuer %x: a card of issuer %x has the same last sixteen digits; nothing that a card signs tells them apart",
		index.Number(card.ASN), card.Issuer, known.Issuer)
}

func (b *builder) channel(f []string) error {
	c := cells{fields: f, stored: b.stored}
	ch := index.Channel{ID: c.id(0), Name: c.text(1), NameEN: c.text(2), Span: c.span(3, 4)}
	if c.err != nil {
		return c.err
	}
	if err := checkSpelling(b, Channels, &b.base.Channels, ch.ID); err != nil {
		return err
	}
	return add(b, &b.rows.Channels, &b.base.Channels, f[0], ch.ID, ch)
}

// counter reads at which counter of a channel a terminal stands.
func (b *builder) counter(f []string) error {
	c := cells{fields: f, stored: b.stored}
	terminal, at := counterOf(&c)
	if c.err != nil {
		return c.err
	}
	if err := checkReference(b, &b.rows.Channels, &b.base.Channels, "channel", at.Channel, at.Channel); err != nil {
		return err
	}
	return add(b, &b.rows.Counters, &b.base.Counters, f[0], terminal, at)
}

func counterOf(c *cells) (terminal [6]byte, at index.Counter) {
	c.hex(0, terminal[:])
	return terminal, index.Counter{Channel: c.id(1), Name: c.id(2), Span: c.span(3, 4)}
}

func classes() []string { return []string{"community", "1", "2", "3"} }

func (b *builder) hospital(f []string) error {
	c := cells{fields: f, stored: b.stored}
	h := index.Hospital{ID: c.id(0), Name: c.text(1), NameEN: c.text(2), Class: classes()[c.oneOf(3, classes())], Span: c.span(4, 5)}
	if c.err != nil {
		return c.err
	}
	if err := checkSpelling(b, Hospitals, &b.base.Hospitals, h.ID); err != nil {
		return err
	}
	return add(b, &b.rows.Hospitals, &b.base.Hospitals, f[0], h.ID, h)
}

// person reads a person. A personal account's balance is taken over once, with the row that
// registers the person; from then on the books have it.
func (b *builder) person(f []string) error {
	c := cells{fields: f, stored: b.stored}
	var token index.Token
	c.hex(0, token[:])
	p := index.Person{
		Insurance: index.Insurance(c.oneOf(1, index.Insurances())), Status: index.PersonStatus(c.oneOf(2, index.PersonStatuses())),
		PersonalAccount: c.fen(3, index.PersonLimit), Pension: c.fen(4, index.PersonLimit), CertifiedUntil: c.month(5), From: c.day(6),
	}
	if c.err != nil || b.stored {
		b.rows.Persons.Add(token, p)
		return c.err
	}
	if _, twice := b.rows.Persons.At(token, p.From); twice {
		return fmt.Errorf("person %s occurs twice", token)
	}
	old, standing := b.base.Persons.At(token, p.From)
	if standing && old == p.KeepingAccount(old) {
		return nil
	}
	// An amount that no account can have held was never booked, so it may be stated again.
	wrong := standing && old.PersonalAccount > index.PersonLimit
	if p.PersonalAccount != 0 && !wrong && (b.rows.Persons.Has(token) || b.base.Persons.Has(token)) {
		c.fail(3, "0: the person is registered already, the books have the balance")
		return c.err
	}
	b.rows.Persons.Add(token, p)
	return nil
}

// purse reads what a card held in the previous system. The card need not be registered, since its
// money exists all the same.
func (b *builder) purse(f []string) error {
	c := cells{fields: f, stored: b.stored}
	number := c.cardNumber(0)
	p := index.Purse{ID: keys.CardID{ASN: number}, Day: c.day(3)}
	p.Fen = c.fen(2, b.bounds.purse(p.Day))
	c.hex(1, p.ID.Issuer[:])
	if c.err == nil && p.Fen == 0 {
		c.fail(2, "an amount above zero")
	}
	if c.err != nil {
		return c.err
	}
	digits := number.Signed()
	if !b.stored {
		if b.rows.Purses.Has(digits) {
			return fmt.Errorf("card %s: a purse of the same last sixteen digits occurs twice", number)
		}
		old, taken := b.base.Purses.Latest(digits)
		// An amount that no purse can have held was never booked, so it may be stated again.
		wrong := old.Fen > purseLimit && old.Day == p.Day
		switch {
		case taken && old == p:
			return nil
		case taken && !wrong:
			return fmt.Errorf("card %s: the purse of card %s was taken over already, with %d fen on %s", number, index.Number(old.ID.ASN), old.Fen, old.Day)
		}
		if err := b.checkKnown(p.ID, false); err != nil {
			return err
		}
	}
	b.rows.Purses.Add(digits, p)
	return nil
}

// listing reads a row of the hotlist. The card need not be registered: it may be
// another city's.
func (b *builder) listing(f []string) error {
	c := cells{fields: f}
	l := index.Listing{Card: c.cardNumber(0), Reason: c.id(1), From: c.moment(2), To: index.Open}
	if f[3] != "" {
		if l.To = c.moment(3); l.To < l.From {
			c.fail(3, "a moment not before the first")
		}
	}
	if c.err != nil {
		return c.err
	}
	if !b.stored && b.base.Hotlist.Has(l) {
		return nil
	}
	if !b.rows.Hotlist.Add(l) {
		return fmt.Errorf("card %s: more than %d reasons", l.Card, index.MaxReasons)
	}
	return nil
}

// listBounds reads how far a published list may move at once.
func (b *builder) listBounds(f []string) error {
	c := cells{fields: f, stored: b.stored}
	list := []string{index.HotlistID}[c.oneOf(0, []string{index.HotlistID})]
	l := index.ListBounds{Few: c.number(1), Grow: c.percent(2), Shrink: c.percent(3), Share: c.percent(4), Span: c.span(5, 6)}
	if c.err != nil {
		return c.err
	}
	return add(b, &b.rows.ListBounds, &b.base.ListBounds, f[0], list, l)
}

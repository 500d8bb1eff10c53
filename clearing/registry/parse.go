package registry

import (
	"errors"
	"fmt"
	"strings"

	"citycard/cardos/keys"
)

// builder collects rows. Rows of files are checked against each other and against
// base; rows of the database were checked before they got there.
type builder struct {
	content
	base    *content
	checked bool        // rows were checked before
	packer  cardBuilder // becomes cards
	bounds  Bounds
	spelt   map[Kind]map[string]string // ids as they are written, by their small letters
}

// alone refuses an id that differs from another of its kind in capitals alone: people, and
// programs that read what is written for them, take the two for one. An id that is
// registered may be corrected.
func alone[T dated](b *builder, kind Kind, base *timelines[string, T], id string) error {
	if b.checked || base.knows(id) {
		return nil
	}
	spelt := b.spelt[kind]
	if spelt == nil {
		spelt = map[string]string{}
		for known := range base.last {
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

// put adds a row that was read without an error. Rows of files must not overlap in
// time, and are left out where they are in force already.
func put[K comparable, T interface {
	dated
	span() Span
}](b *builder, to, base *timelines[K, T], name string, key K, row T) error {
	if b.checked {
		to.add(key, row)
		return nil
	}
	s := row.span()
	for _, old := range to.rows(key) {
		if o := old.span(); o.Holds(s.From) || s.Holds(o.From) {
			return fmt.Errorf("%s: overlaps the row effective from %d", name, o.From)
		}
	}
	if old, ok := base.at(key, s.From); !ok || old != row {
		to.add(key, row)
	}
	return nil
}

// refers fails where a row names something that is registered nowhere.
func refers[K comparable, T dated](b *builder, files, base *timelines[K, T], what, name string, key K) error {
	if b.checked || files.knows(key) || base.knows(key) {
		return nil
	}
	return fmt.Errorf("%s %q is neither in %ss.csv nor registered", what, name, what)
}

func (b *builder) operator(f []string) error {
	c := cells{fields: f, stored: b.checked}
	o := Operator{ID: c.id(0), Name: c.text(1), NameEN: c.text(2), Mode: c.mode(3), Span: c.span(4, 5)}
	if c.err != nil {
		return c.err
	}
	if err := alone(b, Operators, &b.base.operators, o.ID); err != nil {
		return err
	}
	return put(b, &b.operators, &b.base.operators, f[0], o.ID, o)
}

func issuerKinds() []string { return []string{"own", "interoperable"} }

func (b *builder) issuer(f []string) error {
	c := cells{fields: f, stored: b.checked}
	i := Issuer{Name: c.text(1), NameEN: c.text(2), Own: c.oneOf(3, issuerKinds()) == 0, Span: c.span(4, 5)}
	c.hex(0, i.ID[:])
	if len(f) > 6 {
		i.Prefix = c.prefix(6)
	}
	if c.err != nil {
		return c.err
	}
	key := InstitutionOf(i.ID)
	for _, t := range []*timelines[Institution, Issuer]{&b.issuers, &b.base.issuers} {
		if old, ok := t.last[key]; ok && old.ID != i.ID && !b.checked {
			return fmt.Errorf("issuer %x begins like issuer %x, and only the first four bytes enter the keys of its cards", i.ID, old.ID)
		}
	}
	return put(b, &b.issuers, &b.base.issuers, f[0], key, i)
}

func (b *builder) cardType(f []string) error {
	c := cells{fields: f, stored: b.checked}
	var code [1]byte
	c.hex(0, code[:])
	t := CardType{Name: c.text(1), NameEN: c.text(2), Span: c.span(3, 4)}
	if c.err != nil {
		return c.err
	}
	return put(b, &b.types, &b.base.types, f[0], code[0], t)
}

func (b *builder) line(f []string) error {
	c := cells{fields: f, stored: b.checked}
	l := Line{
		ID: c.id(0), Operator: c.id(1), Mode: c.mode(2), Number: c.number(3), Name: c.text(4), NameEN: c.text(5), Span: c.span(6, 7),
	}
	if c.err != nil {
		return c.err
	}
	if err := refers(b, &b.operators, &b.base.operators, "operator", l.Operator, l.Operator); err != nil {
		return err
	}
	return put(b, &b.lines, &b.base.lines, f[0], l.ID, l)
}

func (b *builder) vehicle(f []string) error {
	c := cells{fields: f, stored: b.checked}
	v := Vehicle{ID: c.id(0), Operator: c.id(1), Span: c.span(3, 4)}
	if f[2] != "" {
		v.Line = c.id(2)
	}
	if c.err != nil {
		return c.err
	}
	if err := refers(b, &b.operators, &b.base.operators, "operator", v.Operator, v.Operator); err != nil {
		return err
	}
	if v.Line != "" {
		if err := refers(b, &b.lines, &b.base.lines, "line", v.Line, v.Line); err != nil {
			return err
		}
	}
	return put(b, &b.vehicles, &b.base.vehicles, f[0], v.ID, v)
}

func (b *builder) terminal(f []string) error {
	c := cells{fields: f, stored: b.checked}
	var number [6]byte
	c.hex(0, number[:])
	t := Terminal{Operator: c.id(1), Mode: c.mode(2), Line: c.number(3), Station: c.number(4), Span: c.span(5, 6)}
	if c.err != nil {
		return c.err
	}
	if err := refers(b, &b.operators, &b.base.operators, "operator", t.Operator, t.Operator); err != nil {
		return err
	}
	return put(b, &b.terminals, &b.base.terminals, f[0], number, t)
}

func (b *builder) sam(f []string) error {
	c := cells{fields: f, stored: b.checked}
	var terminal [6]byte
	c.hex(0, terminal[:])
	s := SAM{Span: c.span(2, 3)}
	c.hex(1, s.Number[:])
	if c.err != nil {
		return c.err
	}
	if err := refers(b, &b.terminals, &b.base.terminals, "terminal", f[0], terminal); err != nil {
		return err
	}
	return put(b, &b.sams, &b.base.sams, f[0], terminal, s)
}

func holders() []string { return []string{"", "anonymous", "registered"} }

// card reads a card; a file without a column for it has anonymous cards.
func (b *builder) card(f []string) error {
	c := cells{fields: f, stored: b.checked}
	number := c.cardNumber(0)
	class := cardClass{first: [2]byte(number[:2])}
	c.hex(1, class.issuer[:])
	var kind [1]byte
	c.hex(2, kind[:])
	class.kind = kind[0]
	r := cardRow{status: Status(c.oneOf(3, statuses())), from: c.cardDay(4), expires: c.cardDay(5)}
	if len(f) > 6 && c.oneOf(6, holders()) == 2 {
		r.flags = registeredFlag
	}
	if c.err != nil {
		return c.err
	}
	if err := b.checkClass(class); err != nil {
		return err
	}
	digits := number.Signed()
	if err := b.checkNumber(number, class, r.from); err != nil {
		return err
	}
	var ok bool
	if r.class, ok = b.packer.table.class(class); !ok {
		return fmt.Errorf("card %s: more than %d combinations of issuer, type and first digits", number, maxClasses)
	}
	if !b.checked && b.standsAlready(digits, r) {
		return nil
	}
	if wrong := b.packer.add(digits, r); wrong != noClash && !b.checked {
		return errors.New(wrong.text(number))
	}
	return nil
}

// checkNumber holds a card's number against the prefix of its issuer, and the card
// against the one whose last digits are registered. The row that a card has alone is
// corrected by one of the same first day, its number and issuer too.
func (b *builder) checkNumber(number Number, class cardClass, from dayNumber) error {
	if b.checked {
		return nil
	}
	for _, t := range []*timelines[Institution, Issuer]{&b.issuers, &b.base.issuers} {
		if issuer, ok := t.last[InstitutionOf(class.issuer)]; ok {
			if issuer.ID != class.issuer {
				return fmt.Errorf("card %s: issuer %x is registered as %x", number, class.issuer, issuer.ID)
			}
			if printed := number.Digits()[1:]; !strings.HasPrefix(printed, issuer.Prefix) {
				return fmt.Errorf("card %s: the printed numbers of issuer %x begin with %s", number, issuer.ID, issuer.Prefix)
			}
			break
		}
	}
	row, registered := b.base.cards.find(number.Signed())
	corrects := registered && row.from == from && row.flags&historyFlag == 0
	return b.checkKnown(keys.CardID{Issuer: class.issuer, ASN: number}, corrects)
}

// checkKnown refuses a card, or a purse of it, that is another one's but for what no card
// signs, if it does not correct that one.
func (b *builder) checkKnown(id keys.CardID, corrects bool) error {
	digits := id.Digits()
	if row, ok := b.base.cards.find(digits); ok && !corrects {
		if known := b.base.cards.unpack(digits, row).ID; known != id {
			return errors.New(sameSignature(id, known))
		}
	}
	if purse, ok := b.base.purses.last[digits]; ok && purse.ID != id {
		return errors.New(sameSignature(id, purse.ID))
	}
	return nil
}

// checkClass looks up issuer and type where any are registered.
func (b *builder) checkClass(class cardClass) error {
	if len(b.issuers.last)+len(b.base.issuers.last) > 0 {
		if err := refers(b, &b.issuers, &b.base.issuers, "issuer", fmt.Sprintf("%x", class.issuer), InstitutionOf(class.issuer)); err != nil {
			return err
		}
	}
	if len(b.types.last)+len(b.base.types.last) > 0 {
		return refers(b, &b.types, &b.base.types, "card_type", fmt.Sprintf("%02x", class.kind), class.kind)
	}
	return nil
}

func (b *builder) standsAlready(id keys.Digits, r cardRow) bool {
	base := &b.base.cards
	for _, old := range base.all(id) {
		if old.from == r.from {
			r.flags |= old.flags & historyFlag
			same := base.classes[old.class] == b.packer.table.classes[r.class]
			old.class = r.class
			return same && old == r
		}
	}
	return false
}

func (b *builder) channel(f []string) error {
	c := cells{fields: f, stored: b.checked}
	ch := Channel{ID: c.id(0), Name: c.text(1), NameEN: c.text(2), Span: c.span(3, 4)}
	if c.err != nil {
		return c.err
	}
	if err := alone(b, Channels, &b.base.channels, ch.ID); err != nil {
		return err
	}
	return put(b, &b.channels, &b.base.channels, f[0], ch.ID, ch)
}

func classes() []string { return []string{"community", "1", "2", "3"} }

func (b *builder) hospital(f []string) error {
	c := cells{fields: f, stored: b.checked}
	h := Hospital{ID: c.id(0), Name: c.text(1), NameEN: c.text(2), Class: classes()[c.oneOf(3, classes())], Span: c.span(4, 5)}
	if c.err != nil {
		return c.err
	}
	if err := alone(b, Hospitals, &b.base.hospitals, h.ID); err != nil {
		return err
	}
	return put(b, &b.hospitals, &b.base.hospitals, f[0], h.ID, h)
}

// person reads a person. A personal account comes along once, with the row that
// registers the person; from then on the books have it.
func (b *builder) person(f []string) error {
	c := cells{fields: f, stored: b.checked}
	var token Token
	c.hex(0, token[:])
	p := person{
		insurance: uint8(c.oneOf(1, insurances())), status: uint8(c.oneOf(2, personStatuses())),
		account: c.fen(3, personLimit), pension: c.fen(4, personLimit), certified: c.month(5), from: c.day(6),
	}
	if c.err != nil || b.checked {
		b.persons.add(token, p)
		return c.err
	}
	if _, twice := b.persons.at(token, p.from); twice {
		return fmt.Errorf("person %s occurs twice", token)
	}
	old, standing := b.base.persons.at(token, p.from)
	if standing && old == p.bringing(old) {
		return nil
	}
	// What no account can have held was never booked, so it may be stated again.
	wrong := standing && old.account > personLimit
	if p.account != 0 && !wrong && (b.persons.knows(token) || b.base.persons.knows(token)) {
		c.fail(3, "0: the person is registered already, the books have the balance")
		return c.err
	}
	b.persons.add(token, p)
	return nil
}

// purse is what a card held before; the card need not be registered, since the
// money is there all the same.
func (b *builder) purse(f []string) error {
	c := cells{fields: f, stored: b.checked}
	number := c.cardNumber(0)
	p := Purse{ID: keys.CardID{ASN: number}, Day: c.day(3)}
	p.Fen = c.fen(2, b.bounds.purse(p.Day))
	c.hex(1, p.ID.Issuer[:])
	if c.err == nil && p.Fen == 0 {
		c.fail(2, "an amount above zero")
	}
	if c.err != nil {
		return c.err
	}
	digits := number.Signed()
	if !b.checked {
		if b.purses.knows(digits) {
			return fmt.Errorf("card %s: a purse of the same last sixteen digits occurs twice", number)
		}
		old, taken := b.base.purses.last[digits]
		// What no purse can have held was never booked, so it may be stated again.
		wrong := old.Fen > purseLimit && old.Day == p.Day
		switch {
		case taken && old == p:
			return nil
		case taken && !wrong:
			return fmt.Errorf("card %s: the purse of card %s was taken over already, with %d fen on %s", number, Number(old.ID.ASN), old.Fen, old.Day)
		}
		if err := b.checkKnown(p.ID, false); err != nil {
			return err
		}
	}
	b.purses.add(digits, p)
	return nil
}

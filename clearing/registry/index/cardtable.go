package index

import (
	"cmp"
	"encoding/binary"
	"iter"
	"maps"
	"slices"
	"time"

	"citycard/cardos/keys"
	"citycard/ledger"
)

// cardRow is a card's row as it is held, 8 bytes.
type cardRow struct {
	from, expires dayNumber
	class         uint16
	status        Status
	flags         uint8
}

const (
	registeredFlag = 1 << iota
	historyFlag    // there are earlier rows
)

// cardClass is what many cards share.
type cardClass struct {
	issuer [8]byte
	first  [2]byte // the first four digits of the number, which are in no signature
	kind   byte
}

// same reports whether cards of the two classes with the same last digits are one card.
func (c cardClass) same(other cardClass) bool {
	return c.issuer == other.issuer && c.first == other.first
}

// number is the whole number of a card of the class.
func (c cardClass) number(digits keys.Digits) (n Number) {
	copy(n[:], c.first[:])
	copy(n[len(c.first):], digits[:])
	return n
}

// MaxClasses is how many classes a table may have.
const MaxClasses = 1 << 16

// The days that a packed card can have.
const (
	FirstDay ledger.Day = 19900101
	LastDay  ledger.Day = 21690606
)

// dayNumber counts days from the first to the last.
type dayNumber uint16

const (
	daySeconds  = 24 * 60 * 60
	epochSecond = 7305 * daySeconds // 1990-01-01 in seconds since 1970
)

func numberOf(day ledger.Day) (n dayNumber, ok bool) {
	seconds := day.Time(time.UTC).Unix() - epochSecond
	return dayNumber(seconds / daySeconds), seconds >= 0 && seconds < daySeconds<<16
}

func (n dayNumber) day() ledger.Day {
	return ledger.DayOf(time.Unix(epochSecond+int64(n)*daySeconds, 0).UTC())
}

// pageCards fills a page of 8,192 bytes, a size that Go's allocator has.
const pageCards = 511

type cardPage struct {
	ids  [pageCards]keys.Digits
	rows [pageCards]cardRow
	n    uint16
}

// CardTable holds cards in order of their digits. A table that somebody may be reading
// is never changed: merge makes another that shares its untouched pages.
type CardTable struct {
	pages   []*cardPage
	first   []keys.Digits // of each page
	tails   []pageTail    // of each page
	classes []cardClass
	earlier map[keys.Digits][]cardRow // all but the latest, in order of day
	cards   int
	history int // rows in earlier
}

// pageTail is where a page ends. Together with the page's first card it tells about where in the
// page a card is, without reading the page: with millions of cards the pages are too large for a
// processor's cache.
type pageTail struct {
	last keys.Digits
	n    int
}

func (p *cardPage) tail() pageTail { return pageTail{p.ids[p.n-1], int(p.n)} }

// before compares as bytes.Compare(a, b) < 0.
func before(a, b *keys.Digits) bool { return value(a) < value(b) }

// value is the digits as a word of the same order.
func value(digits *keys.Digits) uint64 { return binary.BigEndian.Uint64(digits[:]) }

// Find finds a card as it stands by its latest row.
func (t *CardTable) Find(digits keys.Digits) (Card, bool) {
	row, ok := t.find(digits)
	if !ok {
		return Card{}, false
	}
	return t.unpack(digits, row), true
}

// find returns a card's latest row.
func (t *CardTable) find(id keys.Digits) (cardRow, bool) {
	low, high := 0, len(t.first)
	for low < high { // the first page that begins after id
		middle := int(uint(low+high) >> 1)
		if before(&id, &t.first[middle]) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	if low == 0 || before(&t.tails[low-1].last, &id) {
		return cardRow{}, false
	}
	page := t.pages[low-1]
	at := page.search(&id, &t.first[low-1], &t.tails[low-1])
	if page.ids[at] != id {
		return cardRow{}, false
	}
	return page.rows[at], true
}

// decimal is the number that the digits form. If they are not decimal digits, the result is an
// arbitrary number.
func decimal(digits *keys.Digits) uint64 {
	v := value(digits)
	v = v&0x0F0F0F0F0F0F0F0F + v>>4&0x0F0F0F0F0F0F0F0F*10
	v = v&0x00FF00FF00FF00FF + v>>8&0x00FF00FF00FF00FF*100
	v = v&0x0000FFFF0000FFFF + v>>16&0x0000FFFF0000FFFF*10_000
	return v&0xFFFFFFFF + v>>32*100_000_000
}

// search finds the first card of the page that is not before id. id must not be after the page's
// last card. Numbers are issued in runs, so the search begins where id would be if the numbers were
// evenly spaced, and doubles its steps from there. It touches one or two cache lines where a binary
// search touches six, and never takes more than twice as many steps.
func (p *cardPage) search(id, first *keys.Digits, tail *pageTail) int {
	low, high := 0, tail.n-1 // the answer is in low … high
	begin, end, wanted := decimal(first), decimal(&tail.last), decimal(id)
	if begin < wanted && wanted < end {
		at := int(float64(wanted-begin) / float64(end-begin) * float64(high))
		if before(&p.ids[at], id) {
			low = at + 1
			for step := 1; low+step < high; step *= 2 {
				if !before(&p.ids[low+step], id) {
					high = low + step
					break
				}
				low += step + 1
			}
		} else {
			high = at
			for step := 1; high-step > low; step *= 2 {
				if before(&p.ids[high-step], id) {
					low = high - step + 1
					break
				}
				high -= step
			}
		}
	}
	for low < high {
		middle := int(uint(low+high) >> 1)
		if before(&p.ids[middle], id) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// on returns the row in force on the day, or the first row if the day is before all of them.
func (t *CardTable) on(id keys.Digits, day dayNumber) (cardRow, bool) {
	row, ok := t.find(id)
	if !ok || row.from <= day || row.flags&historyFlag == 0 {
		return row, ok
	}
	rows := t.earlier[id]
	for i := len(rows) - 1; i > 0; i-- {
		if rows[i].from <= day {
			return rows[i], true
		}
	}
	return rows[0], true
}

// rowsOf are all rows of a card, in order of day.
func (t *CardTable) rowsOf(id keys.Digits) []cardRow {
	row, ok := t.find(id)
	if !ok {
		return nil
	}
	return t.upTo(id, row)
}

// upTo is rowsOf given the latest row.
func (t *CardTable) upTo(id keys.Digits, latest cardRow) []cardRow {
	if latest.flags&historyFlag == 0 {
		return []cardRow{latest}
	}
	return append(slices.Clone(t.earlier[id]), latest)
}

// Of are all rows of a card, in order of day.
func (t *CardTable) Of(digits keys.Digits) (cards []Card) {
	for _, row := range t.rowsOf(digits) {
		cards = append(cards, t.unpack(digits, row))
	}
	return cards
}

// All goes through the rows of all cards, in order of digits and day.
func (t *CardTable) All() iter.Seq[Card] {
	return func(yield func(Card) bool) {
		for _, page := range t.pages {
			for i, id := range page.ids[:page.n] {
				for _, row := range t.upTo(id, page.rows[i]) {
					if !yield(t.unpack(id, row)) {
						return
					}
				}
			}
		}
	}
}

// Classes counts the classes of both tables, each once.
func (t *CardTable) Classes(other *CardTable) int { return distinct(t.classes, other.classes) }

func distinct[T comparable](a, b []T) int {
	all := map[T]struct{}{}
	for _, v := range slices.Concat(a, b) {
		all[v] = struct{}{}
	}
	return len(all)
}

func (t *CardTable) unpack(digits keys.Digits, row cardRow) Card {
	class := t.classes[row.class]
	return Card{
		ID: keys.CardID{Issuer: class.issuer, ASN: class.number(digits)}, Type: class.kind, Status: row.status,
		Registered: row.flags&registeredFlag != 0, From: row.from.day(), Expires: row.expires.day(),
	}
}

// append puts a card behind all others.
func (t *CardTable) append(id keys.Digits, row cardRow) {
	last := len(t.pages) - 1
	if last < 0 || t.pages[last].n == pageCards {
		t.pages, t.first, t.tails = append(t.pages, &cardPage{}), append(t.first, id), append(t.tails, pageTail{})
		last++
	}
	page := t.pages[last]
	page.ids[page.n], page.rows[page.n] = id, row
	page.n++
	t.tails[last] = page.tail()
	t.cards++
}

// keyedRow is a row with the card that it is of.
type keyedRow struct {
	id  keys.Digits
	row cardRow
}

// Conflict is how a card's row conflicts with another row of the same digits.
type Conflict uint8

// The conflicts; of several the last one counts.
const (
	NoConflict Conflict = iota
	SameDay             // one gave way
	TwoCards            // their numbers or issuers differ: nothing signed tells them apart
	Full                // it was left out: the table has as many classes as it can hold
)

// supersede puts a further row of a card into its history and returns the latest.
func (t *CardTable) supersede(id keys.Digits, old, row cardRow) (latest cardRow, wrong Conflict) {
	if !t.classes[old.class].same(t.classes[row.class]) {
		wrong = TwoCards
	}
	if old.from == row.from {
		row.flags |= old.flags & historyFlag
		return row, max(wrong, SameDay)
	}
	if t.earlier == nil {
		t.earlier = map[keys.Digits][]cardRow{}
	}
	rows := t.earlier[id]
	latest, other := row, old
	if row.from < old.from {
		latest, other = old, row
	}
	other.flags &^= historyFlag
	at, twice := slices.BinarySearchFunc(rows, other, func(a, b cardRow) int { return int(a.from) - int(b.from) })
	rows = slices.Clone(rows) // another edition may hold the old slice
	if twice {
		rows[at] = other
	} else {
		rows = slices.Insert(rows, at, other)
		t.history++
	}
	t.earlier[id] = rows
	latest.flags |= historyFlag
	if twice {
		wrong = max(wrong, SameDay)
	}
	return latest, wrong
}

// merge makes a table of t and then the pending rows, which are in order of digits.
// wrong hears of each pair of rows in conflict.
func (t *CardTable) merge(pending []keyedRow, wrong func(Number, Conflict)) CardTable {
	if len(pending) == 0 {
		return *t
	}
	merged := *t
	merged.earlier = maps.Clone(t.earlier)
	room := len(t.pages) + 1
	merged.pages, merged.first, merged.tails = make([]*cardPage, 0, room), make([]keys.Digits, 0, room), make([]pageTail, 0, room)
	pages := t.pages
	if len(pages) == 0 {
		pages = []*cardPage{{}}
	}
	var mixed []keyedRow
	for i, page := range pages {
		n := len(pending)
		if i+1 < len(pages) {
			n, _ = slices.BinarySearchFunc(pending, t.first[i+1], func(r keyedRow, id keys.Digits) int {
				if before(&r.id, &id) {
					return -1
				}
				return 1
			})
		}
		if n == 0 {
			merged.pages, merged.first, merged.tails = append(merged.pages, page), append(merged.first, t.first[i]), append(merged.tails, t.tails[i])
			continue
		}
		mixed = merged.mix(mixed[:0], page, pending[:n], wrong)
		pending = pending[n:]
		merged.split(mixed)
		merged.cards += len(mixed) - int(page.n)
	}
	return merged
}

// mix appends the cards of a page and the pending rows among them to dst.
func (t *CardTable) mix(dst []keyedRow, page *cardPage, pending []keyedRow, wrong func(Number, Conflict)) []keyedRow {
	at := 0
	for _, r := range pending {
		for at < int(page.n) && !before(&r.id, &page.ids[at]) {
			dst = append(dst, keyedRow{page.ids[at], page.rows[at]})
			at++
		}
		if end := len(dst) - 1; end >= 0 && dst[end].id == r.id {
			var is Conflict
			if dst[end].row, is = t.supersede(r.id, dst[end].row, r.row); is != NoConflict {
				wrong(t.classes[r.row.class].number(r.id), is)
			}
			continue
		}
		dst = append(dst, r)
	}
	for ; at < int(page.n); at++ {
		dst = append(dst, keyedRow{page.ids[at], page.rows[at]})
	}
	return dst
}

// split appends the smallest number of pages for the cards, about equally full, so that the next
// card has room.
func (t *CardTable) split(cards []keyedRow) {
	pages := (len(cards) + pageCards - 1) / pageCards
	for i := range pages {
		page := &cardPage{}
		for _, c := range cards[i*len(cards)/pages : (i+1)*len(cards)/pages] {
			page.ids[page.n], page.rows[page.n] = c.id, c.row
			page.n++
		}
		t.pages, t.first, t.tails = append(t.pages, page), append(t.first, page.ids[0]), append(t.tails, page.tail())
	}
}

// with is t and then the rows of more; neither is changed.
func (t *CardTable) with(more *CardTable) CardTable {
	switch {
	case more.cards == 0:
		return *t
	case t.cards == 0:
		return *more
	}
	merged := *t
	merged.classes = slices.Clone(t.classes)
	translate := make([]uint16, len(more.classes))
	for i, class := range more.classes {
		translate[i], _ = merged.class(class)
	}
	pending := make([]keyedRow, 0, more.cards+more.history)
	for _, page := range more.pages {
		for i := range page.n {
			for _, row := range more.upTo(page.ids[i], page.rows[i]) {
				row.class, row.flags = translate[row.class], row.flags&^historyFlag
				pending = append(pending, keyedRow{page.ids[i], row})
			}
		}
	}
	return merged.merge(pending, func(Number, Conflict) {})
}

// class numbers a class; ok is false where there are too many.
func (t *CardTable) class(c cardClass) (n uint16, ok bool) {
	return numberIn(&t.classes, c, MaxClasses)
}

// numberIn numbers a value by its place in a list, to which it adds a new one; ok is false where
// the list is full.
func numberIn[T comparable](list *[]T, value T, most int) (n uint16, ok bool) {
	at := slices.Index(*list, value)
	if at < 0 {
		if at = len(*list); at == most {
			return 0, false
		}
		*list = append(*list, value)
	}
	return uint16(at), true
}

// CardBuilder fills a new table. Cards in order of digits are stored at once; others wait until the
// end.
type CardBuilder struct {
	table   CardTable
	last    keys.Digits
	pending []keyedRow
}

// Add takes a row, whose days are from [FirstDay] to [LastDay], and says how it conflicts
// with the one before.
func (b *CardBuilder) Add(card Card) Conflict {
	class, ok := b.table.class(cardClass{issuer: card.ID.Issuer, first: [2]byte(card.ID.ASN[:2]), kind: card.Type})
	if !ok {
		return Full
	}
	row := cardRow{class: class, status: card.Status}
	row.from, _ = numberOf(card.From)
	row.expires, _ = numberOf(card.Expires)
	if card.Registered {
		row.flags = registeredFlag
	}
	return b.add(card.ID.Digits(), row)
}

func (b *CardBuilder) add(id keys.Digits, row cardRow) (wrong Conflict) {
	switch {
	case b.table.cards == 0 || before(&b.last, &id):
		b.table.append(id, row)
		b.last = id
	case b.last == id:
		page := b.table.pages[len(b.table.pages)-1]
		page.rows[page.n-1], wrong = b.table.supersede(id, page.rows[page.n-1], row)
	default:
		b.pending = append(b.pending, keyedRow{id, row})
	}
	return wrong
}

// Finish returns the table. wrong hears of cards that came out of order with rows in
// conflict.
func (b *CardBuilder) Finish(wrong func(Number, Conflict)) CardTable {
	if len(b.pending) == 0 {
		return b.table
	}
	slices.SortStableFunc(b.pending, func(x, y keyedRow) int { return cmp.Compare(value(&x.id), value(&y.id)) })
	return b.table.merge(b.pending, wrong)
}

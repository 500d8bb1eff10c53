package cards_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"citycard/clearing/cards"
	"citycard/clearing/chart"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// life is a card as a small model has it.
type life struct {
	state      cards.State
	registered bool
	deposit    ledger.Fen
	purse      ledger.Fen
	waits      ledger.Fen
	due        time.Time // a loss for now is over, or the money is paid
	next       int       // the card that took its place
	lost       bool      // as it was replaced
}

// lives are the cards of a model, some of which are blank.
type lives struct {
	c    *counter
	all  [20]life
	used int // cards that are no longer blank
	done map[cards.Do]int
}

// turn is one thing that happens.
type turn struct {
	do   string
	card int
	fen  ledger.Fen
	days int
}

func turns() *rapid.Generator[turn] {
	return rapid.Custom(func(t *rapid.T) turn {
		does := []string{
			"sell", "sell registered", "load", "load", "tap", "tap", "wait", "days", "days", "lost", "for now", "find", "replace", "replace", "return", "hand in", "refund",
			"refund", "extend",
		}
		return turn{rapid.SampledFrom(does).Draw(t, "do"), rapid.IntRange(0, 7).Draw(t, "card"), ledger.Fen(rapid.IntRange(1, 25).Draw(t, "fen") * 100), rapid.IntRange(1, 6).Draw(t, "days")}
	})
}

// TestLives has cards live random lives, and a small model of states and money beside them: what is
// shown of each card, and what verify finds, agree; at the end no money is left of a card that is
// ended.
func TestLives(t *testing.T) {
	seed := int(ledgertest.Setting(t, ledgertest.SoakSeed, 20260105))
	done := map[cards.Do]int{}
	for n := range 2 {
		m := &lives{c: newCounter(t), done: done}
		m.c.open()
		for i, turn := range rapid.SliceOfN(turns(), 60, 60).Example(seed + n) {
			m.c.now = m.c.now.Add(time.Minute)
			m.takes(turn)
			if i%6 == 0 {
				m.compare(turn)
			}
			if t.Failed() {
				t.Fatalf("seed %d, turn %d: %+v", seed+n, i, turn)
			}
		}
		m.c.hold()
		m.end()
	}
	if len(done) < 5 {
		t.Errorf("only %v were done", done)
	}
}

// takes has one thing happen in the books and in the model.
func (m *lives) takes(t turn) {
	of := &m.all[t.card%max(m.used, 1)]
	card := number(t.card % max(m.used, 1))
	switch t.do {
	case "sell", "sell registered":
		if m.used < 6 {
			m.sells(t.do == "sell registered")
		}
	case "load", "tap":
		if m.used == 0 || t.do == "load" && of.state != cards.Active {
			return
		}
		if t.do == "tap" {
			t.fen = -t.fen // it may come late, and overdraw the card
		}
		m.c.loads(card, t.fen)
		of.purse += t.fen
	case "wait":
		t.fen *= 10 // as the rules of loads want it
		if of.state == cards.Active {
			m.c.pays(fmt.Sprintf("w-%d", m.c.count), card, t.fen)
			m.c.count++
			of.waits += t.fen
		}
	case "days":
		m.c.now = m.c.now.AddDate(0, 0, t.days)
	default:
		if m.used > 0 {
			m.acts(t.do, of, card)
		}
	}
	m.byRule()
}

func (m *lives) sells(registered bool) {
	edit := []func(*cards.Order){product("ordinary"), cash(1000)}
	if registered {
		edit = []func(*cards.Order){product("registered"), cash(1000), shown("Li")}
	}
	m.c.does(cards.Sell, number(m.used), edit...)
	m.all[m.used] = life{state: cards.Active, registered: registered, deposit: 1000}
	m.used++
	m.done[cards.Sell]++
}

// acts does an act of a counter if the model says that it may be done, and wants it to be refused
// otherwise.
func (m *lives) acts(what string, of *life, card string) {
	c := m.c
	in := func(states ...cards.State) bool { return slices.Contains(states, of.state) }
	over := min(max(-of.purse, 0), of.deposit)
	var do cards.Do
	var may bool
	pays, takes := ledger.Fen(0), ledger.Fen(0)
	becomes := *of
	var edit []func(*cards.Order)
	switch what {
	case "lost":
		do, may, becomes.state = cards.ReportLoss, of.registered && in(cards.Active, cards.Brief), cards.Lost
		becomes.due = m.workdays()
	case "for now":
		do, may, becomes.state = cards.ReportBrief, of.registered && in(cards.Active), cards.Brief
		becomes.due = day(c.now).AddDate(0, 0, 7)
	case "find":
		do, may, becomes.state = cards.Find, in(cards.Lost, cards.Brief, cards.HandedIn), cards.Active
	case "replace":
		do, may, becomes.state = cards.Replace, m.used < len(m.all) && (in(cards.HandedIn) || of.registered && in(cards.Active, cards.Brief, cards.Lost)), cards.Replaced
		if !in(cards.Lost, cards.HandedIn) {
			becomes.due = m.workdays()
		}
		pays, becomes.deposit, becomes.waits, becomes.next, becomes.lost = 600, 0, 0, m.used, in(cards.Lost, cards.Brief)
		edit = append(edit, another(number(min(m.used, len(m.all)-1))))
	case "return":
		do, may, becomes.state = cards.Return, in(cards.Active) && of.waits == 0, cards.Returned
		pays, takes, becomes.deposit = over-of.deposit, max(of.purse, 0), 0
		becomes.purse += over
	case "hand in":
		do, may, becomes.state = cards.HandIn, in(cards.Active), cards.HandedIn
		becomes.due = m.workdays()
	case "refund":
		do, may, becomes.state = cards.Refund, in(cards.Lost, cards.HandedIn) && of.waits == 0 && !day(c.now).Before(of.due), cards.Refunded
		pays, becomes.deposit, becomes.purse = over-of.deposit-max(of.purse, 0), 0, min(of.purse+over, 0)
	case "extend":
		do = cards.Extend
	}
	if of.registered {
		edit = append(edit, shown("Li"))
	}
	o := c.order(do, card, append(edit, cash(pays), emptied(takes))...)
	_, err := c.Do(c.Context(), o, c.by())
	switch {
	case may != (err == nil):
		c.Errorf("%s of %s, %+v: %v; the model says that it may be done: %t", what, card, *of, err, may)
		return
	case !may:
		return
	}
	m.done[do]++
	if do == cards.Replace {
		m.all[m.used] = life{state: cards.Active, registered: of.registered, deposit: of.deposit, waits: of.waits}
		m.used++
	}
	if takes > 0 {
		c.loads(card, -takes) // the tap that emptied the purse
		becomes.purse -= takes
	}
	*of = becomes
}

func day(at time.Time) time.Time { return at.Truncate(24 * time.Hour) }

// workdays is the day seven workdays on.
func (m *lives) workdays() time.Time {
	figures, err := m.c.InForce(m.c.Context())
	m.c.must(err)
	on := ledger.DayOf(m.c.now)
	for range 7 {
		on, err = figures.Calendar.NextWorkday(on)
		m.c.must(err)
	}
	return on.Time(time.UTC)
}

// byRule has the program do what is due, and the model too.
func (m *lives) byRule() {
	_, err := m.c.ByRule(m.c.Context(), new(cards.Rounds), 100)
	m.c.must(err)
	m.c.late()
	_, err = m.c.Follow(m.c.Context())
	m.c.must(err)
	for n := range m.used {
		of := &m.all[n]
		due := !day(m.c.now).Before(of.due)
		switch {
		case of.state == cards.Brief && due:
			of.state = cards.Active
		case of.state == cards.Replaced && due:
			last := of
			for last.state == cards.Replaced {
				last = &m.all[last.next]
			}
			if of.purse < 0 && !of.lost {
				last.deposit -= min(-of.purse, last.deposit)
			}
			last.waits += max(of.purse, 0)
			of.purse = 0
		case of.state == cards.Returned, of.state == cards.Refunded:
			of.waits += max(of.purse, 0)
			of.purse = 0
		}
	}
}

// compare holds what is shown of all cards against the model.
func (m *lives) compare(t turn) {
	for n := range m.used {
		of, f := m.all[n], m.c.find(number(n))
		waits := ledger.Fen(0)
		for _, w := range f.Waiting {
			waits += w.Fen
		}
		if is := (life{state: f.State, deposit: f.Deposit, purse: f.Purse, waits: waits}); is.state != of.state || is.deposit != of.deposit || is.purse != of.purse || is.waits != of.waits {
			m.c.Errorf("after %s, card %d is %s with a deposit of %d, %d in the purse and %d waiting; the model has %+v", t.do, n, is.state, is.deposit, is.purse, is.waits, of)
		}
	}
}

// end has time pass until nothing is due, and wants each path's accounts to be at zero.
func (m *lives) end() {
	m.c.now = m.c.now.AddDate(0, 0, 40)
	m.byRule()
	m.byRule()
	float, deposits, waits := ledger.Fen(2000), ledger.Fen(0), ledger.Fen(0) // the float of a purse of before
	for n := range m.used {
		of := &m.all[n]
		float, deposits, waits = float+of.purse, deposits+of.deposit, waits+of.waits
		if of.state == cards.Replaced || of.state == cards.Returned || of.state == cards.Refunded {
			m.c.ends(number(n))
		}
	}
	m.compare(turn{do: "the end"})
	for account, want := range map[string]ledger.Fen{chart.Float: float, chart.Deposits: deposits, chart.Waiting: waits} {
		if is := m.c.balance(account); is != want {
			m.c.Errorf("%d fen are on %s; all cards together have %d", is, account, want)
		}
	}
	m.c.hold()
}

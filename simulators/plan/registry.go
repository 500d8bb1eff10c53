package plan

import (
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"strconv"

	"citycard/cardos/tunion"
	"citycard/durable"
	"citycard/simulators/network"
)

// Registry is the data that clearing needs about a city: operators, terminals, cards, channels,
// hospitals, persons (as tokens), purses that were taken over with money in them, and the hotlist.
type Registry struct {
	City     City
	Town     *Town
	Card     func(i int) (Card, error)           // the i-th transit card
	Persons  [][]string                          // rows of persons.csv
	Progress func(phase string, done, total int) // called with the number of cards written; may be nil
}

// row adds a row to a table.
type row func(cells ...string)

// Write writes the registry into dir, which it makes where it is missing. Files are replaced whole.
// It takes constant memory.
func (r *Registry) Write(dir string) error {
	if err := durable.MkdirAll(dir); err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	for _, table := range []struct {
		name, header string
		rows         func(add row) error
	}{
		{"operators.csv", "id,name,name_en,mode,effective_from,effective_to", r.operators},
		{"issuers.csv", "issuer,name,name_en,kind,effective_from,effective_to,prefix", issuers},
		{"terminals.csv", "terminal,operator,mode,line,station,effective_from,effective_to", r.terminals},
		{"channels.csv", "id,name,name_en,effective_from,effective_to", r.channels},
		{"counters.csv", "terminal,channel,counter,effective_from,effective_to", r.counters},
		{"hospitals.csv", "id,name,name_en,class,effective_from,effective_to", r.hospitals},
		{"cards.csv", "card,issuer,type,status,effective_from,expires", r.cards},
		{"persons.csv", "token,insurance,status,personal_account_fen,pension_fen,certified_until,effective_from", r.persons},
		{"purses.csv", "card,issuer,fen,day", r.purses},
		{"hotlist.csv", "card,reason,effective_from,effective_to", r.hotlist},
	} {
		err := durable.Write(filepath.Join(dir, table.name), func(out io.Writer) error {
			if _, err := io.WriteString(out, table.header+"\n"); err != nil {
				return err
			}
			w := csv.NewWriter(out)
			// The writer keeps the error of a row that could not be written.
			if err := table.rows(func(cells ...string) { _ = w.Write(cells) }); err != nil {
				return err
			}
			w.Flush()
			return w.Error()
		})
		if err != nil {
			return fmt.Errorf("registry: %s: %w", table.name, err)
		}
	}
	return nil
}

func (r *Registry) operators(add row) error {
	for _, o := range r.Town.Operators {
		add(o.ID, o.Name, o.English, o.Mode, ValidFrom, "")
	}
	return nil
}

func issuers(add row) error {
	for _, i := range []struct {
		id                              [8]byte
		name, english, kind, to, prefix string
	}{
		{Issuer(), "本市发卡机构(模拟)", "Own issuer (simulated)", "own", "", tunion.ZhengzhouPrefix},
		{VisitorIssuer(), "外市发卡机构(模拟)", "Issuer of another city (simulated)", "interoperable", "", ""},
		{FormerIssuer(), "原互通发卡机构(模拟)", "Issuer accepted before (simulated)", "interoperable", expiredOn, ""},
	} {
		add(hex.EncodeToString(i.id[:]), i.name, i.english, i.kind, ValidFrom, i.to, i.prefix)
	}
	return nil
}

func (r *Registry) terminals(add row) error {
	one := func(kind Kind, place, lot int, operator, mode string, line, station int) error {
		number, err := Terminal(kind, place, lot)
		add(hex.EncodeToString(number[:]), operator, mode, strconv.Itoa(line), strconv.Itoa(station), ValidFrom, "")
		return err
	}
	for _, g := range r.Town.Rules.Maps.Gates() {
		operator, _ := r.Town.Operator(network.Metro, g.Line)
		for lot := range Lots {
			if err := one(Gate, g.Station, GateLot(g.Line, lot), operator, network.Metro, g.Line, g.Station); err != nil {
				return err
			}
		}
	}
	for _, line := range r.Town.Rules.Maps.BusLines() {
		operator, _ := r.Town.Operator(network.Bus, line)
		for lot := range Lots {
			if err := one(Validator, line, lot, operator, network.Bus, line, 0); err != nil {
				return err
			}
		}
	}
	return r.lanes(add)
}

// lanes are the terminals at real readers, those of counters among them.
func (r *Registry) lanes(add row) error {
	lanes, err := r.Town.Lanes(r.City.Day, r.City.Slots)
	for _, l := range lanes {
		mode := network.Bus
		if l.IsGate() || l.IsDesk() {
			mode = network.Metro
		}
		operator, _ := r.Town.Operator(mode, l.Line)
		add(l.Terminal, operator, mode, strconv.Itoa(l.Line), strconv.Itoa(l.Station), ValidFrom, "")
	}
	if err != nil {
		return err
	}
	counters, err := r.Town.Counters(r.City.Slots)
	for _, c := range counters {
		add(c.Terminal, c.Payee(), "counter", "0", "0", ValidFrom, "")
	}
	return err
}

// counters are those at real readers, each with one terminal.
func (r *Registry) counters(add row) error {
	counters, err := r.Town.Counters(r.City.Slots)
	for _, c := range counters {
		add(c.Terminal, c.Channel, c.Name, ValidFrom, "")
	}
	return err
}

func (r *Registry) channels(add row) error {
	for _, c := range r.Town.Channels {
		add(c.ID, c.Name, c.English, ValidFrom, "")
	}
	return nil
}

func (r *Registry) hospitals(add row) error {
	for _, h := range r.Town.Hospitals {
		add(h.ID, h.Name, h.English, h.Class, ValidFrom, "")
	}
	return nil
}

func (r *Registry) persons(add row) error {
	for _, person := range r.Persons {
		add(person...)
	}
	return nil
}

func (r *Registry) cards(add row) error {
	total, issuer := r.City.Transit(), issuerText()
	report := func(done int) {
		if r.Progress != nil {
			r.Progress("issue", done, total)
		}
	}
	err := r.each(func(int) bool { return true }, func(i int, k *Card) {
		if i%10_000 == 0 {
			report(i)
		}
		status, expires := "active", ValidTo
		switch k.Fate {
		case Unregistered:
			return
		case Blocked:
			status = "blocked"
		case Expired:
			expires = strconv.Itoa(r.City.LastDay())
		}
		add(k.Number(), issuer, fmt.Sprintf("%02x", k.Type), status, ValidFrom, expires)
	})
	if err == nil {
		report(total)
	}
	return err
}

func (r *Registry) purses(add row) error {
	issuer := issuerText()
	return r.each(func(i int) bool { return !r.City.Direct() || i < r.City.Riders }, func(_ int, k *Card) {
		if k.Opening > 0 {
			add(k.Number(), issuer, strconv.FormatUint(uint64(k.Opening), 10), ValidFrom)
		}
	})
}

func (r *Registry) hotlist(add row) error {
	return r.each(func(i int) bool { return r.City.fate(i) == Listed }, func(i int, k *Card) {
		add(k.Number(), "lost", r.City.listedFrom(i), "")
	})
}

// each works out the cards that are wanted.
func (r *Registry) each(wanted func(i int) bool, visit func(i int, k *Card)) error {
	for i := range r.City.Transit() {
		if !wanted(i) {
			continue
		}
		k, err := r.Card(i)
		if err != nil {
			return err
		}
		visit(i, &k)
	}
	return nil
}

func issuerText() string {
	issuer := Issuer()
	return hex.EncodeToString(issuer[:])
}

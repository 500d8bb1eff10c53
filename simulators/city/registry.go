package city

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strconv"

	"citycard/cardos/keys"
	"citycard/cardos/tunion"
	"citycard/durable"
	"citycard/simulators/network"
)

// WriteRegistry writes what clearing must know of the city into dir: operators,
// terminals, cards, channels, hospitals, persons (as tokens), purses that were taken over
// with money in them, the hotlist, and the network that fares are built from. Files are replaced whole.
func (p *Population) WriteRegistry(dir string, n *network.Network, store *keys.Store) error {
	if err := WriteNetwork(dir, n); err != nil {
		return err
	}
	return writeTables(dir, []table{
		{"cards.csv", CardHeader(), p.cardRows()},
		{"persons.csv", PersonHeader(), p.personRows(store)},
		{"purses.csv", PurseHeader(), p.purseRows()},
		{"hotlist.csv", HotlistHeader(), p.hotRows()},
	})
}

// CardHeader is the first row of cards.csv.
func CardHeader() []string {
	return []string{"card", "issuer", "type", "status", "effective_from", "expires"}
}

// PersonHeader is the first row of persons.csv.
func PersonHeader() []string {
	return []string{"token", "insurance", "status", "personal_account_fen", "pension_fen", "certified_until", "effective_from"}
}

// PurseHeader is the first row of purses.csv.
func PurseHeader() []string { return []string{"card", "issuer", "fen", "day"} }

type table struct {
	name   string
	header []string
	rows   [][]string
}

func writeTables(dir string, tables []table) error {
	for _, t := range tables {
		if err := writeCSV(filepath.Join(dir, t.name), t.header, t.rows); err != nil {
			return err
		}
	}
	return nil
}

// WriteNetwork writes the part of a registry that follows from the network alone:
// all but cards, persons, purses and hotlist. It makes dir where it is missing.
func WriteNetwork(dir string, n *network.Network) error {
	if err := durable.MkdirAll(dir); err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	terminals, err := terminalRows(n)
	if err != nil {
		return err
	}
	err = writeTables(dir, []table{
		{"operators.csv", []string{"id", "name", "name_en", "mode", "effective_from", "effective_to"}, operatorRows(n)},
		{"issuers.csv", []string{"issuer", "name", "name_en", "kind", "effective_from", "effective_to", "prefix"}, issuerRows()},
		{"terminals.csv", []string{"terminal", "operator", "mode", "line", "station", "effective_from", "effective_to"}, terminals},
		{"channels.csv", []string{"id", "name", "name_en", "effective_from", "effective_to"}, channelRows(n)},
		{"hospitals.csv", []string{"id", "name", "name_en", "class", "effective_from", "effective_to"}, hospitalRows(n)},
	})
	if err != nil {
		return err
	}
	data, err := n.FareNetwork()
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, "network.json"), data)
}

func issuerRows() (rows [][]string) {
	row := func(id [8]byte, name, english, kind, to, prefix string) {
		rows = append(rows, []string{hex.EncodeToString(id[:]), name, english, kind, validFrom, to, prefix})
	}
	row(Issuer(), "本市发卡机构(模拟)", "Own issuer (simulated)", "own", "", tunion.ZhengzhouPrefix)
	row(VisitorIssuer(), "外市发卡机构(模拟)", "Issuer of another city (simulated)", "interoperable", "", "")
	row(FormerIssuer(), "原互通发卡机构(模拟)", "Issuer accepted before (simulated)", "interoperable", expiredOn, "")
	return rows
}

func operatorRows(n *network.Network) (rows [][]string) {
	for _, o := range n.Operators {
		rows = append(rows, []string{o.ID, o.Chinese, o.English, o.Mode, validFrom, ""})
	}
	return rows
}

func channelRows(n *network.Network) (rows [][]string) {
	for _, c := range n.Channels {
		rows = append(rows, []string{c.ID, c.Chinese, c.English, validFrom, ""})
	}
	return rows
}

func hospitalRows(n *network.Network) (rows [][]string) {
	for _, h := range n.Hospitals {
		rows = append(rows, []string{h.ID, h.Chinese, h.English, h.Class, validFrom, ""})
	}
	return rows
}

func terminalRows(n *network.Network) (rows [][]string, err error) {
	row := func(kind, place, lot int, operator, mode string, line, station int) error {
		number, err := terminalNumber(kind, place, lot)
		if err != nil {
			return err
		}
		rows = append(rows, []string{hex.EncodeToString(number[:]), operator, mode, strconv.Itoa(line), strconv.Itoa(station), validFrom, ""})
		return nil
	}
	for _, l := range n.Metro {
		for _, s := range l.Stations {
			for lot := range lots {
				if err := row(kindMetro, s.Number, gateLot(l.Number, lot), l.Operator, "metro", l.Number, s.Number); err != nil {
					return nil, err
				}
			}
		}
	}
	for _, l := range n.Bus {
		for lot := range lots {
			if err := row(kindBus, l.Number, lot, l.Operator, "bus", l.Number, 0); err != nil {
				return nil, err
			}
		}
	}
	return rows, nil
}

func (p *Population) cardRows() (rows [][]string) {
	issuer := Issuer()
	for _, c := range p.Transit {
		if c.Fate == Unregistered {
			continue
		}
		status := "active"
		if c.Fate == Blocked {
			status = "blocked"
		}
		rows = append(rows, []string{c.Number, hex.EncodeToString(issuer[:]), fmt.Sprintf("%02d", c.Type), status, c.Start, c.registryExpiry()})
	}
	return rows
}

func (p *Population) purseRows() (rows [][]string) {
	issuer := Issuer()
	for _, c := range p.Transit {
		if c.Opening() > 0 {
			rows = append(rows, []string{c.Number, hex.EncodeToString(issuer[:]), strconv.FormatInt(c.Opening(), 10), validFrom})
		}
	}
	return rows
}

func (p *Population) hotRows() (rows [][]string) {
	for _, c := range p.Transit {
		if c.Listed != "" {
			rows = append(rows, []string{c.Number, "lost", c.Listed, ""})
		}
	}
	return rows
}

func (p *Population) personRows(store *keys.Store) (rows [][]string) {
	for _, q := range p.Persons {
		if !q.Registered {
			continue
		}
		token := store.PersonToken(q.IDNumber)
		rows = append(rows, []string{
			hex.EncodeToString(token[:]), q.Insurance, q.Status,
			strconv.FormatInt(q.Account, 10), strconv.FormatInt(q.Pension, 10), q.Certified, validFrom,
		})
	}
	return rows
}

func writeCSV(path string, header []string, rows [][]string) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write(header); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := w.WriteAll(rows); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return durable.WriteFile(path, b.Bytes())
}

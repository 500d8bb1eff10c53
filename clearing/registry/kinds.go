package registry

import (
	"errors"
	"fmt"
	"strings"

	"citycard/cardos/tunion"
	"citycard/clearing/registry/index"
	"citycard/language"
)

// Kind is a kind of row. Its numbers are stored in the database.
type Kind int64

// The kinds, in the order in which files are read: what is referred to first.
const (
	Operators Kind = iota + 1
	Issuers
	CardTypes
	Lines
	Vehicles
	Terminals
	SAMs
	Cards
	Channels
	Hospitals
	Persons
	Purses
	Hotlist
	ListBounds
	Modes
	Counters
)

// layout says how the rows of a kind look in their file. The first column is the key; for a card or
// an issuer, the key is the part of it that enters the cards' keys.
type layout struct {
	kind    Kind
	name    string // the file's, without .csv
	columns string
	later   string // columns that may be missing, all together
	first   bool   // the founding change must have the file
	hexKey  int    // digits of a key in hexadecimal; 0: the key is text
	parse   func(*builder, []string) error
	each    func(*index.Rows, func(record) error) error
}

func layouts() []layout {
	return []layout{
		{Operators, "operators", "id,name,name_en,mode,effective_from,effective_to", "", true, 0, (*builder).operator, eachOperator},
		{Issuers, "issuers", "issuer,name,name_en,kind,effective_from,effective_to", "prefix", false, 16, (*builder).issuer, eachIssuer},
		{CardTypes, "card_types", "type,name,name_en,effective_from,effective_to", "", false, 2, (*builder).cardType, eachCardType},
		{Lines, "lines", "id,operator,mode,number,name,name_en,effective_from,effective_to", "", false, 0, (*builder).line, eachLine},
		{Vehicles, "vehicles", "id,operator,line,effective_from,effective_to", "", false, 0, (*builder).vehicle, eachVehicle},
		{Terminals, "terminals", "terminal,operator,mode,line,station,effective_from,effective_to", "", true, 12, (*builder).terminal, eachTerminal},
		{SAMs, "sams", "terminal,sam,effective_from,effective_to", "", false, 12, (*builder).sam, eachSAM},
		{Cards, "cards", "card,issuer,type,status,effective_from,expires", "holder", true, 20, (*builder).card, eachCard},
		{Channels, "channels", "id,name,name_en,effective_from,effective_to", "", true, 0, (*builder).channel, eachChannel},
		{Hospitals, "hospitals", "id,name,name_en,class,effective_from,effective_to", "", true, 0, (*builder).hospital, eachHospital},
		{Persons, "persons", "token,insurance,status,personal_account_fen,pension_fen,certified_until,effective_from", "", true, 32, (*builder).person, eachPerson},
		{Purses, "purses", "card,issuer,fen,day", "", true, 20, (*builder).purse, eachPurse},
		{Hotlist, "hotlist", "card,reason,effective_from,effective_to", "", false, 20, (*builder).listing, eachListing},
		{ListBounds, "list_bounds", "list,few,grow_percent,shrink_percent,share_percent,effective_from,effective_to", "", false, 0, (*builder).listBounds, eachListBounds},
		{Modes, "modes", "id,kind,area,effective_from,effective_to", "exit_without_entry", false, 0, (*builder).mode, eachMode},
		{Counters, "counters", "terminal,channel,counter,effective_from,effective_to", "", false, 12, (*builder).counter, eachCounter},
	}
}

// CounterColumns are those of counters.csv.
func CounterColumns() string { return layouts()[Counters-1].columns }

func (l *layout) file() string { return l.name + ".csv" }

// all are the columns, with those that may be missing.
func (l *layout) all() []string {
	columns := strings.Split(l.columns, ",")
	if l.later != "" {
		columns = append(columns, strings.Split(l.later, ",")...)
	}
	return columns
}

// row names the columns of a record.
func (l *layout) row(text string) (map[string]string, error) {
	columns := l.all()
	fields, err := splitRecord(nil, text)
	if err != nil || len(fields) != len(columns) {
		return nil, errors.Join(err, ErrAltered)
	}
	row := make(map[string]string, len(columns))
	for i, name := range columns {
		row[name] = fields[i]
	}
	return row, nil
}

// key reads a key as a user types it.
func (l *layout) key(text string) ([]byte, error) {
	c := cells{fields: []string{text}}
	if l.hexKey == 0 {
		id := c.id(0)
		return []byte(id), keyError(l, c.err)
	}
	switch l.kind {
	case Cards, Purses, Hotlist:
		number, err := tunion.ParseNumber(text)
		digits := index.Number(number).Signed()
		return digits[:], keyError(l, err)
	}
	key := make([]byte, l.hexKey/2)
	c.hex(0, key)
	if l.kind == Issuers {
		key = key[:len(index.Institution{})]
	}
	return key, keyError(l, c.err)
}

func keyError(l *layout, err error) error {
	if err == nil {
		return nil
	}
	return language.Textf("key of %s: %w", l.name, err)
}

// String is the kind's name, as in file names.
func (k Kind) String() string {
	for _, l := range layouts() {
		if l.kind == k {
			return l.name
		}
	}
	return fmt.Sprintf("kind %d", int64(k))
}

// Row names the columns of a stored record of the kind.
func (k Kind) Row(record string) (map[string]string, error) {
	if k < 1 || int(k) > len(layouts()) {
		return nil, ErrAltered
	}
	return layouts()[k-1].row(record)
}

// ParseKind reads a kind's name; the error lists them all.
func ParseKind(name string) (Kind, error) {
	for _, l := range layouts() {
		if l.name == name {
			return l.kind, nil
		}
	}
	return 0, language.Textf("%q is no kind of the registry, want one of %s", name, strings.Join(KindNames(), ", "))
}

// KindNames are the names of all kinds.
func KindNames() (names []string) {
	for _, l := range layouts() {
		names = append(names, l.name)
	}
	return names
}

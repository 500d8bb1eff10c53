package rules

import (
	"path/filepath"
	"slices"

	"citycard/clearing/calendar"
	"citycard/clearing/cards"
	"citycard/clearing/dayclose"
	"citycard/clearing/medical"
	"citycard/clearing/pension"
	"citycard/clearing/rulefile"
	"citycard/clearing/transit/fare"
	"citycard/clearing/transit/load"
)

// Kind is a kind of document. Its file is called KIND.json, and that of the calendar calendar.csv.
type Kind string

// The kinds.
const (
	Network   Kind = "network"
	Fares     Kind = "fares"
	Loads     Kind = "loads"
	Contracts Kind = "contracts"
	Medical   Kind = "medical"
	Pension   Kind = "pension"
	Payouts   Kind = "payouts"
	Products  Kind = "products"
	Calendar  Kind = "calendar"
)

// Kinds lists all of them.
func Kinds() []Kind {
	return []Kind{Network, Fares, Loads, Contracts, Medical, Pension, Payouts, Products, Calendar}
}

// Known reports whether there is such a kind.
func (k Kind) Known() bool { return slices.Contains(Kinds(), k) }

// File is the name of the document's file.
func (k Kind) File() string {
	if k == Calendar {
		return string(k) + ".csv"
	}
	return string(k) + ".json"
}

// PathIn is the document's file in a folder.
func (k Kind) PathIn(dir string) string { return filepath.Join(dir, k.File()) }

// KindOfFile is the kind whose file has the name, a Kind that is not Known if there is none.
func KindOfFile(path string) Kind {
	for _, k := range Kinds() {
		if filepath.Base(path) == k.File() {
			return k
		}
	}
	return ""
}

// Files are the names of the files of all kinds.
func Files() (names []string) {
	for _, k := range Kinds() {
		names = append(names, k.File())
	}
	return names
}

// Example is a document that serves the demonstration and tests. It is marked as an example.
func (k Kind) Example() []byte {
	switch k {
	case Network:
		return fare.ExampleNetworkJSON()
	case Fares:
		return fare.ExampleJSON()
	case Loads:
		return load.ExampleJSON()
	case Contracts:
		return load.ExampleContractsJSON()
	case Medical:
		return medical.ExampleJSON()
	case Pension:
		return pension.ExampleJSON()
	case Payouts:
		return dayclose.ExampleJSON()
	case Products:
		return cards.ExampleJSON()
	case Calendar:
		return calendar.ExampleCSV()
	}
	return nil
}

// Chinese is the kind's name in Chinese.
func (k Kind) Chinese() string {
	switch k {
	case Network:
		return "线网"
	case Fares:
		return "票价与优惠"
	case Loads:
		return "圈存规则"
	case Contracts:
		return "渠道合同"
	case Medical:
		return "医保结算规则"
	case Pension:
		return "养老金发放界限"
	case Payouts:
		return "付款规则"
	case Products:
		return "卡产品"
	case Calendar:
		return "工作日历"
	}
	return ""
}

// document is a checked document.
type document interface {
	// Terms are its versions with their moments.
	Terms() []rulefile.Term
	// Examples names the parts that it marks as examples.
	Examples() []string
}

// beginsLater reports whether what a kind says of past moments may not change.
// A calendar has no versions that begin: Set.keeps looks at each of its days.
func (k Kind) beginsLater() bool { return k != Medical && k != Pension && k != Calendar }

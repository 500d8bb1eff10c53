package peopletest

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"citycard/clearing/people/proposal"
)

// Fits has an entry's Fits take a change of a request, and refuse each change that has one part
// altered, left out or added; but it must take those that open names: they are what only the books
// know, such as "row 0 at".
func Fits(t testing.TB, e proposal.Entry, request any, change *proposal.Change, open ...string) {
	t.Helper()
	body, err := proposal.Body(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Fits(body, change); err != nil {
		t.Fatalf("%s: %v", e.Kind, err)
	}
	if err := e.Fits(body, nil); err == nil {
		t.Errorf("%s: no change is taken", e.Kind)
	}
	text, err := json.Marshal(change)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range alterations(change) {
		altered := new(proposal.Change)
		if err := json.Unmarshal(text, altered); err != nil {
			t.Fatal(err)
		}
		a.alter(altered)
		err := e.Fits(body, altered)
		if taken := slices.Contains(open, a.name); taken != (err == nil) {
			t.Errorf("%s, %s altered: %v, want it taken %t", e.Kind, a.name, err, taken)
		}
	}
}

type alteration struct {
	name  string
	alter func(*proposal.Change)
}

// alterations are one for each part of a change, and one more for each of its lists.
func alterations(c *proposal.Change) []alteration {
	all := []alteration{
		{"unit", func(c *proposal.Change) { c.Unit += "x" }},
		{"unit of who approves", func(c *proposal.Change) { c.Approves += "x" }},
		{"a row more", func(c *proposal.Change) { c.Rows = append(c.Rows, proposal.RowOf("person", "x", "")) }},
		{"a transfer more", func(c *proposal.Change) {
			c.Transfers = append(c.Transfers, proposal.Transfer{Debit: "a", Credit: "b", Fen: 1})
		}},
		{"an effect more", func(c *proposal.Change) { c.Effects = append(c.Effects, proposal.Effectf("this is harmless")) }},
	}
	add := func(name string, alter func(*proposal.Change)) { all = append(all, alteration{name, alter}) }
	for i := range c.Rows {
		row := fmt.Sprintf("row %d", i)
		add(row, func(c *proposal.Change) { c.Rows = slices.Delete(c.Rows, i, i+1) })
		add(row+" table", func(c *proposal.Change) { c.Rows[i].Table += "x" })
		add(row+" key", func(c *proposal.Change) { c.Rows[i].Key += "x" })
		add(row+" at", func(c *proposal.Change) { c.Rows[i].State += "x" })
		add(row+" a field more", func(c *proposal.Change) { c.Rows[i] = c.Rows[i].Alters("note", "", "x") })
		for j, f := range c.Rows[i].Fields {
			field := row + " " + f.Name
			add(field, func(c *proposal.Change) { c.Rows[i].Fields = slices.Delete(c.Rows[i].Fields, j, j+1) })
			add(field+" name", func(c *proposal.Change) { c.Rows[i].Fields[j].Name += "x" })
			add(field+" is", func(c *proposal.Change) { c.Rows[i].Fields[j].Is += "x" })
			add(field+" becomes", func(c *proposal.Change) { c.Rows[i].Fields[j].Becomes += "x" })
		}
	}
	for i := range c.Transfers {
		transfer := fmt.Sprintf("transfer %d", i)
		add(transfer, func(c *proposal.Change) { c.Transfers = slices.Delete(c.Transfers, i, i+1) })
		add(transfer+" debit", func(c *proposal.Change) { c.Transfers[i].Debit += "x" })
		add(transfer+" credit", func(c *proposal.Change) { c.Transfers[i].Credit += "x" })
		add(transfer+" fen", func(c *proposal.Change) { c.Transfers[i].Fen++ })
	}
	for i := range c.Effects {
		effect := fmt.Sprintf("effect %d", i)
		add(effect, func(c *proposal.Change) { c.Effects = slices.Delete(c.Effects, i, i+1) })
		add(effect+" text", func(c *proposal.Change) { c.Effects[i].Text += "x" })
		for j := range c.Effects[i].Args {
			add(fmt.Sprintf("%s part %d", effect, j), func(c *proposal.Change) { c.Effects[i].Args[j] += "x" })
		}
	}
	return all
}

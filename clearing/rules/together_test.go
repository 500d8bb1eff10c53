package rules_test

import (
	"fmt"
	"strconv"
	"strings"

	"citycard/clearing/rules"
)

// together are the ways to break what values of a document say together: overlaps, gaps, orders,
// what is there twice or is said of nothing.
func together(kind rules.Kind) (all []breakage) {
	all = append(all, severalVersions(kind)...)
	switch kind {
	case rules.Network:
		all = append(all, networkTogether()...)
		all = append(all, sameNames("versions[0].stations")...)
		return append(all, sameNames("versions[0].lines")...)
	case rules.Fares:
		all = append(all, faresTogether()...)
		return append(all, sameNames("versions[0].cards")...)
	case rules.Loads:
		return append(all, values("versions[0]", "versions[0].multiple_of_fen", "versions[0].multiple_of_fen", "100001", "2147483647")...)
	case rules.Contracts:
		contracts := "versions[0].contracts"
		return append(all,
			breakage{"a channel twice", []string{contracts + "[1].channel"}, contracts, func(d *node) { d.at(contracts + "[1].channel").set(d.at(contracts + "[0].channel").leaf) }})
	case rules.Medical:
		return append(all, medicalTogether()...)
	case rules.Products:
		products := "versions[0].products"
		all = append(all, breakage{"a product twice", []string{products + "[1].id"}, products, func(d *node) { d.at(products + "[1].id").set(d.at(products + "[0].id").leaf) }})
		return append(all, sameNames(products)...)
	case rules.Pension:
		return append(all, values("versions[0]", "versions[0].batch_fen", "versions[0].batch_fen", "2999999", "1")...)
	}
	return all
}

// values are breakages that set the value at a place, of which another place is named.
func values(scope, place, named string, leaves ...string) (all []breakage) {
	for _, leaf := range leaves {
		all = append(all, breakage{"with " + place + " " + leaf, []string{named}, scope, func(d *node) { d.at(place).set(leaf) }})
	}
	return all
}

// edits is a breakage that sets several values.
func edits(scope, named string, leaves map[string]string) breakage {
	return breakage{fmt.Sprint("with ", leaves), []string{named}, scope, func(d *node) {
		for place, leaf := range leaves {
			d.at(place).set(leaf)
		}
	}}
}

// closes reports whether versions of a kind say when they end.
func closes(kind rules.Kind) bool { return kind == rules.Medical || kind == rules.Pension }

// withMore gives a document more versions, of those names and beginnings.
func withMore(d *node, kind rules.Kind, beginnings ...string) {
	first := d.at("versions[0]").clone()
	for i, begins := range beginnings {
		next := first.clone()
		next.at("version").set(fmt.Sprintf(`"later-%d"`, i))
		next.at("effective_from").set(strconv.Quote(begins))
		d.add("versions", next)
	}
	if closes(kind) && len(beginnings) > 0 {
		d.at("versions[0].effective_to").set(`"20291231"`)
	}
}

// severalVersions are the ways to get the order, ends and names of versions wrong.
func severalVersions(kind rules.Kind) []breakage {
	second := "versions[1].effective_from"
	whole := func(name string, places []string, apply func(d *node)) breakage {
		return breakage{name, places, "", apply}
	}
	all := []breakage{
		whole("the version doubled", []string{"versions[1].version", second}, func(d *node) { d.add("versions", d.at("versions[0]").clone()) }),
		whole("a name twice", []string{"versions[1].version"}, func(d *node) {
			withMore(d, kind, "20300101")
			d.at("versions[1].version").set(d.at("versions[0].version").leaf)
		}),
		whole("an earlier version behind", []string{second}, func(d *node) { withMore(d, kind, "20000101") }),
		whole("the same day twice", []string{second}, func(d *node) {
			withMore(d, kind, "20300101")
			d.at(second).set(d.at("versions[0].effective_from").leaf)
		}),
		whole("versions reversed", []string{second}, func(d *node) {
			withMore(d, kind, "20300101")
			all := d.at("versions").inner
			all[0], all[1] = all[1], all[0]
		}),
		whole("the third before the second", []string{"versions[2].effective_from"}, func(d *node) {
			withMore(d, kind, "20300101", "20290101")
			if closes(kind) {
				d.at("versions[1].effective_to").set(`"20301231"`)
			}
		}),
	}
	if !closes(kind) {
		if kind == rules.Payouts || kind == rules.Contracts || kind == rules.Products {
			return append(all, values("versions[0]", "versions[0].effective_from", "versions[0].effective_from", `"2020-01-01T04:00"`, `"2020-01-01T23:59"`)...)
		}
		return append(all,
			whole("the same second twice", []string{second}, func(d *node) {
				withMore(d, kind, "2030-01-01T00:00")
				d.at("versions[0].effective_from").set(`"20300101"`)
			}),
			whole("a minute earlier", []string{second}, func(d *node) {
				withMore(d, kind, "2030-01-01T04:00")
				d.at("versions[0].effective_from").set(`"2030-01-01T04:01"`)
			}))
	}
	all = append(all,
		whole("two versions on one day", []string{second}, func(d *node) { withMore(d, kind, "20291231") }),
		whole("a day without a version", []string{second}, func(d *node) { withMore(d, kind, "20300102") }),
		whole("years without a version", []string{second}, func(d *node) { withMore(d, kind, "20400101") }),
		whole("a version behind one without an end", []string{second}, func(d *node) {
			withMore(d, kind, "20300101")
			d.at("versions[0].effective_to").set(`""`)
		}))
	all = append(all, values("versions[0]", "versions[0].effective_to", "versions[0].effective_to", `"19991231"`, `"19000101"`)...)
	return append(all, values("versions[0]", "versions[0].effective_from", "versions[0].effective_from", `"2020-01-01T04:00"`, `"2020-01-01T00:00"`)...)
}

// sameNames are pairs of names that people take for one.
func sameNames(rows string) (all []breakage) {
	for _, pair := range [][2]string{
		{"West", "West"},
		{"West", "WEST"},
		{"Gare \u00e9", "Gare e\u0301"},
		{"Zu\u0308rich", "Z\u00fcrich"},
		{"站A", "站\uff21"},
		{"\u6a02", "\uf914"},
		{"\uff11号", "1号"},
		{"\uff76", "\u30ab"},
		{"\ufb01x", "fix"},
		{"\ud55c", "\u1112\u1161\u11ab"},
		{"\u2126", "\u03a9"},
		{"A\u00a0B", "A B"},
	} {
		all = append(all, breakage{fmt.Sprintf("named %+q and %+q", pair[0], pair[1]), []string{rows + "[1].name"}, rows, func(d *node) {
			d.at(rows + "[0].name").set(strconv.Quote(pair[0]))
			d.at(rows + "[1].name").set(strconv.Quote(pair[1]))
		}})
	}
	return all
}

func networkTogether() []breakage {
	const v = "versions[0]"
	row := func(text string) *node { return &node{leaf: text} }
	all := []breakage{
		{"a station on no line", []string{v + ".lines"}, v, func(d *node) { d.add(v+".stations", row(`{"number": 5, "name": "北站"}`)) }},
		{"a station less", []string{v + ".lines[1].stops[1].station"}, v, func(d *node) { d.remove(v + ".stations[3]") }},
		{"no stations", []string{v + ".lines[0].stops[0].station"}, v, func(d *node) { d.at(v + ".stations").set("[]") }},
		{"no lines", []string{v + ".lines"}, v, func(d *node) { d.at(v + ".lines").set("[]") }},
		{"a line less", []string{v + ".lines"}, v, func(d *node) { d.remove(v + ".lines[1]") }},
		{"two pieces", []string{v + ".lines"}, v, func(d *node) {
			d.remove(v + ".lines[0].stops[2]")
			d.at(v + ".lines[1].stops[0].station").set("3")
		}},
		{"a line of one stop", []string{v + ".lines[1].stops"}, v, func(d *node) { d.remove(v + ".lines[1].stops[1]") }},
		{"a line without stops", []string{v + ".lines[1].stops"}, v, func(d *node) { d.at(v + ".lines[1].stops").set("[]") }},
		{"513 stations", []string{v + ".stations"}, v, func(d *node) {
			for n := 5; n <= 513; n++ {
				d.add(v+".stations", row(fmt.Sprintf(`{"number": %d, "name": "站%[1]d"}`, n)))
			}
		}},
		{"2001 bus lines", []string{v + ".bus_lines"}, v, func(d *node) {
			for n := 1; n <= 1999; n++ {
				d.add(v+".bus_lines", row(strconv.Itoa(n+1000)))
			}
		}},
		{"a bus line twice", []string{v + ".bus_lines[2]"}, v + ".bus_lines", func(d *node) { d.add(v+".bus_lines", row("501")) }},
		edits(v+".lines", v+".lines[1].number", map[string]string{v + ".lines[1].number": "1"}),
		edits(v+".lines", v+".lines[0].stops[0].metres", map[string]string{v + ".lines[0].stops[0].metres": "1"}),
		edits(v+".lines", v+".lines[0].stops[1].metres", map[string]string{v + ".lines[0].stops[1].metres": "0"}),
	}
	for number, station := range map[string]string{"1": "1", "5": "3", "512": "0"} {
		all = append(all, edits(v, v+".stations["+station+"].number", map[string]string{v + ".stations[" + station + "].number": number}))
	}
	all = append(all, values(v+".lines", v+".lines[0].stops[1].station", v+".lines[0].stops[1].station", "1", "5", "512")...)
	return append(all, values(v+".lines", v+".lines[1].stops[1].station", v+".lines[1].stops[1].station", "2", "5")...)
}

func faresTogether() (all []breakage) {
	const v = "versions[0]"
	const steps, lines, cards = v + ".metro.steps", v + ".bus.lines", v + ".cards"
	for _, to := range []string{`"13"`, `"12.999"`, `"6"`, `"0.001"`} {
		all = append(all, edits(v+".metro", steps+"[1].to_km", map[string]string{steps + "[1].to_km": to}))
	}
	for _, to := range []string{`"6"`, `"5.999"`, `"1"`} {
		all = append(all, edits(v+".metro", steps+"[0].to_km", map[string]string{steps + "[0].to_km": to}))
	}
	for _, base := range []string{`"13"`, `"13.001"`, `"10000"`} {
		all = append(all, edits(v+".metro", steps+"[0].to_km", map[string]string{v + ".metro.base_km": base}))
	}
	all = append(all,
		breakage{"an end of the last step", []string{steps + "[2].to_km"}, v + ".metro", func(d *node) { d.at(steps).inner[2] = &node{leaf: `{"to_km": "30", "per_km": "9", "fen": 100}`} }},
		breakage{"a last step less", []string{steps + "[1].to_km"}, v + ".metro", func(d *node) { d.remove(steps + "[2]") }},
		breakage{"no end of the first step", []string{steps + "[0].to_km"}, v + ".metro", func(d *node) { d.remove(steps + "[0].to_km") }},
		breakage{"no end of the second step", []string{steps + "[1].to_km"}, v + ".metro", func(d *node) { d.remove(steps + "[1].to_km") }},
		breakage{"steps in another order", []string{steps + "[1].to_km"}, v + ".metro", func(d *node) { all := d.at(steps).inner; all[0], all[1] = all[1], all[0] }},
		breakage{"the last step first", []string{steps + "[0].to_km", steps + "[2].to_km"}, v + ".metro", func(d *node) { all := d.at(steps).inner; all[0], all[2] = all[2], all[0] }},
		breakage{"a card type twice", []string{cards + "[3].card_type", cards + "[3].name"}, cards, func(d *node) { d.add(cards, d.at(cards+"[0]").clone()) }},
		edits(cards, cards+"[1].card_type", map[string]string{cards + "[1].card_type": "1"}),
		edits(cards, cards+"[2].card_type", map[string]string{cards + "[2].card_type": "2"}),
		breakage{"lines in another order", []string{lines + "[1].first"}, v + ".bus", func(d *node) { all := d.at(lines).inner; all[0], all[1] = all[1], all[0] }},
		breakage{"lines twice", []string{lines + "[2].first"}, v + ".bus", func(d *node) { d.add(lines, d.at(lines+"[1]").clone()) }},
		breakage{"a range within another", []string{lines + "[2].first"}, v + ".bus", func(d *node) {
			d.add(lines, &node{leaf: `{"first": 600, "last": 601, "fen": 1}`})
		}})
	for _, first := range []string{"499", "400", "1"} {
		all = append(all, edits(v+".bus", lines+"[1].first", map[string]string{lines + "[1].first": first}))
	}
	all = append(all, edits(v+".bus", lines+"[1].last", map[string]string{lines + "[1].last": "499"}), edits(v+".bus", lines+"[0].last", map[string]string{lines + "[0].first": "5", lines + "[0].last": "4"}),
		edits(v+".bus", lines+"[1].first", map[string]string{lines + "[0].last": "500"}), edits(v+".bus", lines+"[1].first", map[string]string{lines + "[0].last": "1000000"}))
	return all
}

func medicalTogether() (all []breakage) {
	const v, rows = "versions[0]", "versions[0].schemes"
	for row, at := range map[string]string{"[0]": "[24]", "[7]": "[24]", "[23]": "[24]"} {
		all = append(all, breakage{"row " + row + " twice", []string{rows + at}, v, func(d *node) { d.add(rows, d.at(rows+row).clone()) }})
	}
	for _, row := range []int{0, 1, 5, 11, 23} {
		all = append(all, breakage{fmt.Sprint("without row ", row), []string{rows}, v, func(d *node) { d.remove(rows + "[" + strconv.Itoa(row) + "]") }})
	}
	for place, leaf := range map[string]string{"insurance": `"resident"`, "status": `"resident"`} { // of an employee who works
		all = append(all, breakage{place + " " + leaf, []string{rows + "[0]", rows}, v, func(d *node) { d.at(rows + "[0]." + place).set(leaf) }})
	}
	all = append(all,
		breakage{"another class", []string{rows + "[1]", rows}, v, func(d *node) { d.at(rows + "[0].class").set(`"1"`) }},
		breakage{"another status", []string{rows + "[4]", rows}, v, func(d *node) { d.at(rows + "[0].status").set(`"retired"`) }})
	for up, bands := range map[string]string{
		"[0].up_to_fen": `[{"up_to_fen": 100, "ratio": "1"}]`,
		"[1].up_to_fen": `[{"up_to_fen": 100, "ratio": "1"}, {"up_to_fen": 100, "ratio": "0.5"}, {"ratio": "0"}]`,
		"[2].up_to_fen": `[{"up_to_fen": 100, "ratio": "1"}, {"up_to_fen": 200, "ratio": "0.5"}, {"up_to_fen": 199, "ratio": "0.5"}, {"ratio": "0"}]`,
		"[3].up_to_fen": `[{"up_to_fen": 100, "ratio": "1"}, {"up_to_fen": 200, "ratio": "0.5"}, {"up_to_fen": 300, "ratio": "0.5"}, {"ratio": "0.1"}, {"ratio": "0"}]`,
	} {
		all = append(all, breakage{"bands " + strings.ReplaceAll(bands, `"`, ""), []string{rows + "[0].bands" + up}, rows + "[0].bands", func(d *node) { d.at(rows + "[0].bands").set(bands) }})
	}
	return all
}

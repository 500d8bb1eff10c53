package city

import (
	"citycard/simulators/network"
	"citycard/simulators/plan"
)

// visit is one planned settlement at a hospital's desk.
type visit struct {
	at       int64 // seconds from midnight
	person   int   // place among the persons
	hospital network.Hospital
	kind     string // outpatient, inpatient
	costs    costs
	fault    string // unknown_hospital, amounts_disagree
}

// costs are what the desk asks for, in fen.
type costs struct{ total, ownPay, overLimit, firstPay, inScope int64 }

// unlisted is a hospital that stands in no registry.
func unlisted() network.Hospital { return network.Hospital{ID: "h-999", Class: "1"} }

// visits plans a card holder's hospital visits of a day: three of four holders go, some twice.
func visits(seed uint64, person int, hospitals []network.Hospital, shares plan.Shares) []visit {
	r := newDice(seed, "visit", person)
	count := 0
	if r.Chance(0.75) {
		count = 1
		if r.Chance(0.05) {
			count = 2
		}
	}
	var list []visit
	for i := range count {
		v := visit{
			at: int64(8*3600 + i*4*3600 + r.IntN(4*3600)), person: person,
			hospital: hospitals[r.IntN(len(hospitals))], kind: "outpatient",
		}
		if r.Chance(0.08) {
			v.kind = "inpatient"
		}
		v.costs = newCosts(r, v.kind)
		if v.kind == "outpatient" && newDice(seed, "uncovered", 2*person+i).Chance(0.15) {
			v.costs = uncovered(v.costs)
		}
		switch wrongHospital, wrongSum := r.Chance(shares.Claim), r.Chance(shares.Claim); {
		case wrongHospital:
			v.hospital, v.fault = unlisted(), "unknown_hospital"
		case wrongSum:
			v.costs.total += 100
			v.fault = "amounts_disagree"
		}
		list = append(list, v)
	}
	return list
}

// uncovered are costs of which no fund pays anything, such as glasses: a person without a personal
// account pays all in cash.
func uncovered(c costs) costs { return costs{total: c.total, ownPay: c.total} }

func newCosts(r dice, kind string) costs {
	var c costs
	if kind == "inpatient" {
		c.inScope = r.fen(250_000, 4_000_000, 1)
		c.ownPay, c.overLimit, c.firstPay = r.fen(0, 200_000, 1), r.fen(0, 50_000, 1), r.fen(0, 100_000, 1)
	} else {
		c.inScope = r.fen(6_000, 120_000, 1)
		c.ownPay, c.firstPay = r.fen(0, 20_000, 1), r.fen(0, 8_000, 1)
	}
	c.total = c.ownPay + c.overLimit + c.firstPay + c.inScope
	return c
}

package rules_test

import (
	"regexp"

	"citycard/clearing/rules"
)

// sort is what a field of a document may hold, as the city's people are told, not as the code
// checks it.
type sort int

const (
	object      sort = iota
	list             // with at least min rows
	whole            // from min to max
	share            // "0" to "1", at most nine decimals
	part             // a share below one
	length           // kilometres above "0", whole metres
	name             // unique in its list
	translation      // a name, or nothing
	word             // one of a few
	text             // where something comes from
	label            // the name of a version
	day
	moment
	clock // HH:MM
	mark
	free // anything that can be read
)

// form is what is right at a place.
type form struct {
	sort     sort
	min, max int64
	optional bool
}

const mostFen = 1<<31 - 1

// head are the fields that every version has.
func head(begins form, more map[string]form) map[string]form {
	all := map[string]form{
		"$schema":                   {sort: free, optional: true},
		"note":                      {sort: free, optional: true},
		"versions":                  {sort: list, min: 1},
		"versions[]":                {sort: object},
		"versions[].version":        {sort: label},
		"versions[].effective_from": begins,
	}
	for place, f := range more {
		all["versions[]."+place] = f
	}
	return all
}

// figures end what has figures in it.
func figures(place string, all map[string]form) map[string]form {
	all[place+"source"] = form{sort: text}
	all[place+"example"] = form{sort: mark, optional: true}
	return all
}

// forms say for each kind what is right at each place.
func forms(kind rules.Kind) map[string]form {
	switch kind {
	case rules.Network:
		return head(form{sort: moment}, figures("", map[string]form{
			"stations": {sort: list}, "stations[]": {sort: object},
			"stations[].number": {sort: whole, min: 1, max: 512}, "stations[].name": {sort: name}, "stations[].name_en": {sort: translation, optional: true},
			"lines": {sort: list}, "lines[]": {sort: object},
			"lines[].number": {sort: whole, min: 1, max: 1_000_000}, "lines[].name": {sort: name}, "lines[].name_en": {sort: translation, optional: true},
			"lines[].stops": {sort: list, min: 2}, "lines[].stops[]": {sort: object},
			"lines[].stops[].station": {sort: whole, min: 1, max: 512}, "lines[].stops[].metres": {sort: whole, min: 0, max: 200_000},
			"bus_lines": {sort: list}, "bus_lines[]": {sort: whole, min: 1, max: 1_000_000},
		}))
	case rules.Fares:
		return head(form{sort: moment}, figures("metro.", figures("bus.", figures("cards[].", figures("bands[].", figures("transfers[].", map[string]form{
			"rounding": {sort: word}, "metro": {sort: object}, "bus": {sort: object}, "cards": {sort: list, min: 1}, "cards[]": {sort: object},
			"metro.base_fen": {sort: whole, max: mostFen}, "metro.base_km": {sort: length}, "metro.limit_minutes": {sort: whole, min: 1, max: 1440},
			"metro.steps": {sort: list, min: 1}, "metro.steps[]": {sort: object},
			"metro.steps[].to_km": {sort: length, optional: true}, "metro.steps[].per_km": {sort: length}, "metro.steps[].fen": {sort: whole, max: mostFen},
			"bus.lines": {sort: list}, "bus.lines[]": {sort: object},
			"bus.lines[].first": {sort: whole, min: 1, max: 1_000_000}, "bus.lines[].last": {sort: whole, min: 1, max: 1_000_000}, "bus.lines[].fen": {sort: whole, max: mostFen},
			"cards[].card_type": {sort: whole, max: 255}, "cards[].name": {sort: name}, "cards[].metro": {sort: share}, "cards[].bus": {sort: share},
			"metro.band_by": {sort: word, optional: true}, "bands": {sort: list, optional: true}, "bands[]": {sort: object}, "bands[].name": {sort: name},
			"bands[].days": {sort: list, optional: true}, "bands[].days[]": {sort: word}, "bands[].from": {sort: clock}, "bands[].to": {sort: clock},
			"cards[].bands": {sort: list, optional: true}, "cards[].bands[]": {sort: object}, "cards[].bands[].band": {sort: word},
			"cards[].bands[].metro": {sort: share, optional: true}, "cards[].bands[].metro_fen": {sort: whole, max: mostFen, optional: true},
			"cards[].bands[].bus": {sort: share, optional: true}, "cards[].bands[].bus_fen": {sort: whole, max: mostFen, optional: true},
			"operators": {sort: list, optional: true}, "operators[]": {sort: object}, "operators[].operator": {sort: label}, "operators[].number": {sort: whole, min: 1, max: 65_535},
			"transfers": {sort: list, optional: true}, "transfers[]": {sort: object}, "transfers[].name": {sort: name},
			"transfers[].from": {sort: object}, "transfers[].from.mode": {sort: word}, "transfers[].from.operators": {sort: list, optional: true}, "transfers[].from.operators[]": {sort: word},
			"transfers[].to": {sort: object}, "transfers[].to.mode": {sort: word}, "transfers[].to.operators": {sort: list, optional: true}, "transfers[].to.operators[]": {sort: word},
			"transfers[].minutes": {sort: whole, min: 1, max: 1440}, "transfers[].repeat": {sort: word}, "transfers[].off": {sort: share, optional: true}, "transfers[].off_fen": {sort: whole, min: 1, max: mostFen, optional: true},
			"transfers[].floor_fen": {sort: whole, max: mostFen}, "transfers[].bearer": {sort: word}, "transfers[].apply": {sort: word},
		}))))))
	case rules.Loads:
		single := form{sort: whole, max: mostFen, optional: true}
		return head(form{sort: moment}, figures("", map[string]form{
			"maximum_fen": {sort: whole, min: 1, max: mostFen}, "multiple_of_fen": {sort: whole, min: 1, max: mostFen}, "refund_after_days": {sort: whole, min: 1, max: 3650},
			"counter_single_fen": single, "machine_single_fen": single, "agent_single_fen": single, "online_single_fen": single,
			"group_cards": {sort: whole, max: 5000, optional: true}, "group_fen": {sort: whole, max: 1_000_000_000_000, optional: true},
			"group_transfer_fen": {sort: whole, max: 1_000_000_000_000, optional: true},
		}))
	case rules.Contracts:
		return head(form{sort: day}, figures("", map[string]form{
			"contracts": {sort: list, min: 1}, "contracts[]": {sort: object},
			"contracts[].channel": {sort: label}, "contracts[].kind": {sort: word}, "contracts[].commission_share": {sort: share},
			"contracts[].commission_fen": {sort: whole, max: 100_000_000},
			"contracts[].limit_fen":      {sort: whole, max: 1_000_000_000_000},
			"contracts[].acts":           {sort: list, min: 1}, "contracts[].acts[]": {sort: word},
		}))
	case rules.Medical:
		return head(form{sort: day}, figures("schemes[].", map[string]form{
			"effective_to": {sort: day}, "rounding": {sort: word}, "schemes": {sort: list, min: 1}, "schemes[]": {sort: object},
			"schemes[].insurance": {sort: word}, "schemes[].status": {sort: word}, "schemes[].kind": {sort: word}, "schemes[].class": {sort: word},
			"schemes[].deductible_fen": {sort: whole, max: 9_999_999_999_999_999}, "schemes[].ceiling_fen": {sort: whole, max: 9_999_999_999_999_999, optional: true},
			"schemes[].readmission_ratio": {sort: share, optional: true}, "schemes[].bands": {sort: list, min: 1}, "schemes[].bands[]": {sort: object},
			"schemes[].bands[].ratio": {sort: share}, "schemes[].bands[].up_to_fen": {sort: whole, min: 1, max: 9_999_999_999_999_999, optional: true},
		}))
	case rules.Pension:
		return head(form{sort: day}, figures("", map[string]form{
			"effective_to": {sort: day}, "months_back": {sort: whole, max: 120}, "months_ahead": {sort: whole, max: 12},
			"payday_days_back": {sort: whole, max: 366}, "payday_days_ahead": {sort: whole, max: 366}, "payday_on": {sort: word}, "batch_lines": {sort: whole, min: 1, max: 20_000},
			"person_fen": {sort: whole, min: 1, max: 1_000_000_000_000}, "batch_fen": {sort: whole, min: 1, max: 1_000_000_000_000},
		}))
	case rules.Payouts:
		return head(form{sort: day}, figures("", map[string]form{
			"wrong_share": {sort: part}, "wrong_least": {sort: whole, min: 1, max: 1_000_000_000}, "value_workdays": {sort: whole, min: 1, max: 30},
		}))
	case rules.Products:
		months, fen := form{sort: whole, max: 600}, form{sort: whole, max: 100_000_000}
		return head(form{sort: day}, figures("", map[string]form{
			"products": {sort: list, min: 1}, "products[]": {sort: object},
			"products[].id": {sort: label}, "products[].name": {sort: name}, "products[].name_en": {sort: translation, optional: true}, "products[].card_type": {sort: whole, max: 255},
			"shift_difference_fen": {sort: whole, max: 100_000_000, optional: true}, "month_difference_fen": {sort: whole, max: 100_000_000, optional: true},
			"listings_clerk": {sort: whole, max: 1_000_000, optional: true}, "listings_channel": {sort: whole, max: 1_000_000, optional: true},
			"products[].price_fen": fen, "products[].deposit_fen": fen, "products[].fee_fen": fen, "products[].replacement_fee_fen": fen,
			"products[].extend_months": months, "products[].inactive_months": months,
			"products[].alone_fen":     {sort: whole, max: 100_000_000, optional: true},
			"products[].notice_days":   {sort: whole, max: 3650, optional: true},
			"products[].wait_workdays": {sort: whole, min: 1, max: 60}, "products[].brief_days": {sort: whole, min: 1, max: 60},
			"products[].give_back": {sort: mark, optional: true}, "products[].registered": {sort: mark, optional: true},
			"products[].refundable": {sort: mark, optional: true}, "products[].social_security": {sort: mark, optional: true},
		}))
	}
	return nil
}

var indexes = regexp.MustCompile(`\[[0-9]+\]`)

// The shapes of days and moments.
var (
	days    = regexp.MustCompile(`^[0-9]{8}$`)
	moments = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?$`)
)

// formOf is what is right at a place, whichever row it is in.
func formOf(kind rules.Kind, place string) (form, bool) {
	f, ok := forms(kind)[indexes.ReplaceAllString(place, "[]")]
	return f, ok
}

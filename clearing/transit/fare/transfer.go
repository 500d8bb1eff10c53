package fare

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"citycard/clearing/message"
	"citycard/clearing/rulefile"
)

// maxTransfers bounds the document.
const maxTransfers = 16

// operator names an operator of the registry by the number that cards' records have of it.
type operator struct {
	// Operator is its id in the registry.
	Operator string `json:"operator" jsonschema:"pattern=^[a-zA-Z0-9.-]{1\\,40}$"`
	// Number in the records that its terminals write to cards.
	Number uint32 `json:"number" jsonschema:"minimum=1,maximum=65535"`
}

// transfer makes a ride cheaper that begins no later than some minutes after another one was
// paid. A bus ride begins as it is paid, a trip as it enters. Of several transfers that fit the
// first one holds.
type transfer struct {
	// Name for people, which no other transfer has.
	Name string `json:"name" jsonschema:"minLength=1,maxLength=100"`
	// From which rides it leads.
	From leg `json:"from"`
	// To which rides it leads.
	To leg `json:"to"`
	// Minutes from the second in which the ride before was paid to the one in which this one
	// begins, which may be as many.
	Minutes uint32 `json:"minutes" jsonschema:"minimum=1,maximum=1440"`
	// Repeat is chained where each ride leads on to the next. Once: a ride to which a transfer of
	// the version led, by the ride before it, leads on to none.
	Repeat repeat `json:"repeat" jsonschema:"enum=once,enum=chained"`
	// Off is the share that is taken off what the card pays otherwise.
	Off decimal.NullDecimal `json:"off,omitzero" jsonschema:"pattern=^(0(\\.[0-9]{1\\,9})?|1(\\.0{1\\,9})?)$"`
	// OffFen is the amount that is taken off, instead of a share.
	OffFen *int64 `json:"off_fen,omitempty" jsonschema:"minimum=1,maximum=2147483647"`
	// FloorFen is the price below which the transfer takes nothing off.
	FloorFen int64 `json:"floor_fen" jsonschema:"minimum=0,maximum=2147483647"`
	// Bearer of what is taken off: the operator of the ride that is cheaper, or the city.
	Bearer bearer `json:"bearer" jsonschema:"enum=operator,enum=city"`
	// Apply says where: in the terminal, from the journeys that the card has.
	Apply apply `json:"apply" jsonschema:"enum=terminal"`
	rulefile.Figures
}

// leg is one side of a transfer.
type leg struct {
	// Mode of the ride.
	Mode mode `json:"mode" jsonschema:"enum=metro,enum=bus"`
	// Operators of the ride, as the version's operators name them; none: all, those too that
	// have no number.
	Operators []string `json:"operators,omitempty" jsonschema:"uniqueItems=true,maxItems=1000,minLength=1,maxLength=100"`
}

type (
	mode   string
	repeat string
	bearer string
	apply  string
)

const (
	byMetro mode = "metro"
	byBus   mode = "bus"

	once    repeat = "once"
	chained repeat = "chained"

	byOperator bearer = "operator"
	byCity     bearer = "city"

	atTerminal apply = "terminal"
	atClose    apply = "close"
)

func (m mode) message() message.Mode {
	if m == byMetro {
		return message.Mode_MODE_METRO
	}
	return message.Mode_MODE_BUS
}

func (b bearer) message() message.Bearer {
	if b == byCity {
		return message.Bearer_BEARER_CITY
	}
	return message.Bearer_BEARER_OPERATOR
}

// after is the price of a ride to which a transfer leads, beside its price without one. It is
// rounded once, from the full price.
func (r rounding) after(t *transfer, fullFen int64, at rate) int64 {
	usual := r.pays(fullFen, at)
	var fen int64
	switch rest := decimal.NewFromInt(1).Sub(t.Off.Decimal); {
	case t.OffFen != nil:
		fen = usual - *t.OffFen
	case at.fen != nil:
		fen = r.price(*at.fen, rest)
	default:
		fen = r.price(fullFen, at.share.Mul(rest))
	}
	return min(usual, max(fen, t.FloorFen))
}

// numbers are those of operators in cards' records.
func (v *version) numbers(named []string) (all []uint32) {
	for _, id := range named {
		i := slices.IndexFunc(v.Operators, func(o operator) bool { return o.Operator == id })
		all = append(all, v.Operators[i].Number)
	}
	return all
}

// publishedTransfers are the transfers as terminals get them. They were checked.
func (v *version) publishedTransfers() []*message.Transfer {
	all := make([]*message.Transfer, len(v.Transfers))
	for i := range v.Transfers {
		t := &v.Transfers[i]
		all[i] = &message.Transfer{
			Name: t.Name, From: t.From.Mode.message(), FromOperators: v.numbers(t.From.Operators), To: t.To.Mode.message(), ToOperators: v.numbers(t.To.Operators),
			Minutes: t.Minutes, Once: t.Repeat == once, FloorFen: uint32(t.FloorFen), Bearer: t.Bearer.message(),
		}
		if t.OffFen != nil {
			all[i].OffFen = uint32(*t.OffFen)
		}
	}
	return all
}

// reduced are the prices of rides to which transfers lead by a share, beside those without one.
func (v *version) reduced(metro []int64, trip rate, lines []uint32, ride rate) (all []*message.Reduced) {
	for i := range v.Transfers {
		t, list := &v.Transfers[i], &message.Reduced{}
		switch {
		case t.OffFen != nil:
		case t.To.Mode == byMetro:
			for _, fen := range metro {
				list.MetroFen = append(list.MetroFen, uint32(v.Rounding.after(t, fen, trip)))
			}
		default:
			for _, line := range lines {
				full, _ := v.Bus.line(line)
				list.Bus = append(list.Bus, &message.BusFare{Line: line, Fen: uint32(v.Rounding.after(t, full.Fen, ride))})
			}
		}
		all = append(all, list)
	}
	return all
}

// transfers are the transfers in words; empty without any.
func (v *version) transfers() string {
	all := make([]string, len(v.Transfers))
	for i := range v.Transfers {
		t := &v.Transfers[i]
		off := t.Off.Decimal.String() + " of the price"
		if t.OffFen != nil {
			off = fmt.Sprintf("%d fen", *t.OffFen)
		}
		all[i] = fmt.Sprintf("%s: %s to %s in %d minutes, %s, %s off down to %d fen, borne by the %s", t.Name, v.words(&t.From), v.words(&t.To), t.Minutes, t.Repeat, off, t.FloorFen, t.Bearer)
	}
	return strings.Join(all, "; ")
}

func (v *version) words(l *leg) string {
	text := string(l.Mode)
	for i, number := range v.numbers(l.Operators) {
		text += fmt.Sprintf(" of %s (%d)", l.Operators[i], number)
	}
	return text
}

// checkTransfers looks at the operators and the transfers.
func (v *version) checkTransfers(where string) []error {
	var faults []error
	numbers := map[uint32]bool{}
	known := map[string]bool{}
	for i, o := range v.Operators {
		row := fmt.Sprintf("%s.operators[%d]", where, i)
		if !rulefile.IsName(o.Operator) || known[o.Operator] {
			faults = append(faults, fmt.Errorf("%s.operator: %q, want the id of each operator at most once", row, o.Operator))
		}
		faults = append(faults, rulefile.Range(row+".number", o.Number, 1, 1<<16-1)...)
		if numbers[o.Number] {
			faults = append(faults, fmt.Errorf("%s.number: %d again, want each number once", row, o.Number))
		}
		known[o.Operator], numbers[o.Number] = true, true
	}
	if len(v.Transfers) > maxTransfers {
		return append(faults, fmt.Errorf("%s.transfers: %d, want at most %d", where, len(v.Transfers), maxTransfers))
	}
	names := rulefile.Names{}
	for i := range v.Transfers {
		row, t := fmt.Sprintf("%s.transfers[%d]", where, i), &v.Transfers[i]
		faults = append(faults, names.Check(row+".name", t.Name)...)
		faults = append(faults, t.From.check(row+".from", known)...)
		faults = append(faults, t.To.check(row+".to", known)...)
		faults = append(faults, t.check(row)...)
	}
	return faults
}

func (l *leg) check(row string, known map[string]bool) (faults []error) {
	if l.Mode != byMetro && l.Mode != byBus {
		faults = append(faults, fmt.Errorf("%s.mode: %q, want metro or bus", row, l.Mode))
	}
	for i, id := range l.Operators {
		if !known[id] || slices.Contains(l.Operators[:i], id) {
			faults = append(faults, fmt.Errorf("%s.operators[%d]: %q, want each operator of the version at most once", row, i, id))
		}
	}
	return faults
}

func (t *transfer) check(row string) []error {
	faults := rulefile.Range(row+".minutes", t.Minutes, 1, maxLimitMinutes)
	if t.Repeat != once && t.Repeat != chained {
		faults = append(faults, fmt.Errorf("%s.repeat: %q, want once or chained", row, t.Repeat))
	}
	switch {
	case t.Off.Valid == (t.OffFen != nil):
		faults = append(faults, fmt.Errorf("%s.off: want a share off, or off_fen instead", row))
	case t.Off.Valid && !rulefile.IsShare(t.Off.Decimal):
		faults = append(faults, fmt.Errorf("%s.off: %s, want a share from 0 to 1", row, t.Off.Decimal))
	case t.OffFen != nil:
		faults = append(faults, rulefile.Range(row+".off_fen", *t.OffFen, 1, maxPriceFen)...)
	}
	faults = append(faults, rulefile.Range(row+".floor_fen", t.FloorFen, 0, maxPriceFen)...)
	if t.Bearer != byOperator && t.Bearer != byCity {
		faults = append(faults, fmt.Errorf("%s.bearer: %q, want operator or city", row, t.Bearer))
	}
	switch t.Apply {
	case atTerminal:
	case atClose:
		faults = append(faults, fmt.Errorf("%s.apply: close is not built yet, want terminal", row))
	default:
		faults = append(faults, fmt.Errorf("%s.apply: %q, want terminal", row, t.Apply))
	}
	return append(faults, t.CheckSource(row)...)
}

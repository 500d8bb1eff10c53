package release

import (
	"context"
	"errors"
	"strings"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/ledger"
)

// Unplaced says why the registry names no operator of a row.
type Unplaced string

// The reasons for that.
const (
	Placed        Unplaced = ""
	IsLoad        Unplaced = "load"           // a load: no terminal of an operator takes part in it
	NoDate        Unplaced = "no_date"        // the card signed no date
	NotRegistered Unplaced = "not_registered" // no terminal with that SAM on the signed day
)

// places tells whose terminals took taps.
type places struct{ edition *index.Edition }

// places reads the registry's rows of terminals and their SAMs, as the newest version has them. A
// terminal that was registered late, for days that are past, is found.
func (o *Office) places(ctx context.Context) (places, error) {
	edition, err := registry.NewStore(o.Ledger.Pool()).Load(ctx, registry.Terminals, registry.SAMs)
	if errors.Is(err, registry.ErrEmpty) {
		return places{&index.Edition{}}, nil
	}
	return places{edition}, err
}

// of finds the terminal in which the SAM of a tap was when the card signed. Rows of the registry
// hold by day: a terminal passes from one operator to another at midnight.
func (p places) of(row *ledger.Row) (index.Terminal, Unplaced) {
	sam, _, tap := identity.ParseSpend([]byte(row.ID))
	switch {
	case !tap:
		return index.Terminal{}, IsLoad
	case row.Day == identity.NoDay:
		return index.Terminal{}, NoDate
	}
	terminal, ok := p.edition.Terminal(sam, row.Day)
	if !ok {
		return index.Terminal{}, NotRegistered
	}
	return terminal, Placed
}

// Payee is the account of the operator to whose terminal the tap belongs; it is empty if the
// registry names no operator.
func (s *Suspended) Payee() string {
	switch {
	case s.Operator == "", s.Foreign && strings.HasPrefix(s.Operator, index.ChannelHolder):
		return ""
	case s.Foreign:
		return chart.Pending(s.Operator)
	}
	return chart.Operator(s.Operator)
}

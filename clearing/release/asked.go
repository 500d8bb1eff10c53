package release

import (
	"context"
	"encoding/hex"

	"citycard/cardos/keys"
	"citycard/cardos/tunion"
	"citycard/clearing/identity"
	"citycard/clearing/registry"
	"citycard/clearing/verdict"
	"citycard/language"
	"citycard/ledger"
)

// UsualDays is the number of clearing days before the newest one in which rows are looked for.
const UsualDays = 30

// AskedReleases ask for one row, or for those that match.
type AskedReleases struct {
	Row      string         `json:"row,omitempty"` // its name
	Day      ledger.Day     `json:"day,omitempty"` // 0: the newest, and the UsualDays before it
	Reason   verdict.Reason `json:"reason,omitempty"`
	Terminal string         `json:"terminal,omitempty"`
	Line     uint32         `json:"line,omitempty"`
	Operator string         `json:"operator,omitempty"`
	To       string         `json:"to,omitempty"`
	Because  string         `json:"because,omitempty"`
	Limit    int            `json:"limit,omitempty"`
}

// releases fixes the rows that are asked for, and says which stay and why.
func (o *Office) releases(ctx context.Context, asked AskedReleases) (releases Releases, stay []*language.Text, err error) {
	if asked.Row != "" {
		return Releases{Rows: []Payee{{Row: asked.Row, To: asked.To}}, Because: asked.Because}, nil, nil
	}
	filter := Filter{Reason: asked.Reason, Terminal: asked.Terminal, Line: asked.Line, Operator: asked.Operator, First: asked.Day, Last: asked.Day}
	if asked.Day == 0 {
		if filter.First, filter.Last, err = UsualSpan(ctx, o.Ledger); err != nil {
			return releases, nil, err
		}
	}
	releases, err = o.Select(ctx, Selection{Filter: filter, To: asked.To, Because: asked.Because, Limit: asked.Limit}, func(s Suspended, why *Refusal) error {
		stay = append(stay, language.Textf("%s stays: %w", RowName(s.Row), why.Text))
		return nil
	})
	return releases, stay, err
}

// UsualSpan is the newest clearing day that the books have and the UsualDays before it.
func UsualSpan(ctx context.Context, l *ledger.Ledger) (first, last ledger.Day, err error) {
	days, err := l.Days(ctx)
	if err != nil || len(days) == 0 {
		return 0, 0, err
	}
	last = days[len(days)-1].Day
	return last.Add(-UsualDays), last, nil
}

// AskedRefund asks for the refund of a card by its number, as it is printed.
type AskedRefund struct {
	Refund
	Issuer string `json:"issuer,omitempty"` // in hexadecimal digits; empty: the registered card's
}

// refund finds the card. Only a registered card's loads are paid for.
func (o *Office) refund(ctx context.Context, asked AskedRefund) (r Refund, _ []*language.Text, err error) {
	r = asked.Refund
	id := keys.CardID{}
	if id.ASN, err = tunion.ParseNumber(asked.Card); err != nil {
		return r, nil, language.Textf("card number %q: want 19 or 20 digits", asked.Card)
	}
	issuer, err := hex.DecodeString(asked.Issuer)
	if err != nil || len(issuer) > len(id.Issuer) {
		return r, nil, language.Textf("issuer %q: want 16 hexadecimal digits, or the first 8 of them", asked.Issuer)
	}
	copy(id.Issuer[:], issuer)
	if asked.Issuer == "" {
		known := false
		if id.Issuer, known, err = registry.NewStore(o.Ledger.Pool()).IssuerOf(ctx, id.Digits()); err != nil {
			return r, nil, err
		}
		if !known {
			return r, nil, refuse("card %s is not registered", asked.Card).todo("name its issuer with --issuer")
		}
	}
	r.Card = identity.CardOf(id).Digits()
	return r, nil, nil
}

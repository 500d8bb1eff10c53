package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"citycard/clearing/owed"
	"citycard/clearing/people"
	"citycard/clearing/transit/load"
	"citycard/language"
	"citycard/ledger"
)

// Owed is something that is owed to the holder of a card.
type Owed struct {
	Since    ledger.Day  `json:"since" doc:"Clearing day; of money that is due, the first day on which it may be paid"`
	Why      owed.Why    `json:"why" doc:"waits, held, ended, unconfirmed, due; altered: what is owed is not known"`
	Card     string      `json:"card,omitempty" doc:"The 24 digits that name it in the books, as a refund's request has them"`
	Fen      ledger.Fen  `json:"fen"`
	Placer   load.Placer `json:"placer,omitempty" doc:"Whose order number it is: channel:ID or card:DIGITS"`
	Order    string      `json:"order,omitempty"`
	Sequence *uint16     `json:"sequence,omitempty" doc:"The card's online sequence of a load of which its word has not come"`
	Row      string      `json:"row,omitempty" doc:"What is wrong with a row of the books that was altered"`
	Next     string      `json:"next" doc:"Who acts next, and what they do, in the caller's language"`
}

// OwedPage is a page of what is owed.
type OwedPage struct {
	Owed []Owed `json:"owed" doc:"The oldest first"`
	Next string `json:"next,omitempty" doc:"Ask with it as after for those that come later; left out: there are none"`
}

// OwedOf is a line of what is owed, in a language.
func OwedOf(l language.Language, line *owed.Line) Owed {
	o := Owed{
		Since: line.Since, Why: line.Why, Fen: line.Fen, Placer: line.Placer, Order: line.Order, Sequence: line.Sequence, Row: line.Row,
		Next: line.Why.Next().In(l),
	}
	if line.Why != owed.Altered {
		o.Card = line.Card.Digits()
	}
	return o
}

func (s *Server) registerOwed() {
	huma.Register(s.api, look("owed", http.MethodGet, "/v1/loads/owed", "loads", "What is owed to the holders of cards",
		"Paid orders that wait for longer than the rules say, that are held, or whose card is ended; loads of which MAC2 was given out for so long, without the card's word; and the money of cards that were lost or handed in, once it is due. For the issuer and the city.", bodyLimit),
		func(ctx context.Context, in *struct {
			After string `query:"after" maxLength:"400" doc:"next of the page before; left out: from the oldest"`
			Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
		},
		) (*answer[OwedPage], error) {
			c := callerOf(ctx)
			if c.person != nil && c.person.Unit != people.Issuer && c.person.Unit != people.City {
				return nil, s.problem(ctx, &people.DeniedError{Person: *c.person, Act: "see what is owed"})
			}
			book := s.office(false).Ledger
			figures, err := s.s.Owed(ctx, book)
			if err != nil {
				return nil, s.problem(ctx, err)
			}
			lines, next, err := owed.List(ctx, book, figures, in.After, in.Limit)
			if errors.Is(err, owed.ErrAfter) {
				return nil, s.ofField(ctx, "query.after", owed.ErrAfter)
			}
			page := OwedPage{Owed: []Owed{}, Next: next}
			for i := range lines {
				page.Owed = append(page.Owed, OwedOf(c.language, &lines[i]))
			}
			return answered(ctx, s, page, err)
		})
}

package load

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/jackc/pgx/v5"

	"citycard/cardos/bcd"
	"citycard/cardos/keys"
	"citycard/clearing/identity"
	"citycard/clearing/people"
	"citycard/clearing/people/access"
	"citycard/clearing/rulefile"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// PathGroups is where a channel places an order for a group (POST).
const PathGroups = "/v1/loads/groups"

// MaxGroup is how many loads an order for a group may have: they are one commit.
const MaxGroup = 5000

const groupLimit = 1 << 20 // bytes; a load has about 60

// GroupOrder is a paid order of an organisation for many cards.
type GroupOrder struct {
	Channel string `json:"channel"`
	Order   string `json:"order"` // the channel's number, 1 to 56 characters; that of load n is ORDER-n
	Payer   string `json:"payer"` // the organisation
	// Transfer is the bank's reference of who pays by transfer.
	Transfer string      `json:"transfer,omitempty"`
	Terminal string      `json:"terminal,omitempty"` // the counter's, where it is paid in cash
	Loads    []GroupLoad `json:"loads"`
}

// GroupLoad is one load of it.
type GroupLoad struct {
	Card   string     `json:"card"`
	Issuer string     `json:"issuer,omitempty"`
	Fen    ledger.Fen `json:"amount_fen"`
}

// PlacedGroup is how an order for a group was placed: all of it.
type PlacedGroup struct {
	Order string     `json:"order"`
	Loads int        `json:"loads"`
	Fen   ledger.Fen `json:"amount_fen"`
}

// group is an order that was read.
type group struct {
	GroupOrder
	placements []Placement
	cards      []keys.CardID
	sum        ledger.Fen
}

// PlaceGroup places all loads of an order for a group, or none. It may be repeated as Place may.
func (a *Authority) PlaceGroup(ctx context.Context, r *GroupOrder) (PlacedGroup, error) {
	g, err := a.group(r)
	if err != nil {
		return PlacedGroup{}, err
	}
	transfers, err := g.transfers()
	if err != nil {
		return PlacedGroup{}, err
	}
	placed := PlacedGroup{r.Order, len(g.placements), g.sum}
	// What was placed before is the same order, whatever holds now.
	before, found, err := a.Books.Find(ctx, ledger.Key{Day: transfers[0].Day, Subject: transfers[0].Subject, ID: transfers[0].ID})
	switch {
	case err != nil:
		return PlacedGroup{}, fmt.Errorf("load authority: %w", err)
	case found && !bytes.Equal(before.Evidence, transfers[0].Evidence):
		return PlacedGroup{}, numberTaken()
	case found:
		return placed, nil
	}
	if err := a.mayPlaceGroup(g); err != nil {
		return PlacedGroup{}, err
	}
	cards := make([]identity.Card, len(g.placements))
	for i := range g.placements {
		cards[i] = g.placements[i].Card
	}
	at := g.placements[0].at()
	if g.Transfer != "" { // nobody takes cash
		at = place{}
	}
	if err := a.mayTake(ctx, at, cards...); err != nil {
		return PlacedGroup{}, err
	}
	return placed, a.placeGroup(ctx, g, transfers)
}

func (a *Authority) placeGroup(ctx context.Context, g *group, transfers []ledger.Transfer) error {
	most := a.mayOwe(g.Channel)
	for i := range g.placements {
		transfers[i+1].DebitCap = most
	}
	out, err := a.Books.PostOnce(ctx, a.Stream, a.Owner, 0, func(b *ledger.Batch) error {
		b.Transfers = transfers
		b.Finish = func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) ([]byte, error) {
			if out.Transfers[0].Result != ledger.Inserted {
				return nil, nil
			}
			if err := keepPlaced(ctx, tx, g.placements, b.Day); err != nil {
				return nil, err
			}
			return keepCash(ctx, tx, a.counted, g.taken()...)
		}
		return nil
	})
	if err != nil {
		return notPlaced(err)
	}
	if number := out.Transfers[0]; number.Result == ledger.Duplicate && !number.Disputed { // it was placed just now, maybe at another terminal
		return nil
	}
	for i := range out.Transfers {
		if out.Transfers[i].Disputed {
			return numberTaken()
		}
	}
	for i := range out.Transfers {
		if r := out.Transfers[i].Result; r != ledger.Inserted && r != ledger.Duplicate {
			return refusedPosting(firstCause(out.Transfers))
		}
	}
	return nil
}

// taken is the cash that was taken for the loads of a group.
func (g *group) taken() (all []Taken) {
	for i := range g.placements {
		all = append(all, g.placements[i].taken()...)
	}
	return all
}

// firstCause is why a chain was refused: the first transfer that says more than that it was.
func firstCause(answers []ledger.Decision) error {
	for i := range answers {
		if refusal := refusedPosting(answers[i].Err); answers[i].Err != nil && reasonOf(refusal) != verdict.None {
			return answers[i].Err
		}
	}
	return answers[0].Err
}

// group reads an order. A load that is refused refuses all, and the refusal says which.
func (a *Authority) group(r *GroupOrder) (*group, error) {
	const longest = maxOrder - len("-5000") - 3
	g := &group{GroupOrder: *r}
	switch {
	case !IsNumber(r.Order) || len(r.Order) > longest:
		return nil, &fieldError{"order", fmt.Sprintf("has %d characters, want 1 to %d letters, digits, hyphens and underscores", len(r.Order), longest)}
	case !identity.IsName(r.Payer, 100):
		return nil, &fieldError{"payer", "is missing or too long: want the organisation that pays, in at most 100 characters"}
	case r.Transfer != "" && !identity.IsName(r.Transfer, 100):
		return nil, &fieldError{"transfer", "is too long: want the bank's reference, in at most 100 characters"}
	case r.Transfer != "" && r.Terminal != "":
		return nil, &fieldError{"terminal", "is there, and who pays by transfer pays no cash: want one of the two"}
	case len(r.Loads) == 0 || len(r.Loads) > MaxGroup:
		return nil, &fieldError{"loads", fmt.Sprintf("has %d loads, want 1 to %d", len(r.Loads), MaxGroup)}
	}
	for i := range r.Loads {
		l := &r.Loads[i]
		p, id, err := a.placement(&PlaceOrder{r.Channel, fmt.Sprintf("%s-%d", r.Order, i+1), l.Card, l.Issuer, l.Fen, r.Terminal})
		if err != nil {
			return nil, ofGroup(i, err)
		}
		g.placements, g.cards, g.sum = append(g.placements, p), append(g.cards, id), g.sum+p.Fen
	}
	return g, nil
}

// mayPlaceGroup asks registry and rules as of now.
func (a *Authority) mayPlaceGroup(g *group) error {
	for i := range g.placements {
		if err := a.mayPlace(&g.placements[i], g.cards[i]); err != nil {
			return ofGroup(i, err)
		}
	}
	return a.groupRule(g)
}

// ofGroup says which load of a group is refused.
func ofGroup(i int, err error) error {
	switch refused := err.(type) {
	case *fieldError:
		return &fieldError{fmt.Sprintf("loads[%d].%s", i, refused.Field), refused.What}
	case *Refusal:
		return &Refusal{refused.Reason, fmt.Sprintf("load %d: %s", i+1, refused.Detail)}
	}
	return err
}

// groupRule refuses an order that is too small for a group's, or not paid as the rules say.
func (a *Authority) groupRule(g *group) error {
	rules, _ := a.Rules()
	at, _ := rulefile.SignedMoment(bcd.Time(a.Now()))
	rule := rules.At(at)
	enough := rule.GroupCards > 0 && len(g.Loads) >= rule.GroupCards || rule.GroupFen > 0 && g.sum >= rule.GroupFen
	switch {
	case !enough:
		return &Refusal{verdict.GroupTooSmall, fmt.Sprintf("%d loads of %d fen; an order for a group has %d loads or %d fen", len(g.Loads), g.sum, rule.GroupCards, rule.GroupFen)}
	case rule.GroupTransferFen > 0 && g.sum >= rule.GroupTransferFen && g.Transfer == "":
		return &fieldError{"transfer", fmt.Sprintf("is missing: a group that pays %d fen or more pays by bank transfer", rule.GroupTransferFen)}
	}
	return nil
}

// transfers are the chain of an order for a group. It begins with the memo that binds its number to
// all that it says, but for the terminal: it is the same order, wherever it is repeated.
func (g *group) transfers() ([]ledger.Transfer, error) {
	said := g.GroupOrder
	said.Terminal = ""
	text, err := json.Marshal(said)
	if err != nil {
		return nil, fmt.Errorf("load authority: %w", err)
	}
	first := Placement{Placer: PlacedBy(g.Channel), Number: g.Order}
	key, err := first.key()
	if err != nil {
		return nil, err
	}
	transfers := []ledger.Transfer{{
		Day: key.Day, Subject: key.Subject, ID: key.ID, Act: ledger.KeepMemo, Linked: true,
		Evidence: fmt.Appendf(nil, groupMemo, len(g.Loads), g.sum, g.Payer, g.Transfer, sha256.Sum256(text)),
	}}
	for i := range g.placements {
		t, err := g.placements[i].Transfer()
		if err != nil {
			return nil, err
		}
		t.Linked = i+1 < len(g.placements)
		transfers = append(transfers, t)
	}
	return transfers, nil
}

// groupMemo is what the number of an order for a group is bound to.
const groupMemo = "group of %d loads, %d fen, payer %q, transfer %q, sha256:%x"

// GroupEndpoint takes orders for groups in JSON, as PlaceEndpoint does orders.
func (a *Authority) GroupEndpoint(log *slog.Logger, counted func(verdict.Reason)) access.Endpoint[*GroupOrder] {
	return access.Endpoint[*GroupOrder]{
		Method: http.MethodPost, Limit: groupLimit, Read: readJSON[GroupOrder],
		Unit: func(r *GroupOrder) people.Unit { return access.Channel(r.Channel) },
		Answer: func(w http.ResponseWriter, r *http.Request, order *GroupOrder) {
			placed, err := a.PlaceGroup(r.Context(), order)
			counted(reasonOf(err))
			answer(w, log, placed, err, "order", order.Order, "channel", order.Channel)
		},
	}
}

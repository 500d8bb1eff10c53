package counter

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/language"
	"citycard/terminals/card"
)

// waitingPath is where the authority says what waits for a card, below its base URL.
const waitingPath = "/v1/loads/waiting"

// WaitingLoad is a paid order that its card does not have.
type WaitingLoad struct {
	Placer string `json:"placer"` // whose number it is
	Order  string `json:"order"`
	State  string `json:"state"` // waiting, authorised; held: a person decides
	Fen    uint32 `json:"amount_fen"`
	// Sequence is the card's online sequence for which MAC2 was given out; nil: for none yet. If
	// the card has counted on, it has the load.
	Sequence *uint16 `json:"sequence"`
}

// Waiting asks what waits for a card. Errors: *DeniedError, or those of the transport.
func (a *HTTPAuthority) Waiting(ctx context.Context, channel string, id keys.CardID) ([]WaitingLoad, error) {
	query := url.Values{"channel": {channel}, "card": {hex.EncodeToString(id.ASN[:])}, "issuer": {hex.EncodeToString(id.Issuer[:])}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+waitingPath+"?"+query.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("load authority: %w", err)
	}
	if token := a.tokens[channel]; token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := a.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("the load authority does not answer: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("the load authority's answer broke off: %w", err)
	}
	if denied := deniedAs(response, content); denied != nil {
		return nil, denied
	}
	var list struct {
		Loads []WaitingLoad `json:"loads"`
	}
	if response.StatusCode != http.StatusOK {
		return nil, language.Textf("the load authority does not say what waits for the card: %s: %s", response.Status, firstLine(content))
	}
	if err := json.Unmarshal(content, &list); err != nil {
		return nil, fmt.Errorf("the load authority's answer is malformed: %w", err)
	}
	return list.Loads, nil
}

// Waits is the part of what the authority has for a card that the card does not have, and that is
// not open here.
func (d *Desk) Waits(ctx context.Context, c apdu.Card, list []WaitingLoad) (left []WaitingLoad, err error) {
	if len(list) == 0 {
		return nil, nil
	}
	p, err := card.OpenPurse(ctx, c)
	if err != nil {
		return nil, err
	}
	online, err := p.OnlineCounter(ctx, d.Terminal)
	if err != nil {
		return nil, err
	}
	open := d.Book.All()
	for _, w := range list {
		mine := slices.ContainsFunc(open, func(o Open) bool { return o.Name() == w.Name() })
		if !mine && w.State != stateHeld && w.Fen > 0 && (w.Sequence == nil || *w.Sequence == online) {
			left = append(left, w)
		}
	}
	return left, nil
}

// Write writes an order that waits for the card which was shown. Nobody pays for it here. Errors:
// as TopUp.
func (d *Desk) Write(ctx context.Context, c apdu.Card, id keys.CardID, w WaitingLoad, at time.Time) (*message.Load, error) {
	if !orderNumber.MatchString(w.Order) || w.Fen == 0 || w.Placer == "" || d.Channel == "" {
		return nil, ErrAsk
	}
	p, err := card.OpenPurse(ctx, c)
	if err != nil {
		return nil, err
	}
	if p.ID() != id {
		return nil, ErrSwapped
	}
	if len(d.Book.Of(id)) > 0 {
		return nil, ErrOpen
	}
	return d.write(ctx, p, &message.Load{Order: w.Order, Channel: d.Channel, AmountFen: w.Fen}, attempt{Desk: d, placer: w.Placer}, at)
}

// stateHeld is a load of which a person has to find out whether the card has it.
const stateHeld = "held"

// waitsNoMore reports whether a refusal says that an order waits for its card no more.
func waitsNoMore(reason string) bool {
	return slices.Contains([]string{"load_unknown", "load_ended", "load_held", reasonGivenBack}, reason)
}

// Over reports whether an error of Write says that the order waits no more: somebody else was
// first.
func Over(err error) bool {
	refused, ok := errors.AsType[*RefusedError](err)
	return ok && waitsNoMore(refused.Reason)
}

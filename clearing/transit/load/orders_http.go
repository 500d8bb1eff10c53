package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"

	"citycard/clearing/identity"
	"citycard/clearing/people"
	"citycard/clearing/people/access"
	"citycard/clearing/verdict"
)

// PathOrders is where a channel places a paid order whose card is not at hand (POST), and asks what
// became of an order of its own (GET). PathWaiting is where a counter asks what waits for a card.
const (
	PathOrders  = "/v1/loads/orders"
	PathWaiting = "/v1/loads/waiting"
)

// OfChannel asks for a channel's order, or for a card that is presented at one of its counters.
type OfChannel struct {
	Channel, Order string
	Card, Issuer   string
}

// List is the answer about a card.
type List struct {
	Loads []Placed `json:"loads"`
}

// PlaceEndpoint takes paid orders in JSON. A refusal is 409 with its reason code; other answers are
// those of Endpoint.
func (a *Authority) PlaceEndpoint(log *slog.Logger, counted func(verdict.Reason)) access.Endpoint[*PlaceOrder] {
	return access.Endpoint[*PlaceOrder]{
		Method: http.MethodPost, Limit: requestLimit, Read: readJSON[PlaceOrder],
		Unit: func(r *PlaceOrder) people.Unit { return access.Channel(r.Channel) },
		Answer: func(w http.ResponseWriter, r *http.Request, order *PlaceOrder) {
			placed, err := a.Place(r.Context(), order)
			counted(reasonOf(err))
			answer(w, log, placed, err, "order", order.Order, "channel", order.Channel)
		},
	}
}

// readJSON reads a paid order.
func readJSON[T any](body []byte) (*T, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	order := new(T)
	if err := decoder.Decode(order); err != nil {
		return nil, fmt.Errorf("the body is not a paid order in JSON: %w", err)
	}
	return order, nil
}

// BecameEndpoint answers what became of a channel's order.
func (a *Authority) BecameEndpoint(log *slog.Logger) access.Endpoint[*OfChannel] {
	return a.looks([]string{"channel", "order"}, func(w http.ResponseWriter, r *http.Request, of *OfChannel) {
		placed, err := BecameOf(r.Context(), a.Books, of.Channel, of.Order)
		answer(w, log, placed, err, "order", of.Order, "channel", of.Channel)
	})
}

// WaitingEndpoint answers what waits for a card.
func (a *Authority) WaitingEndpoint(log *slog.Logger) access.Endpoint[*OfChannel] {
	return a.looks([]string{"channel", "card", "issuer"}, func(w http.ResponseWriter, r *http.Request, of *OfChannel) {
		id, err := CardOf(a.Registry.Current(), of.Card, of.Issuer)
		list := List{}
		if err == nil {
			list.Loads, err = OfCard(r.Context(), a.Books, identity.CardOf(id))
		}
		answer(w, log, list, err, "channel", of.Channel)
	})
}

// looks is an endpoint whose query may have fields with such names.
func (a *Authority) looks(names []string, reply func(http.ResponseWriter, *http.Request, *OfChannel)) access.Endpoint[*OfChannel] {
	return access.Endpoint[*OfChannel]{
		Method: http.MethodGet,
		Query: func(q url.Values) (*OfChannel, error) {
			of := &OfChannel{}
			places := map[string]*string{"channel": &of.Channel, "order": &of.Order, "card": &of.Card, "issuer": &of.Issuer}
			for _, name := range names {
				if *places[name] = q.Get(name); *places[name] == "" && name != "issuer" {
					return nil, fmt.Errorf("the query has no %s", name)
				}
			}
			return of, nil
		},
		Unit: func(of *OfChannel) people.Unit { return access.Channel(of.Channel) }, Answer: reply,
	}
}

// reasonOf is the reason of a refusal; empty for anything else.
func reasonOf(err error) verdict.Reason {
	if refusal := (*Refusal)(nil); errors.As(err, &refusal) {
		return refusal.Reason
	}
	return verdict.None
}

// answer writes a body, or what is wrong.
func answer[T any](w http.ResponseWriter, log *slog.Logger, body T, err error, of ...any) {
	wrong, refusal := (*fieldError)(nil), (*Refusal)(nil)
	switch {
	case errors.As(err, &wrong):
		access.Fault{Error: string(verdict.InvalidField), Field: wrong.Field, Message: wrong.Field + " " + wrong.What}.Write(w, http.StatusBadRequest)
	case errors.As(err, &refusal):
		access.Fault{Error: string(refusal.Reason), Message: refusal.Detail}.Write(w, http.StatusConflict)
	case err != nil:
		log.Error("load request not answered", append(of, "error", err)...)
		access.Fault{Error: "outcome_unknown", Message: "send the same request again"}.Write(w, http.StatusServiceUnavailable)
	default:
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(body); err != nil {
			log.Warn("load answer not delivered", append(of, "error", err)...)
		}
	}
}

// OrdersHandler serves PathOrders to those whom a door lets in.
func (a *Authority) OrdersHandler(d *access.Door, log *slog.Logger, counted func(verdict.Reason)) http.Handler {
	place, became := access.Handler(d, a.PlaceEndpoint(log, counted)), access.Handler(d, a.BecameEndpoint(log))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			became.ServeHTTP(w, r)
			return
		}
		place.ServeHTTP(w, r)
	})
}

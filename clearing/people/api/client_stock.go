package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"citycard/clearing/cards"
	"citycard/clearing/people"
	"citycard/clearing/stock"
)

// Stock passes on the lots of a kind in a store, or with none in all that the caller may see.
func (c *Client) Stock(ctx context.Context, kind stock.Kind, store people.Unit, each func(StockLot) error) error {
	for after := int64(0); ; {
		query := url.Values{"kind": {string(kind)}, "store": {string(store)}, "after": {strconv.FormatInt(after, 10)}}
		page, err := ask[StockPage](ctx, c, call{method: http.MethodGet, path: "/v1/stock?" + query.Encode(), looks: true})
		if err != nil {
			return err
		}
		for _, l := range page.Lots {
			if err := each(l); err != nil {
				return err
			}
		}
		if after = page.Next; after == 0 {
			return nil
		}
	}
}

// SpoilStock signs that pieces are spoilt, and why.
func (c *Client) SpoilStock(ctx context.Context, said *stock.Said, reason string, dry bool) (StockDone, error) {
	if err := said.Check(); err != nil {
		return StockDone{}, err
	}
	signed, err := c.sign(ctx, said.Act(), said.What(), reason, dry)
	if err != nil {
		return StockDone{}, err
	}
	body, err := encode(SpoilingStock{said.Store, said.Order, said.Kind, said.First, said.Last, signed})
	if err != nil {
		return StockDone{}, err
	}
	return ask[StockDone](ctx, c, call{method: http.MethodPost, path: "/v1/stock/spoil" + rehearsed(dry), body: body})
}

// CountStock signs under an order number what was counted in a store.
func (c *Client) CountStock(ctx context.Context, store people.Unit, order string, kind stock.Kind, counted []stock.Range, reason string, dry bool) (StockCount, error) {
	said, counted, err := stock.Counting(store, order, kind, counted)
	if err == nil {
		err = said.Check()
	}
	if err != nil {
		return StockCount{}, err
	}
	signed, err := c.sign(ctx, said.Act(), said.What(), reason, dry)
	if err != nil {
		return StockCount{}, err
	}
	body, err := encode(CountingStock{store, order, kind, append([]stock.Range{}, counted...), signed})
	if err != nil {
		return StockCount{}, err
	}
	return ask[StockCount](ctx, c, call{method: http.MethodPost, path: "/v1/stock/count" + rehearsed(dry), body: body})
}

// IssueCards signs a part of a report, and brings it in.
func (c *Client) IssueCards(ctx context.Context, r *cards.Report, reason string, dry bool) (IssueDone, error) {
	said, err := r.Said()
	if err != nil {
		return IssueDone{}, err
	}
	signed, err := c.sign(ctx, cards.ActIssue, said.What(), reason, dry)
	if err != nil {
		return IssueDone{}, err
	}
	body, err := encode(IssueReport{r.Store, r.Lines, signed})
	if err != nil {
		return IssueDone{}, err
	}
	return ask[IssueDone](ctx, c, call{method: http.MethodPost, path: "/v1/cards/issued" + rehearsed(dry), body: body})
}

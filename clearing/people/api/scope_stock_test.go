package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"citycard/clearing/cards"
	"citycard/clearing/clearingtest"
	"citycard/clearing/people"
	"citycard/clearing/people/api"
	"citycard/clearing/stock"
	"citycard/ledger"
)

// lies has blanks lie in a store, as if they had been received.
func lies(ctx context.Context, l *ledger.Ledger, store people.Unit, first, last int64) error {
	_, err := l.Pool().Exec(ctx, "INSERT INTO stock (kind, first, last, product, store, state) VALUES ('card', $1, $2, 'ordinary', $3, 'in_stock')", first, last, string(store))
	return err
}

// received puts a blank into a store, as a preparation.
func (r *realm) received(store people.Unit) (serial int64) {
	r.Helper()
	r.things++
	serial = int64(r.things)
	r.must(lies(r.Context(), r.ledger, store, serial, serial))
	return serial
}

// stores has somebody do something with the stock of a unit.
func (r *realm) stores(id string, row scopeRow) api.Kind {
	r.Helper()
	serial := r.received(row.about)
	order := fmt.Sprintf("s-%d", serial)
	switch row.act {
	case stock.ActSpoil:
		said := stock.Spoiling(row.about, order, stock.Card, stock.Range{First: serial, Last: serial})
		signed := r.sign(id, r.statement(id, row.act, said.What(), "torn"))
		kind, _ := send(r, "/v1/stock/spoil", api.SpoilingStock{Store: row.about, Order: order, Kind: stock.Card, First: serial, Last: serial, Signed: signed})
		return kind
	case stock.ActCount:
		said, counted, err := stock.Counting(row.about, order, stock.Card, []stock.Range{{First: serial, Last: serial}})
		r.must(err)
		signed := r.sign(id, r.statement(id, row.act, said.What(), ""))
		kind, _ := send(r, "/v1/stock/count", api.CountingStock{Store: row.about, Order: order, Kind: stock.Card, Serials: counted, Signed: signed})
		return kind
	}
	report := &cards.Report{Store: row.about, Lines: []cards.ReportLine{madeOf(1, serial)}}
	said, err := report.Said()
	r.must(err)
	kind, _ := send(r, "/v1/cards/issued", api.IssueReport{Store: row.about, Lines: report.Lines, Signed: r.sign(id, r.statement(id, row.act, said.What(), ""))})
	return kind
}

// seesStock has everybody look over a network at what lies in a store, and at what lies in all.
func (r *realm) seesStock(row scopeRow) {
	r.Helper()
	lot := fmt.Sprintf(`"first":%d,`, r.received(row.about))
	for _, m := range r.members {
		may, before := row.may[m.ID] == 'l', r.traces()
		for _, path := range []string{"/v1/stock?kind=card&store=" + string(row.about), "/v1/stock?kind=card"} {
			kind, page := r.look(m.ID, http.MethodGet, path, "")
			if shown := strings.Contains(string(page), lot); kind != "" || shown != may {
				r.Errorf("%s looks at %s: %q, shown: %t, want %t", m.ID, path, kind, shown, may)
			}
		}
		if after := r.traces(); before != after {
			r.Errorf("the looks of %s leave %s -> %s", m.ID, before, after)
		}
	}
}

func madeOf(line int, serial int64) cards.ReportLine {
	return cards.ReportLine{Line: line, Serial: serial, Made: &stock.Made{
		Number: fmt.Sprintf("0310507020000003%04d", serial), Issuer: clearingtest.Issuer, Type: 1, Begins: 20260101, Expires: 20301231,
	}}
}

// answersOfStock has all operations of stock answer.
func (w *town) answersOfStock(ctx context.Context, count, refused func(string, error)) {
	w.Helper()
	cara := w.client("cara")
	shop := people.Unit("channel:counter")
	w.must(lies(ctx, w.ledger, shop, 1, 10))
	for _, again := range []bool{false, true} {
		done, err := cara.SpoilStock(ctx, stock.Spoiling(shop, "s-1", stock.Card, stock.Range{First: 9, Last: 10}), "torn", false)
		count("spoil-stock", err)
		if done.Pieces != 2 || done.Repeated != again {
			w.Errorf("spoilt: %+v", done)
		}
		counted, err := cara.CountStock(ctx, shop, "s-2", stock.Card, []stock.Range{{First: 1, Last: 7}}, "", false)
		count("count-stock", err)
		if counted.Expected != 8 || counted.Missing != 1 || len(counted.MissingRanges) != 1 || counted.Repeated != again {
			w.Errorf("counted: %+v", counted)
		}
	}
	_, err := cara.SpoilStock(ctx, stock.Spoiling(shop, "s-3", stock.Card, stock.Range{First: 9, Last: 10}), "torn", false)
	refused("spoil-stock", err)
	_, err = cara.CountStock(ctx, "channel:nowhere", "s-4", stock.Card, nil, "", false)
	refused("count-stock", err)
	report := &cards.Report{Store: shop, Lines: []cards.ReportLine{madeOf(1, 1), {Line: 2, Serial: 2}, madeOf(3, 70)}}
	issued, err := w.client("ann").IssueCards(ctx, report, "", false)
	count("issue-cards", err)
	if issued.Issued != 1 || issued.Spoilt != 1 || len(issued.Disputes) != 1 {
		w.Errorf("issued: %+v", issued)
	}
	_, err = cara.IssueCards(ctx, report, "", false)
	refused("issue-cards", err)
	lots := 0
	err = cara.Stock(ctx, stock.Card, "", func(l api.StockLot) error {
		if lots++; l.Store != shop {
			w.Errorf("a lot of %s", l.Store)
		}
		return nil
	})
	count("stock", err)
	if lots != 4 {
		w.Errorf("%d lots, want 4", lots)
	}
	refused("stock", cara.Stock(ctx, "coin", "", func(api.StockLot) error { return nil }))
}

package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"citycard/clearing/cards"
	"citycard/clearing/people"
	"citycard/clearing/stock"
	"citycard/ledger"
)

// StockLot are pieces with successive serials that are alike.
type StockLot struct {
	First   int64       `json:"first" doc:"Serial of the first"`
	Last    int64       `json:"last"`
	Product string      `json:"product,omitempty" doc:"As which a card is to be sold"`
	Store   people.Unit `json:"store" doc:"Where they lie, or from where they were issued"`
	State   stock.State `json:"state" doc:"in_stock, spoilt, issued"`
}

// StockPage are lots, in the order of their serials.
type StockPage struct {
	Lots []StockLot `json:"lots"`
	Next int64      `json:"next,omitempty" doc:"Ask for what is behind this serial; 0: there is no more"`
}

// SpoilingStock says that pieces are good for nothing any more.
type SpoilingStock struct {
	Store  people.Unit `json:"store" minLength:"1" maxLength:"64"`
	Order  string      `json:"order" minLength:"1" maxLength:"64" doc:"Number that the caller gives; one order's of the store for ever, so it may be repeated"`
	Kind   stock.Kind  `json:"kind" enum:"card,sam"`
	First  int64       `json:"first" minimum:"1" maximum:"999999999999999999"`
	Last   int64       `json:"last" minimum:"1" maximum:"999999999999999999"`
	Signed Signature   `json:"signed" doc:"Statement of the act \"spoil stock\", with the reason: its what is \"order ORDER of the store of STORE: spoil KIND FIRST-LAST\", or the serial alone of one"`
}

// StockDone is what was done.
type StockDone struct {
	Act      int64 `json:"act" doc:"Number of the act"`
	Pieces   int64 `json:"pieces"`
	Repeated bool  `json:"repeated" doc:"It was done before, under this order: nothing was done now"`
}

// CountingStock says what somebody has counted.
type CountingStock struct {
	Store   people.Unit   `json:"store" minLength:"1" maxLength:"64"`
	Order   string        `json:"order" minLength:"1" maxLength:"64" doc:"Number that the caller gives; one order's of the store for ever, so it may be repeated"`
	Kind    stock.Kind    `json:"kind" enum:"card,sam"`
	Serials []stock.Range `json:"serials" maxItems:"10000" doc:"All that lies there. None of them twice"`
	Signed  Signature     `json:"signed" doc:"Statement of the act \"count stock\": its what is \"order ORDER of the store of STORE: count of KIND, N pieces, sha256:HASH\", over the ranges in order and with none that touch, FIRST-LAST or the serial alone, each with a line feed"`
}

// StockCount is what a count has come to.
type StockCount struct {
	Pieces        int64         `json:"pieces" doc:"That were counted"`
	Expected      int64         `json:"expected" doc:"That should be there"`
	Missing       int64         `json:"missing" doc:"How many pieces"`
	Extra         int64         `json:"extra" doc:"How many that should not be there"`
	MissingRanges []stock.Range `json:"missing_ranges" maxItems:"20" doc:"The first of the missing ones"`
	ExtraRanges   []stock.Range `json:"extra_ranges" maxItems:"20" doc:"The first of those that should not be there"`
	Repeated      bool          `json:"repeated" doc:"It was counted before, under this order: this is what it came to then"`
}

// IssueReport is a part of the report of a job of cards.
type IssueReport struct {
	Store  people.Unit        `json:"store" minLength:"1" maxLength:"64" doc:"Where the blanks lay"`
	Lines  []cards.ReportLine `json:"lines" minItems:"1" maxItems:"200" doc:"Cards that were made, and blanks that were spoilt"`
	Signed Signature          `json:"signed" doc:"Statement of the act \"issue cards\": its what is \"issue report of the store of STORE: N lines, sha256:HASH\", over the lines as JSON without white space, their fields in this order"`
}

// IssueDone is what a part of a report has come to.
type IssueDone struct {
	Issued   int            `json:"issued"`
	Spoilt   int            `json:"spoilt"`
	Repeated int            `json:"repeated" doc:"Lines that were done before"`
	Disputes []IssueDispute `json:"disputes" doc:"Lines of which nothing was done"`
}

// IssueDispute is a line that contradicts what is known.
type IssueDispute struct {
	Line int    `json:"line"`
	What string `json:"what" doc:"In words"`
}

// stockLimit bounds what is counted at once, and a part of a report, in bytes.
const stockLimit = 1 << 20

func (s *Server) registerStock() {
	huma.Register(s.api, look("stock", http.MethodGet, "/v1/stock", "cards", "What lies where",
		"Blank cards or SAMs by their serials. Who works for a channel or an operator sees its own store.", bodyLimit), s.lots)
	spoil := act("spoil-stock", "/v1/stock/spoil", "Say that pieces are spoilt", "They are good for nothing any more, and are counted. May be repeated.", bodyLimit)
	spoil.Tags = []string{"cards"}
	huma.Register(s.api, spoil, s.spoilStock)
	count := act("count-stock", "/v1/stock/count", "Say what was counted in a store", "Keeps what is missing and what should not be there, and changes nothing. May be repeated.", stockLimit)
	count.Tags = []string{"cards"}
	huma.Register(s.api, count, s.countStock)
	issue := act("issue-cards", "/v1/cards/issued", "Bring a report of a job of cards in",
		"Cards that were made come into the registry and out of stock. May be repeated: a line is done once.", stockLimit)
	issue.Tags = []string{"cards"}
	huma.Register(s.api, issue, s.issueCards)
}

// lotsPage is how many lots an answer has.
const lotsPage = 500

func (s *Server) lots(ctx context.Context, in *struct {
	Kind  stock.Kind `query:"kind" enum:"card,sam" required:"true"`
	Store string     `query:"store" maxLength:"64" doc:"Only of this unit"`
	After int64      `query:"after" minimum:"0" doc:"Only behind this serial"`
},
) (*answer[StockPage], error) {
	page := StockPage{Lots: []StockLot{}}
	store, some := callerOf(ctx).only(people.Unit(in.Store))
	if !some {
		return answered(ctx, s, page, nil)
	}
	list, err := stock.Lots(ctx, s.s.Office.Ledger, in.Kind, store, in.After, lotsPage)
	for _, l := range list {
		page.Lots = append(page.Lots, StockLot{l.First, l.Last, l.Product, l.Store, l.State})
	}
	if len(list) == lotsPage {
		page.Next = list[lotsPage-1].First
	}
	return answered(ctx, s, page, err)
}

// signedStock is the approval of an act on a store, by who signed it.
func (s *Server) signedStock(ctx context.Context, dry bool, said *stock.Said, signed Signature) (office *stock.Office, by ledger.Approval, err error) {
	if err := said.Check(); err != nil {
		return nil, by, s.problem(ctx, err)
	}
	if by, err = s.ofUnit(ctx, s.office(dry).People, signed, said.Act(), said.Store, said.What()); err != nil {
		return nil, by, err
	}
	counters, err := s.counters(ctx, dry)
	if err != nil {
		return nil, by, err
	}
	return counters.Stock(), by, nil
}

func (s *Server) spoilStock(ctx context.Context, in *struct {
	DryRun
	Body SpoilingStock
},
) (*answer[StockDone], error) {
	b := &in.Body
	said := stock.Spoiling(b.Store, b.Order, b.Kind, stock.Range{First: b.First, Last: b.Last})
	office, by, err := s.signedStock(ctx, in.Dry, said, b.Signed)
	if err != nil {
		return nil, err
	}
	done, err := office.Spoil(ctx, said, by)
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	return &answer[StockDone]{StockDone{done.Number, done.Pieces(), done.Repeated}}, nil
}

func (s *Server) countStock(ctx context.Context, in *struct {
	DryRun
	Body CountingStock
},
) (*answer[StockCount], error) {
	b := &in.Body
	said, counted, err := stock.Counting(b.Store, b.Order, b.Kind, b.Serials)
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	office, by, err := s.signedStock(ctx, in.Dry, said, b.Signed)
	if err != nil {
		return nil, err
	}
	done, err := office.Count(ctx, said, counted, by)
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	is := done.Counted
	return &answer[StockCount]{StockCount{
		is.Pieces, is.Expected, is.Missing, is.Extra, append([]stock.Range{}, is.MissingRanges...), append([]stock.Range{}, is.ExtraRanges...), done.Repeated,
	}}, nil
}

func (s *Server) issueCards(ctx context.Context, in *struct {
	DryRun
	Body IssueReport
},
) (*answer[IssueDone], error) {
	report := &cards.Report{Store: in.Body.Store, Lines: in.Body.Lines}
	said, err := report.Said()
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	by, err := s.ofUnit(ctx, s.office(in.Dry).People, in.Body.Signed, cards.ActIssue, report.Store, said.What())
	if err != nil {
		return nil, err
	}
	office, err := s.counters(ctx, in.Dry)
	if err != nil {
		return nil, err
	}
	done, err := office.Issue(ctx, report, by)
	if err != nil {
		return nil, s.ofCards(ctx, err)
	}
	out := IssueDone{Issued: done.Issued, Spoilt: done.Spoilt, Repeated: done.Repeated, Disputes: []IssueDispute{}}
	for _, d := range done.Disputes {
		out.Disputes = append(out.Disputes, IssueDispute{d.Line, d.What.In(callerOf(ctx).language)})
	}
	return &answer[IssueDone]{out}, nil
}

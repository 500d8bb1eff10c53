package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"citycard/clearing/csvfile"
	"citycard/clearing/people/access"
	"citycard/clearing/transit/load"
	"citycard/language"
	"citycard/ledger"
)

// AskingInvoice asks for the invoice of a paid order, or for its red letter.
type AskingInvoice struct {
	Channel string    `json:"channel" minLength:"1" maxLength:"56" doc:"ID of the channel that was paid"`
	Order   string    `json:"order" pattern:"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$" doc:"The channel's number"`
	Red     bool      `json:"red,omitempty" doc:"Ask for the red letter of the invoice that was issued"`
	Signed  Signature `json:"signed" doc:"Statement of the act \"ask load invoice\": its what is \"invoice of order ORDER of channel:CHANNEL\", or \"red letter of the invoice of order ORDER of channel:CHANNEL\""`
}

// LoadInvoice is how the invoice of an order stands.
type LoadInvoice struct {
	Channel  string            `json:"channel"`
	Order    string            `json:"order"`
	State    load.InvoiceState `json:"state" doc:"none, asked, issued, red_asked, red_lettered"`
	Fen      ledger.Fen        `json:"fen"`
	Invoice  string            `json:"invoice,omitempty" doc:"Its number"`
	Red      string            `json:"red,omitempty" doc:"That of its red letter"`
	Repeated bool              `json:"repeated,omitempty" doc:"It was asked for before; nothing was done"`
}

// InvoiceReplies is a file of the invoicing system's answers.
type InvoiceReplies struct {
	Content string    `json:"content" minLength:"1" maxLength:"1000000" doc:"The file: CSV with channel, order, do, amount, result, invoice; its last line has the SHA-256 of what is before"`
	Signed  Signature `json:"signed" doc:"Statement of the act \"take invoice answers\": its what is \"answers about invoices sha256:HASH, N rows\", with the hash of the last line"`
}

// RepliesTaken is what a file has come to.
type RepliesTaken struct {
	csvfile.Taken
	Repeated bool `json:"repeated,omitempty" doc:"The file was taken before; nothing was done"`
}

// repliesLimit bounds a file of answers, in bytes of the request.
const repliesLimit = 2 << 20

func (s *Server) registerInvoices() {
	ask := act("ask-load-invoice", "/v1/loads/invoices", "Ask for the invoice of a paid order",
		"Or for the red letter of one that was issued. The city's invoicing system makes it. May be repeated.", bodyLimit)
	ask.Tags = []string{"loads"}
	huma.Register(s.api, ask, s.askInvoice)
	take := act("take-invoice-answers", "/v1/loads/invoices/answers", "Take the invoicing system's answers",
		"Row by row: one that does not fit is kept with the reason. The same file again does nothing.", repliesLimit)
	take.Tags = []string{"loads"}
	huma.Register(s.api, take, s.takeReplies)
}

func (s *Server) invoices(dry bool) *load.Invoices {
	return &load.Invoices{Ledger: s.office(dry).Ledger, Owner: "api"}
}

func (s *Server) askInvoice(ctx context.Context, in *struct {
	DryRun
	Body AskingInvoice
},
) (*answer[LoadInvoice], error) {
	of := load.AskInvoice{Channel: in.Body.Channel, Order: in.Body.Order, Red: in.Body.Red}
	by, err := s.ofUnit(ctx, s.office(in.Dry).People, in.Body.Signed, load.ActAskInvoice, access.Channel(of.Channel), of.What())
	if err != nil {
		return nil, err
	}
	is, repeated, err := s.invoices(in.Dry).Ask(ctx, &of, by)
	return answered(ctx, s, LoadInvoice{is.Channel, is.Order, is.State, is.Fen, is.Number, is.Red, repeated}, err)
}

func (s *Server) takeReplies(ctx context.Context, in *struct {
	DryRun
	Body InvoiceReplies
},
) (*answer[RepliesTaken], error) {
	replies, err := load.ReadAnswers([]byte(in.Body.Content))
	if err != nil {
		return nil, s.ofField(ctx, "body.content", language.Textf("%w", err))
	}
	by, err := s.alone(ctx, s.office(in.Dry).People, in.Body.Signed, load.ActAnswers)
	if err == nil {
		err = s.saying(ctx, by, replies.What())
	}
	if err != nil {
		return nil, err
	}
	taken, repeated, err := s.invoices(in.Dry).Take(ctx, replies, by)
	return answered(ctx, s, RepliesTaken{taken, repeated}, err)
}

// AskInvoice signs that an invoice is asked for.
func (c *Client) AskInvoice(ctx context.Context, of *load.AskInvoice, reason string, dry bool) (LoadInvoice, error) {
	signed, err := c.sign(ctx, load.ActAskInvoice, of.What(), reason, dry)
	if err != nil {
		return LoadInvoice{}, err
	}
	body, err := encode(AskingInvoice{of.Channel, of.Order, of.Red, signed})
	if err != nil {
		return LoadInvoice{}, err
	}
	return ask[LoadInvoice](ctx, c, call{method: http.MethodPost, path: "/v1/loads/invoices" + rehearsed(dry), body: body})
}

// TakeReplies signs that a file of answers is taken.
func (c *Client) TakeReplies(ctx context.Context, content []byte, reason string, dry bool) (RepliesTaken, error) {
	replies, err := load.ReadAnswers(content)
	if err != nil {
		return RepliesTaken{}, err
	}
	signed, err := c.sign(ctx, load.ActAnswers, replies.What(), reason, dry)
	if err != nil {
		return RepliesTaken{}, err
	}
	body, err := encode(InvoiceReplies{string(content), signed})
	if err != nil {
		return RepliesTaken{}, err
	}
	return ask[RepliesTaken](ctx, c, call{method: http.MethodPost, path: "/v1/loads/invoices/answers" + rehearsed(dry), body: body})
}

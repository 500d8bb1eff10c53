package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"citycard/clearing/cards"
	"citycard/language"
)

// BankWords is a file of the bank about the bank functions of cards.
type BankWords struct {
	Content string    `json:"content" minLength:"1" maxLength:"1000000" doc:"The file: CSV with number, state, day, sequence; its last line has the SHA-256 of what is before"`
	Signed  Signature `json:"signed" doc:"Statement of the act \"take bank file\": its what is \"bank file sha256:HASH, N rows\", with the hash of the last line"`
}

// BankTaken is what a file of the bank has come to.
type BankTaken struct {
	cards.BankTaken
	Repeated bool `json:"repeated,omitempty" doc:"The file was taken before; nothing was done"`
}

func (s *Server) registerBank() {
	take := act("take-bank-file", "/v1/cards/bank", "Take a file of the bank about bank functions",
		"Row by row: one that does not fit is kept with the reason. The same file again does nothing.", repliesLimit)
	take.Tags = []string{"cards"}
	huma.Register(s.api, take, s.takeBank)
}

func (s *Server) takeBank(ctx context.Context, in *struct {
	DryRun
	Body BankWords
},
) (*answer[BankTaken], error) {
	file, err := cards.ReadBankFile([]byte(in.Body.Content))
	if err != nil {
		return nil, s.ofField(ctx, "body.content", language.Textf("%w", err))
	}
	by, err := s.alone(ctx, s.office(in.Dry).People, in.Body.Signed, cards.ActBank)
	if err == nil {
		err = s.saying(ctx, by, file.What())
	}
	if err != nil {
		return nil, err
	}
	office, err := s.counters(ctx, in.Dry)
	if err != nil {
		return nil, err
	}
	taken, repeated, err := office.TakeBank(ctx, file, by)
	if err != nil {
		return nil, s.ofCards(ctx, err)
	}
	return &answer[BankTaken]{BankTaken{taken, repeated}}, nil
}

// TakeBank signs that a file of the bank is taken.
func (c *Client) TakeBank(ctx context.Context, content []byte, reason string, dry bool) (BankTaken, error) {
	file, err := cards.ReadBankFile(content)
	if err != nil {
		return BankTaken{}, err
	}
	signed, err := c.sign(ctx, cards.ActBank, file.What(), reason, dry)
	if err != nil {
		return BankTaken{}, err
	}
	body, err := encode(BankWords{string(content), signed})
	if err != nil {
		return BankTaken{}, err
	}
	return ask[BankTaken](ctx, c, call{method: http.MethodPost, path: "/v1/cards/bank" + rehearsed(dry), body: body})
}

package proposal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/language"
	"citycard/ledger"
)

// Kind is a kind of act that takes two people.
type Kind struct {
	// Name is for people, and in the proposer's statement: "account limit". The policy has a row
	// of that kind, or an act of that name. If the row says that one decision may be several
	// entries of the audit, these may be in several commits: the first one decides the proposal,
	// and the others go on with it.
	Name string
	// Complete makes the request of what somebody asks for, which may leave to the books what they
	// know: the rows that match, the card that has a number. It says what it has left out. The
	// request has its canonical form.
	Complete func(ctx context.Context, asked json.RawMessage) (json.RawMessage, []*language.Text, error)
	// Hold is called in the transaction that stores a proposal: content that is kept beside it
	// stays from then on. nil: there is none.
	Hold func(ctx context.Context, tx pgx.Tx, body json.RawMessage) error
	// Show reads what a request does, as things are now. It writes nothing. Its error says why the
	// act cannot be done, and what to do.
	Show func(ctx context.Context, body json.RawMessage) (*Change, error)
	// Do does it. change is what Show has made just now, and both people have signed it. Do must
	// refuse if one of the change's rows has moved since.
	Do func(ctx context.Context, body json.RawMessage, change *Change, by ledger.Approval) (Result, error)
}

// Result is what an act says when it is done.
type Result struct {
	Said []*language.Text
}

// Saying is a result of one text.
func Saying(text *language.Text) Result { return Result{[]*language.Text{text}} }

// Of is a kind whose request has the type T. Its JSON is the canonical one, so two requests that do
// the same have the same text.
func Of[T any](name string, show func(context.Context, T) (*Change, error), do func(context.Context, T, *Change, ledger.Approval) (Result, error)) Kind {
	read := func(body json.RawMessage) (request T, err error) {
		if err = decode(body, &request); err != nil {
			return request, language.Textf("%w (%s): %w", ErrRequest, name, err)
		}
		return request, nil
	}
	return Kind{
		Name:     name,
		Complete: completing(name, func(_ context.Context, request T) (T, []*language.Text, error) { return request, nil, nil }),
		Show: func(ctx context.Context, body json.RawMessage) (*Change, error) {
			request, err := read(body)
			if err != nil {
				return nil, err
			}
			return show(ctx, request)
		},
		Do: func(ctx context.Context, body json.RawMessage, change *Change, by ledger.Approval) (Result, error) {
			request, err := read(body)
			if err != nil {
				return Result{}, err
			}
			return do(ctx, request, change, by)
		},
	}
}

// Completed is a kind whose request of the type T is made of what somebody asks for, of the type A.
func Completed[A, T any](k Kind, complete func(context.Context, A) (T, []*language.Text, error)) Kind {
	k.Complete = completing(k.Name, complete)
	return k
}

// Holding is a kind of which a proposal holds content that is kept beside it.
func Holding[T any](k Kind, hold func(context.Context, pgx.Tx, T) error) Kind {
	k.Hold = func(ctx context.Context, tx pgx.Tx, body json.RawMessage) error {
		var request T
		if err := decode(body, &request); err != nil {
			return language.Textf("%w (%s): %w", ErrRequest, k.Name, err)
		}
		return hold(ctx, tx, request)
	}
	return k
}

// ErrForgotten refuses to propose a draft whose content was removed, since nobody had proposed it.
var ErrForgotten = language.Textf("what was drafted is not kept any more")

func completing[A, T any](name string, complete func(context.Context, A) (T, []*language.Text, error)) func(context.Context, json.RawMessage) (json.RawMessage, []*language.Text, error) {
	return func(ctx context.Context, text json.RawMessage) (json.RawMessage, []*language.Text, error) {
		var asked A
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&asked); err != nil {
			return nil, nil, language.Textf("%w (%s): %w", ErrRequest, name, err)
		}
		request, left, err := complete(ctx, asked)
		if err != nil {
			return nil, nil, err
		}
		body, err := Body(request)
		return body, left, err
	}
}

// Body is the text of a request.
func Body[T any](request T) (json.RawMessage, error) {
	body, err := canonical(request)
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	return body, nil
}

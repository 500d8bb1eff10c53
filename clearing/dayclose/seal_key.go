package dayclose

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/chain"
)

// PinRequest asks for a key to be the one that seals days.
type PinRequest struct {
	Key string `json:"key"` // the public key, in hex
}

// PinKind is the kind of proposal that pins a seal key.
func PinKind(l *ledger.Ledger) proposal.Kind {
	return proposal.Of(chain.ActPinSealKey, func(ctx context.Context, r PinRequest) (*proposal.Change, error) {
		return showPin(ctx, l, r)
	}, func(ctx context.Context, r PinRequest, shown *proposal.Change, by ledger.Approval) (proposal.Result, error) {
		key, err := r.public()
		if err != nil {
			return proposal.Result{}, err
		}
		check := by.Check
		by.Check = func(ctx context.Context, tx pgx.Tx) error {
			if now, err := ledger.SealKeyIn(ctx, tx); err != nil || hex.EncodeToString(now) != shown.Rows[0].State {
				return repinned(err)
			}
			return check(ctx, tx)
		}
		if _, err := l.PinSealKey(ctx, key, by); err != nil {
			return proposal.Result{}, err
		}
		return proposal.Saying(language.Textf("seal key %s is pinned", r.Key)), nil
	})
}

// PinEntry is what the audit has of a seal key that was pinned.
func PinEntry() proposal.Entry {
	return proposal.EntryOf(chain.ActPinSealKey, func(r PinRequest, shown *proposal.Change) (*proposal.Change, error) {
		row, err := shown.One()
		return r.change(row.State), err
	}, func(r PinRequest, change *proposal.Change, said string) error {
		row, err := change.One()
		if err != nil {
			return err
		}
		return proposal.ExpectJSON(said, chain.SealKeyPinned{Key: r.Key, Before: row.State})
	})
}

func repinned(err error) error {
	if err != nil {
		return err
	}
	return &proposal.Refusal{Text: language.Textf("another seal key was pinned just now"), Todo: language.Textf("look at it again")}
}

func (r PinRequest) public() (ed25519.PublicKey, error) {
	key, err := hex.DecodeString(r.Key)
	if err != nil || len(key) != ed25519.PublicKeySize || hex.EncodeToString(key) != r.Key {
		return nil, &proposal.Refusal{Text: language.Textf("%q is no public key", r.Key), Todo: language.Textf("give the key that citycard seal-key show prints")}
	}
	return key, nil
}

func showPin(ctx context.Context, l *ledger.Ledger, r PinRequest) (*proposal.Change, error) {
	key, err := r.public()
	if err != nil {
		return nil, err
	}
	now, _, err := l.SealKey(ctx)
	if err != nil {
		return nil, err
	}
	if key.Equal(now.Key) {
		return nil, &proposal.Refusal{Text: language.Textf("seal key %s is pinned already", r.Key), Todo: language.Textf("nothing is to be done")}
	}
	return r.change(hex.EncodeToString(now.Key)), nil
}

// change is that of the key that was pinned, in hex, to the request's.
func (r PinRequest) change(was string) *proposal.Change {
	row := proposal.RowOf("seal key", "", was).Alters("key", was, r.Key)
	return &proposal.Change{Unit: people.Issuer, Rows: []proposal.Row{row}, Effects: []proposal.Effect{
		proposal.Effectf("days are sealed with this key alone; what is sealed stays as it is"),
	}}
}

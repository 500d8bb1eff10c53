package server

import (
	"context"
	"errors"
	"path/filepath"

	"citycard/clearing/dayclose"
	"citycard/clearing/rules"
	"citycard/cmd/service"
	"citycard/ledger"
	"citycard/ledger/chain"
)

// Closer closes and seals days of a data directory.
type Closer struct {
	dayclose.Closer
	set *rules.Set
}

// ValueDate is the day on which operators' money of a day is due.
func (c *Closer) ValueDate(cleared ledger.Day) (ledger.Day, error) { return c.set.ValueDate(cleared) }

// NewCloser returns the Closer of a data directory.
func NewCloser(ctx context.Context, l *ledger.Ledger, dir string) (*Closer, error) {
	set, err := InForce(ctx, l)
	if err != nil {
		return nil, err
	}
	return &Closer{dayclose.Closer{
		Ledger: l, Owner: OwnerName(), Dir: filepath.Join(dir, "settlement"), Seals: filepath.Join(dir, "seals"), Rules: set.Payouts, Contracts: set.Contracts,
	}, set}, nil
}

// SealWith seals a day with the data directory's seal key, which must be there.
func (c *Closer) SealWith(ctx context.Context, dir string, day ledger.Day) (seal chain.Seal, err error) {
	if c.Signer, err = ReadSealKey(dir); err != nil {
		return seal, err
	}
	seal, err = c.Seal(ctx, day)
	if unpinned, ok := errors.AsType[*ledger.SignerError](err); ok {
		refused := service.Refuse("day %s is not sealed", day.String()).Because(unpinned)
		if unpinned.Pinned == nil {
			return seal, refused.Todo("two people pin it: citycard seal-key pin")
		}
		return seal, refused.Todo("seal with the city's own seal.key; where that is lost, two people pin this one: citycard seal-key pin")
	}
	if published, ok := errors.AsType[*dayclose.PublishedError](err); ok {
		return seal, service.Refuse("a seal of day %s was published that the books do not have", day.String()).Todo("the books were brought back to an earlier time: tell those who have %s and move it away, and seal again", published.File)
	}
	if err != nil {
		return seal, service.Refuse("day %s is not sealed", day.String()).Todo("close it first").Because(err)
	}
	return seal, nil
}

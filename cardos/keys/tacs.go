package keys

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
)

// Source is where a clearing process has its keys from: a key store's file ([Keyring]) or a key
// service.
type Source interface {
	// Held gives the keys as they are now, the same pointer as long as they are the same, or
	// fails with ErrOutdated if that cannot be said.
	Held(ctx context.Context) (*Held, error)
}

// TACs checks TACs in a process that keeps running while masters are rotated. Before it rejects
// anything it makes sure that it has the newest masters: a card gets its keys only after the
// source had them, and its records come later still. So nothing is rejected because a process was
// started before a rotation. The version in a record, which no card signs, does not influence
// when the source is asked.
//
// A hostile record costs one look for a whole batch. Where the first answer is yes, a look costs
// one pointer. It is safe for concurrent use.
type TACs struct {
	source Source // nil where the keys never change
	used   atomic.Pointer[verifying]
}

// verifying is what TACs are verified with.
type verifying struct {
	held     *Held
	verifier *TACVerifier
}

// NewTACs checks TACs under keys that do not change.
func NewTACs(held *Held) *TACs {
	t := &TACs{}
	t.used.Store(&verifying{held, held.TACVerifier()})
	return t
}

// FollowTACs checks TACs under the keys of a source. The error is the source's.
func FollowTACs(ctx context.Context, source Source) (*TACs, error) {
	held, err := source.Held(ctx)
	if err != nil {
		return nil, err
	}
	t := NewTACs(held)
	t.source = source
	return t, nil
}

// Format hides the keys from every fmt verb.
func (*TACs) Format(f fmt.State, _ rune) { hide(f, "[TAC masters]") }

// Held are the keys in use.
func (t *TACs) Held() *Held { return t.used.Load().held }

// Refresh takes newer keys of the source into use. It fails with ErrOutdated as long as it cannot
// say whether there are any, or if they lack some that are in use.
func (t *TACs) Refresh(ctx context.Context) error {
	if t.source == nil {
		return nil
	}
	now, err := t.source.Held(ctx)
	if err != nil {
		return err
	}
	used := t.used.Load()
	switch {
	case now == used.held, used.held.includes(now):
	case now.includes(used.held):
		t.used.CompareAndSwap(used, &verifying{now, now.TACVerifier()})
	default:
		return fmt.Errorf("%w: %w", ErrOutdated, errFewer)
	}
	return nil
}

// newer returns what the question must be repeated with, or nil, which is the usual case. used is
// what gave the first answers, ok these answers.
func (t *TACs) newer(ctx context.Context, used *verifying, ok []bool) (*verifying, error) {
	if !slices.Contains(ok, false) {
		return nil, nil
	}
	if err := t.Refresh(ctx); err != nil {
		return nil, err
	}
	if now := t.used.Load(); now != used {
		return now, nil
	}
	return nil, nil
}

// VerifyPurchases does the same as TACVerifier.VerifyPurchases, or fails with ErrOutdated; after
// that error a false in ok means nothing.
func (t *TACs) VerifyPurchases(ctx context.Context, records []PurchaseRecord, ok []bool) error {
	used := t.used.Load()
	used.verifier.VerifyPurchases(records, ok)
	newer, err := t.newer(ctx, used, ok)
	if newer != nil {
		newer.verifier.VerifyPurchases(records, ok)
	}
	return err
}

// VerifyLoads does the same as TACVerifier.VerifyLoads, or fails as VerifyPurchases does.
func (t *TACs) VerifyLoads(ctx context.Context, records []LoadRecord, ok []bool) error {
	used := t.used.Load()
	used.verifier.VerifyLoads(records, ok)
	newer, err := t.newer(ctx, used, ok)
	if newer != nil {
		newer.verifier.VerifyLoads(records, ok)
	}
	return err
}

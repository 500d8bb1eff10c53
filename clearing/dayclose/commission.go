package dayclose

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/clearing/transit/load"
	"citycard/ledger"
)

// commissions books what the channels have earned for a day's loads, before the day's positions are
// stated: the position of a channel has it. A run after an interrupted one, or after a reopening,
// books the difference to what is booked.
func (c *Closer) commissions(ctx context.Context, day ledger.Day, round int) error {
	if c.Contracts == nil {
		return nil
	}
	edition, err := registry.NewStore(c.Ledger.Pool()).Load(ctx, registry.Channels)
	if errors.Is(err, registry.ErrEmpty) {
		return nil
	}
	if err != nil {
		return err
	}
	transfers := func() ([]ledger.Transfer, error) {
		turnovers, err := c.Ledger.Turnovers(ctx, day)
		if err != nil {
			return nil, fmt.Errorf("commission of day %s: %w", day, err)
		}
		return c.earned(day, round, edition.Channels(), turnovers), nil
	}
	first, err := transfers()
	if err != nil || len(first) == 0 {
		return err
	}
	out, err := c.Ledger.PostOnce(ctx, settlementStream(day, round), c.Owner, day, func(b *ledger.Batch) (err error) {
		if b.Day == day { // else the day has ended, and its close has booked them
			b.Transfers, err = transfers()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("book commission of day %s: %w", day, err)
	}
	if out == nil {
		return nil
	}
	for i, answer := range out.Transfers {
		var because *ledger.TransferError
		frozen := errors.As(answer.Err, &because) && (because.Reason == ledger.AccountClosed || because.Reason == ledger.AccountFrozen)
		if answer.Disputed || answer.Result != ledger.Inserted && answer.Result != ledger.Duplicate && !frozen {
			return fmt.Errorf("commission of day %s: transfer %d: %w", day, i, answer.Err)
		}
	}
	return nil
}

// earned are the transfers of commission that is earned and not booked.
func (c *Closer) earned(day ledger.Day, round int, channels []index.Channel, turnovers []ledger.Turnover) (transfers []ledger.Transfer) {
	for i := range channels {
		code := chart.Channel(channels[i].ID)
		contract, ok := c.Contracts.On(day, channels[i].ID)
		loads, sum, booked := load.Turnover(code, turnovers)
		if !ok {
			continue
		}
		left := contract.Commission(loads, sum) - booked
		if left == 0 {
			continue
		}
		t := ledger.Transfer{
			Day: day, Subject: ledger.Subject(code), ID: identity.Settlement(fmt.Sprintf("commission.%d", round)),
			Debit: ledger.IDOfCode(chart.Commission), Credit: ledger.IDOfCode(code), Amount: left, Purpose: chart.PurposeCommission,
			Evidence: fmt.Appendf(nil, "%d loads, %d fen, contract %s", loads, sum, c.Contracts.Version(day)),
		}
		if left < 0 {
			t.Debit, t.Credit, t.Amount = t.Credit, t.Debit, -left
		}
		transfers = append(transfers, t)
	}
	slices.SortFunc(transfers, func(a, b ledger.Transfer) int { return strings.Compare(string(a.Subject), string(b.Subject)) })
	return transfers
}

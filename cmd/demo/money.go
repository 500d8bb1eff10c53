package demo

import (
	"context"
	"time"

	"citycard/clearing/chart"
	"citycard/clearing/receipt"
	"citycard/ledger"
)

// remit books the channels' money as received, since their banks pay on the same day.
func (d *demo) remit(ctx context.Context) error {
	for _, channel := range d.server.Registry.Current().Channels() {
		code := chart.Channel(channel.ID)
		sums, err := d.base.Books.Balance(ctx, code)
		if err != nil {
			return err
		}
		if owed := sums.Debits - sums.Credits; owed > 0 {
			if err := d.receive(ctx, code, owed, channel.ID+" "+d.day.String()); err != nil {
				return err
			}
		}
	}
	return nil
}

// receive books money as received at the bank.
func (d *demo) receive(ctx context.Context, account string, fen ledger.Fen, reference string) error {
	r, err := receipt.New(account, fen, reference)
	if err != nil {
		return err
	}
	office := &receipt.Office{Ledger: d.base.Books.Ledger, Owner: d.server.Owner}
	_, err = office.Book(ctx, r, byDemonstrators("the day begins and ends with what the banks report"))
	return err
}

// byDemonstrators is the approval of two people whom only a demonstration has.
func byDemonstrators(reason string) ledger.Approval {
	return ledger.Approval{First: "demo ann", Second: "demo bob", Reason: reason, At: time.Now()}
}

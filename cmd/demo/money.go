package demo

import (
	"context"

	"citycard/clearing/chart"
	"citycard/clearing/receipt"
	"citycard/cmd/demostaff"
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
	request := receipt.BookRequest{Account: r.Account, Fen: r.Fen, Reference: r.Reference}
	return demostaff.Two(ctx, d.staff, demostaff.Ann, demostaff.Bob, receipt.ActBook, request, "the day begins and ends with what the banks report")
}

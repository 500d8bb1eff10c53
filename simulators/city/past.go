package city

import (
	"context"
	"fmt"
	"time"

	"citycard/cardos/bcd"
	"citycard/cardos/tunion"
	"citycard/simulators/document"
	"citycard/simulators/network"
	"citycard/simulators/truth"
	"citycard/terminals/card"
)

// rode adds a ride to those that the card shows: what it has from before the last two leads to
// nothing any more.
func (w *wallet) rode(r truth.Ridden) {
	w.past = append([]truth.Ridden{r}, w.past[:min(len(w.past), 1)]...)
}

// byBus is a ride on a bus line, as its card shows it.
func (d *day) byBus(line int, at time.Time) truth.Ridden {
	_, operator := d.Town.Operator(network.Bus, line)
	return truth.Ridden{Operator: operator, Began: at.Unix(), Paid: at.Unix()}
}

// byMetro is a trip that ends at a gate of a line.
func (d *day) byMetro(line int, entered, left time.Time) truth.Ridden {
	_, operator := d.Town.Operator(network.Metro, line)
	return truth.Ridden{Metro: true, Operator: operator, Began: entered.Unix(), Paid: left.Unix()}
}

// busFen is the price of a ride in fen, by the transfer that leads to it, 0 for none.
func (d *day) busFen(w *wallet, line int, at time.Time) (fen int64, transfer int, err error) {
	prices := d.Town.Rules.Fares(document.MomentOf(at))
	transfer = prices.Transfer(d.byBus(line, at), w.past...)
	fen, err = prices.BusAfter(transfer, uint32(w.card.Type), uint32(line), prices.Band(document.MomentOf(at)))
	return fen, transfer, err
}

// tripFen is the price of a trip in fen, from one station to another, out by a gate of a line.
func (d *day) tripFen(w *wallet, line, entry, exit int, entered, left time.Time) (int64, error) {
	prices := d.Town.Rules.Fares(document.MomentOf(left))
	transfer := prices.Transfer(d.byMetro(line, entered, left), w.past...)
	return prices.MetroAfter(transfer, uint32(w.card.Type), entry, exit, left.Sub(entered), prices.TripBand(document.MomentOf(entered), document.MomentOf(left)))
}

// shown reads the last two rides that a card shows from the days before.
func shown(ctx context.Context, w *wallet, zone *time.Location) (past []truth.Ridden, err error) {
	p, err := card.OpenPurse(ctx, w.chip)
	if err != nil {
		return nil, err
	}
	for n := 1; len(past) < 2; n++ {
		last, err := p.Journey(ctx, n)
		if err != nil || last.Empty() {
			return past, err
		}
		at, err := bcd.ParseTime(last.Time, zone)
		if err != nil {
			return past, fmt.Errorf("journey %d: %w", n, err)
		}
		r := truth.Ridden{Metro: last.Industry == tunion.IndustryMetro, Operator: int(last.Operator()), Began: at.Unix(), Paid: at.Unix()}
		switch last.Type {
		case tunion.JourneySingle:
		case tunion.JourneyExit:
			n++
			entry, err := p.Journey(ctx, n)
			if err != nil {
				return past, err
			}
			if at, err = bcd.ParseTime(entry.Time, zone); err != nil {
				return past, fmt.Errorf("journey %d: %w", n, err)
			}
			r.Began = at.Unix()
		default: // a correction at a desk, or an entry of a trip that goes on
			return past, nil
		}
		past = append(past, r)
	}
	return past, nil
}

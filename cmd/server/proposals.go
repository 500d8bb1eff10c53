package server

import (
	"context"
	"time"

	"citycard/clearing/cards"
	"citycard/clearing/chart"
	"citycard/clearing/dayclose"
	"citycard/clearing/owed"
	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/clearing/quarantine"
	"citycard/clearing/receipt"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/clearing/release"
	"citycard/clearing/rulefile"
	"citycard/clearing/rules"
	"citycard/clearing/transit/load"
	"citycard/clearing/transit/unconfirmed"
	"citycard/ledger"
)

// Proposals is the office for all kinds of acts that take two people.
func Proposals(l *ledger.Ledger) (*proposal.Office, error) {
	store, err := people.NewStore(l)
	if err != nil {
		return nil, err
	}
	kinds := append(proposal.Staff(store), chart.LimitKind(l), chart.MarkKind(l), dayclose.ReopenKind(l), dayclose.PinKind(l), dayclose.WithoutKind(l), quarantine.Kind(l))
	kinds = append(kinds, receipt.Kinds(&receipt.Office{Ledger: l, Owner: OwnerName()})...)
	kinds = append(kinds, release.Kinds(func(ctx context.Context) (*release.Office, error) {
		office, err := Releases(ctx, l)
		return office, ofBooks(err)
	})...)
	kinds = append(kinds, (&load.Withdrawals{Ledger: l, Owner: OwnerName()}).Kind())
	kinds = append(kinds, unconfirmed.Kind(&unconfirmed.Office{Ledger: l, Owner: OwnerName()}))
	counters := cardsOffice(l, new(inForce), func(ctx context.Context) (*time.Location, error) { return Zone(ctx, l) }, nil)
	kinds = append(kinds, counters.Stock().Kinds()...)
	kinds = append(kinds, cards.CashKind(counters), cards.ConsentKind(counters))
	kinds = append(kinds, registryKind(l), registry.PublishKind(l, func(ctx context.Context) (index.Moment, error) { return moment(ctx, l) }), rules.ChangeKind(&rules.Store{Ledger: l}))
	return &proposal.Office{Ledger: l, People: store, Kinds: kinds}, nil
}

// moment is the present one in the city's zone.
func moment(ctx context.Context, l *ledger.Ledger) (index.Moment, error) {
	zone, err := Zone(ctx, l)
	if err != nil {
		return 0, err
	}
	return index.MomentAt(time.Now().In(zone)), nil
}

// Owed is by what it is judged what is owed to the holders of cards, by the rules in force now.
func Owed(ctx context.Context, l *ledger.Ledger) (owed.Figures, error) {
	office, err := Releases(ctx, l)
	if err != nil {
		return owed.Figures{}, err
	}
	return owed.Figures{Today: office.Today, Days: office.RefundAfterDays}, nil
}

// Releases is the office for money that waits, by the rules in force now.
func Releases(ctx context.Context, l *ledger.Ledger) (*release.Office, error) {
	zone, err := Zone(ctx, l)
	if err != nil {
		return nil, err
	}
	set, err := InForce(ctx, l)
	if err != nil {
		return nil, err
	}
	now := time.Now().In(zone)
	days := set.Loads.At(rulefile.MomentOf(now)).RefundAfterDays
	return &release.Office{Ledger: l, Owner: OwnerName(), RefundAfterDays: days, Today: ledger.DayOf(now)}, nil
}

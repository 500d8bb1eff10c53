package specimen

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/terminals/counter"
)

// Kind is a kind of specimen.
type Kind string

// Kinds.
const (
	Transit   Kind = "tunion"
	CityUnion Kind = "city-union" // tunion with an application of the older city union
	SocialV1  Kind = "ssc-v1"
	SocialV2  Kind = "ssc-v2"
	SocialV3  Kind = "ssc-v3"
	Dual      Kind = "dual" // both applications, social security of version 3
	PSAM      Kind = "psam"
)

// PIN is every specimen's.
const PIN = "123456"

// keySeed is the seed of all specimens' masters.
const keySeed = 1

// Kinds lists the kinds.
func Kinds() []Kind { return []Kind{Transit, CityUnion, SocialV1, SocialV2, SocialV3, Dual, PSAM} }

// Known reports whether a kind is one of Kinds.
func Known(k Kind) bool { return slices.Contains(Kinds(), k) }

// Keys are the test masters of all specimens.
func Keys() *keys.Store { return keys.GenerateTest(keySeed) }

// New makes a card as it is on a date. It has no power.
func New(ctx context.Context, kind Kind, seed uint64, date time.Time) (*chip.Chip, error) {
	m := &maker{
		store: Keys(), seed: seed, now: time.Date(date.Year(), date.Month(), date.Day(), 20, 0, 0, 0, time.UTC),
		random: rand.New(rand.NewPCG(seed, 0x7370_6563)),
	}
	m.person = m.invent()
	card, err := m.make(ctx, kind)
	if err != nil {
		return nil, fmt.Errorf("specimen %s, seed %d: %w", kind, seed, err)
	}
	card.PowerOff()
	return card, nil
}

// maker makes one card.
type maker struct {
	store  *keys.Store
	seed   uint64
	now    time.Time
	random *rand.Rand
	person person
}

func (m *maker) make(ctx context.Context, kind Kind) (*chip.Chip, error) {
	switch kind {
	case Transit:
		card := chip.NewTransit(m.seed)
		return card, m.transit(ctx, card)
	case CityUnion:
		app, err := m.cityUnion()
		if err != nil {
			return nil, err
		}
		card := chip.NewCityUnion(m.seed, app)
		return card, m.transit(ctx, card)
	case SocialV1:
		card := chip.NewSocialSecurityV1(m.seed)
		return card, m.social(ctx, card, "1.00")
	case SocialV2, SocialV3:
		card := chip.NewSocialSecurity(m.seed)
		version := "2.00"
		if kind == SocialV3 {
			version = "3.00"
		}
		return card, m.social(ctx, card, version)
	case Dual:
		card := chip.NewDual(m.seed)
		if err := m.social(ctx, card, "3.00"); err != nil {
			return nil, err
		}
		return card, m.transit(ctx, card)
	case PSAM:
		return chip.NewPSAM(m.terminal(0x90, 0), m.store.IssuerSAMKeys()), nil
	}
	return nil, fmt.Errorf("kind %q, want one of %q", kind, Kinds())
}

// terminal is the number of a SAM: 4910, its kind, and the seed and a number within it.
func (m *maker) terminal(kind, number byte) [6]byte {
	return [6]byte{0x49, 0x10, kind, digits(m.seed / 100), digits(m.seed), digits(uint64(number) + 1)}
}

// digits packs the last two decimal digits.
func digits(n uint64) byte { return byte(n/10%10<<4 | n%10) }

// issue personalises a card through its commands.
func (m *maker) issue(ctx context.Context, card *chip.Chip, order counter.Order) error {
	_, err := counter.Personalise(ctx, card, card.PowerOn(), m.store, order)
	return err
}

package city

import (
	"context"
	"fmt"
	"time"

	"citycard/cardos/chip"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/simulators/network"
	"citycard/simulators/plan"
	"citycard/terminals/counter"
	"citycard/terminals/desk"
	"citycard/terminals/gate"
	"citycard/terminals/sam"
	"citycard/terminals/validator"
)

// holderPIN is every simulated holder's PIN.
const holderPIN = "123456"

// field holds a lot's terminals, each with its own SAM. A terminal is set up when it is first used.
type field struct {
	*lot
	sams   map[[6]byte]*chip.Chip
	gates  map[stand]*gate.Gate
	buses  map[stand]*validator.Validator
	access *sam.Access
}

// stand is the place of a terminal.
type stand struct {
	line, station int
	stray         bool // its SAM is in no registry
}

func newField(l *lot) *field {
	return &field{
		lot: l, sams: map[[6]byte]*chip.Chip{}, gates: map[stand]*gate.Gate{}, buses: map[stand]*validator.Validator{},
	}
}

// chipOf returns the SAM with a number: as it was after the day before, or a new one.
func (f *field) chipOf(kind plan.Kind, place, lot int) (*chip.Chip, error) {
	number, err := plan.Terminal(kind, place, lot)
	if err != nil {
		return nil, err
	}
	var c *chip.Chip
	if image, used := f.memory.sams[number]; used {
		if c, err = chip.Load(image); err != nil {
			return nil, fmt.Errorf("SAM %x: %w", number, err)
		}
	} else {
		c = chip.NewPSAM(number, f.Keys.SAMKeys())
	}
	c.PowerOn()
	f.sams[number] = c
	return c, nil
}

func (f *field) module(ctx context.Context, kind plan.Kind, place, lot int) (*sam.Module, error) {
	c, err := f.chipOf(kind, place, lot)
	if err != nil {
		return nil, err
	}
	return sam.Open(ctx, c)
}

// gate finds the lot's gate of a line in a station.
func (f *field) gate(ctx context.Context, line, station int) (*gate.Gate, error) {
	where := stand{line: line, station: station}
	if g := f.gates[where]; g != nil {
		return g, nil
	}
	module, err := f.module(ctx, plan.Gate, station, plan.GateLot(line, f.number))
	if err != nil {
		return nil, err
	}
	_, operator := f.Town.Operator(network.Metro, line)
	g, err := gate.New(module, f.Fares, gate.Place{
		City: tunion.ZhengzhouCity, Institution: plan.Issuer(), Operator: uint16(operator), Line: uint16(line), Station: uint16(station),
		Medium: message.Medium_MEDIUM_CONTACTLESS,
	})
	if err != nil {
		return nil, err
	}
	f.gates[where] = g
	return g, nil
}

func (f *field) enter(ctx context.Context, card *chip.Chip, line, station int, now time.Time) (*message.Tap, error) {
	g, err := f.gate(ctx, line, station)
	if err != nil {
		return nil, err
	}
	return g.Enter(ctx, card, now)
}

func (f *field) leave(ctx context.Context, card *chip.Chip, line, station int, now time.Time) (*message.Tap, error) {
	g, err := f.gate(ctx, line, station)
	if err != nil {
		return nil, err
	}
	return g.Exit(ctx, card, now)
}

// ride charges a fare on the lot's bus of a line.
func (f *field) ride(ctx context.Context, card *chip.Chip, line int, stray bool, now time.Time) (*message.Tap, error) {
	v, err := f.bus(ctx, line, stray)
	if err != nil {
		return nil, err
	}
	return v.Ride(ctx, card, now)
}

// bus finds the lot's bus of a line; the SAM of a stray bus is not in the registry.
func (f *field) bus(ctx context.Context, line int, stray bool) (*validator.Validator, error) {
	kind := plan.Validator
	if stray {
		kind = plan.StrayValidator
	}
	where := stand{line: line, stray: stray}
	v := f.buses[where]
	if v == nil {
		module, err := f.module(ctx, kind, line, f.number)
		if err != nil {
			return nil, err
		}
		_, operator := f.Town.Operator(network.Bus, line)
		v, err = validator.New(module, f.Fares, validator.Place{
			City: tunion.ZhengzhouCity, Institution: plan.Issuer(), Operator: uint16(operator), Line: uint16(line),
			Vehicle: fmt.Sprintf("M%03d%02d", line, f.number), Medium: message.Medium_MEDIUM_CONTACTLESS,
		})
		if err != nil {
			return nil, err
		}
		f.buses[where] = v
	}
	return v, nil
}

// topUp puts money on a card at the lot's machine.
func (f *field) topUp(ctx context.Context, card *chip.Chip, order string, amount int64, now time.Time) (*message.Load, error) {
	terminal, err := plan.Terminal(plan.Counter, 0, f.number)
	if err != nil {
		return nil, err
	}
	channels := f.Town.Channels
	channel := channels[f.dice.IntN(len(channels))].ID
	if channel == f.Town.CounterChannel() && len(channels) > 1 { // its cash is counted in shifts, and a machine has none
		channel = channels[1].ID
	}
	return counter.TopUp(ctx, card, f.Authority, counter.Load{
		Order: order, Channel: channel, Amount: uint32(amount),
		Terminal: terminal, At: now, Medium: message.Medium_MEDIUM_CONTACTLESS,
	})
}

// settle claims a visit's costs: card, PIN, claim.
func (f *field) settle(ctx context.Context, h *holder, v *visit, number string, now time.Time) (*message.MedicalClaim, error) {
	if f.access == nil {
		c, err := f.chipOf(plan.Desk, 0, f.number)
		if err != nil {
			return nil, err
		}
		if f.access, err = sam.OpenAccess(ctx, c); err != nil {
			return nil, err
		}
	}
	d := desk.Desk{Hospital: v.hospital.ID, Access: f.access, Token: f.Keys.PersonToken}
	bill := desk.Bill{
		Settlement: number, Visit: "V" + number[1:], Kind: v.kind, Total: v.costs.total, OwnPay: v.costs.ownPay,
		OverLimit: v.costs.overLimit, FirstPay: v.costs.firstPay, InScope: v.costs.inScope,
	}
	atr := h.chip.PowerOn() // the card is put into the desk's reader
	return d.Claim(ctx, h.chip, atr, holderPIN, bill, now)
}

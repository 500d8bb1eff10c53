package passenger

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"time"

	"citycard/cardos/chip"
)

// Debit is a payment that a card has made.
type Debit struct {
	Issuer   [8]byte
	Number   [10]byte
	Type     byte
	Fen      uint32
	Terminal [6]byte
	Sequence uint32  // of the SAM
	Time     [7]byte // as the card signed it
	Counter  uint16  // the card's own
	Balance  int32   // afterwards; below 0: overdrawn
	Answered bool    // the card gave its answer; whether that arrived, it does not know
}

// Credit is money that a card has got.
type Credit struct {
	Issuer   [8]byte
	Number   [10]byte
	Type     byte
	Fen      uint32
	Terminal [6]byte
	Sequence uint16  // the card's own
	Time     [7]byte // as the card signed it
	Balance  int32   // afterwards; below 0: overdrawn
	Answered bool    // the card gave its answer; whether that arrived, it does not know
}

// Card is a transit card that keeps an account of what it pays and gets. It is safe for concurrent
// use.
type Card struct {
	chip *chip.Chip

	mu      sync.Mutex
	begun   payment // by the last INITIALIZE
	debits  []Debit
	credits []Credit
	tears   *chip.Moment  // of the next credit
	powered int           // how often it got power
	talked  bool          // since it was put in, or let go
	let     chan struct{} // closed when a terminal has let it go
}

// payment is what a card was asked to pay, or was promised.
type payment struct {
	fen      uint32
	terminal [6]byte
	kind     byte
}

// Of returns a card that begins its account now.
func Of(c *chip.Chip) *Card { return &Card{chip: c, let: make(chan struct{})} }

// Chip is the chip of the card.
func (c *Card) Chip() *chip.Chip { return c.chip }

// Debits are all payments so far.
func (c *Card) Debits() []Debit {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.debits)
}

// Credits are all loads so far.
func (c *Card) Credits() []Credit {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.credits)
}

// Tear has the card lose its power at its next credit.
func (c *Card) Tear(at chip.Moment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tears = &at
}

// PowerOn implements vcard.Card.
func (c *Card) PowerOn() []byte {
	c.letGo()
	c.mu.Lock()
	c.powered++
	c.mu.Unlock()
	return c.chip.PowerOn()
}

// Reset implements vcard.Card.
func (c *Card) Reset() []byte { return c.PowerOn() }

// PowerOff implements vcard.Card.
func (c *Card) PowerOff() {
	c.letGo()
	c.chip.PowerOff()
}

// letGo notes that the terminal which talked to the card has ended.
func (c *Card) letGo() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun = payment{}
	if c.talked {
		c.talked = false
		close(c.let)
		c.let = make(chan struct{})
	}
}

// leaves is closed when the next terminal, or the present one, has let the card go.
func (c *Card) leaves() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.let
}

// Instructions that an account is made of.
const (
	insInitialize = 0x50
	insCredit     = 0x52
	insDebit      = 0x54
	initializeLen = 5 + 11 // header, key index, amount, terminal
	creditLen     = 5 + 11 // header, time, MAC2
	debitLen      = 5 + 15 // header, SAM sequence, time, MAC1
)

// Transmit implements vcard.Card.
func (c *Card) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.talked = true
	debits := len(command) >= debitLen && command[0] == 0x80 && command[1] == insDebit
	credits := len(command) >= creditLen && command[0] == 0x80 && command[1] == insCredit
	if !debits && !credits {
		answer, err := c.chip.Transmit(ctx, command)
		if err == nil {
			c.begin(command, answer)
		}
		return answer, err
	}
	if credits && c.tears != nil {
		c.chip.LosePower(*c.tears)
		c.tears = nil
	}
	before := c.chip.Describe().Transit
	answer, err := c.chip.Transmit(ctx, command)
	if failed := c.note(command, before, c.chip.Describe().Transit, err == nil); failed != nil {
		return nil, failed
	}
	return answer, err
}

// note notes what a command has made permanent.
func (c *Card) note(command []byte, before, after *chip.TransitDescribed, answered bool) error {
	switch {
	case before == nil || after == nil:
	case after.OfflineSequence != before.OfflineSequence:
		d, err := c.debit(command, after)
		d.Answered = answered
		c.debits = append(c.debits, d)
		return err
	case after.OnlineSequence != before.OnlineSequence:
		issuer, number, err := identity(after)
		c.credits = append(c.credits, Credit{
			Issuer: issuer, Number: number, Type: c.begun.kind, Fen: c.begun.fen, Terminal: c.begun.terminal, Sequence: before.OnlineSequence,
			Time: [7]byte(command[5:]), Balance: after.BalanceFen, Answered: answered,
		})
		return err
	}
	return nil
}

// begin notes what the card is asked to pay, or is promised, where a command says so.
func (c *Card) begin(command, answer []byte) {
	if len(command) < initializeLen || command[0] != 0x80 || command[1] != insInitialize || len(answer) < 2 || answer[len(answer)-2] != 0x90 {
		return
	}
	const load, plain, composite = 0, 1, 3 // P1
	kinds := map[byte]byte{load: 0x02, plain: 0x06, composite: 0x09}
	if kind, moves := kinds[command[2]]; moves {
		c.begun = payment{binary.BigEndian.Uint32(command[6:]), [6]byte(command[10:]), kind}
	}
}

// debit is the payment that a command has made permanent.
func (c *Card) debit(command []byte, after *chip.TransitDescribed) (Debit, error) {
	issuer, number, err := identity(after)
	if err != nil {
		return Debit{}, err
	}
	return Debit{
		Issuer: issuer, Number: number, Type: c.begun.kind, Fen: c.begun.fen, Terminal: c.begun.terminal,
		Sequence: binary.BigEndian.Uint32(command[5:]), Time: [7]byte(command[9:]), Counter: after.OfflineSequence - 1, Balance: after.BalanceFen,
	}, nil
}

// identity is what a card is known by.
func identity(of *chip.TransitDescribed) (issuer [8]byte, number [10]byte, err error) {
	first, err := hex.DecodeString(of.Issuer)
	if err != nil || len(first) != len(issuer) {
		return issuer, number, fmt.Errorf("the card's issuer is %q, want 16 digits", of.Issuer)
	}
	second, err := hex.DecodeString(of.Number)
	if err != nil || len(second) != len(number) {
		return issuer, number, fmt.Errorf("the card's number is %q, want 20 digits", of.Number)
	}
	return [8]byte(first), [10]byte(second), nil
}

// powers is how often the card has got power.
func (c *Card) powers() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.powered
}

// seen waits until a reader has given the card power, which had it so many times before it was put
// in. The slot itself does so once, and asks nothing.
func (c *Card) seen(ctx context.Context, before int) error {
	ctx, cancel := context.WithTimeout(ctx, unseen)
	defer cancel()
	const bySlot = 1
	for c.powers() <= before+bySlot {
		if pause(ctx, 10*time.Millisecond); ctx.Err() != nil {
			return ErrNotServed
		}
	}
	return nil
}

func pause(ctx context.Context, of time.Duration) {
	timer := time.NewTimer(of)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

package passenger

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"

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
	Balance  uint32  // afterwards
	Answered bool    // the card gave its answer; whether that arrived, it does not know
}

// Card is a transit card that keeps an account of what it pays. It is safe for concurrent use.
type Card struct {
	chip *chip.Chip

	mu     sync.Mutex
	begun  payment // by the last INITIALIZE
	debits []Debit
	talked bool          // since it was put in, or let go
	let    chan struct{} // closed when a terminal has let it go
}

// payment is what a card was asked to pay.
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

// PowerOn implements vcard.Card.
func (c *Card) PowerOn() []byte {
	c.letGo()
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
	insDebit      = 0x54
	initializeLen = 5 + 11 // header, key index, amount, terminal
	debitLen      = 5 + 15 // header, SAM sequence, time, MAC1
)

// Transmit implements vcard.Card.
func (c *Card) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.talked = true
	if len(command) < debitLen || command[0] != 0x80 || command[1] != insDebit {
		answer, err := c.chip.Transmit(ctx, command)
		if err == nil {
			c.begin(command, answer)
		}
		return answer, err
	}
	before := c.chip.Describe().Transit
	answer, err := c.chip.Transmit(ctx, command)
	after := c.chip.Describe().Transit
	if before == nil || after == nil || after.OfflineSequence == before.OfflineSequence {
		return answer, err
	}
	d, failed := c.debit(command, after)
	if failed != nil {
		return nil, failed
	}
	d.Answered = err == nil
	c.debits = append(c.debits, d)
	return answer, err
}

// begin notes what the card is asked to pay, where a command says so.
func (c *Card) begin(command, answer []byte) {
	if len(command) < initializeLen || command[0] != 0x80 || command[1] != insInitialize || len(answer) < 2 || answer[len(answer)-2] != 0x90 {
		return
	}
	const plain, composite = 1, 3 // P1
	kinds := map[byte]byte{plain: 0x06, composite: 0x09}
	if kind, pays := kinds[command[2]]; pays {
		c.begun = payment{binary.BigEndian.Uint32(command[6:]), [6]byte(command[10:]), kind}
	}
}

// debit is the payment that a command has made permanent.
func (c *Card) debit(command []byte, after *chip.TransitDescribed) (Debit, error) {
	issuer, err := hex.DecodeString(after.Issuer)
	if err != nil || len(issuer) != 8 {
		return Debit{}, fmt.Errorf("the card's issuer is %q, want 16 digits", after.Issuer)
	}
	number, err := hex.DecodeString(after.Number)
	if err != nil || len(number) != 10 {
		return Debit{}, fmt.Errorf("the card's number is %q, want 20 digits", after.Number)
	}
	return Debit{
		Issuer: [8]byte(issuer), Number: [10]byte(number), Type: c.begun.kind, Fen: c.begun.fen, Terminal: c.begun.terminal,
		Sequence: binary.BigEndian.Uint32(command[5:]), Time: [7]byte(command[9:]), Counter: after.OfflineSequence - 1, Balance: after.BalanceFen,
	}, nil
}

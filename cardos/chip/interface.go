package chip

import "fmt"

// Interface is a way to talk to a chip.
type Interface byte

// Interfaces. Contactless is T=1: answers come at once. Contact is T=0: answers to
// commands with data wait for GET RESPONSE (61xx), a wrong Le is corrected (6Cxx).
const (
	Contactless Interface = 1
	Contact     Interface = 2
)

// NewDual returns a blank chip with both applications and both interfaces, the
// contactless one in use. Its two ATRs have the same historical bytes, so that a
// terminal finds the card's factor through either; how real dual cards do
// it was not found.
func NewDual(seed uint64) *Chip {
	return &Chip{
		profile: Dual, random: newRandom(seed), atr: ContactlessATR(socialHistory(seed)), contactATR: socialATR(seed),
		root: transitRoot(), directories: append([]*directory{newPurse()}, newSSSE("2.00")...),
	}
}

// Use chooses the interface through which the card is reached from the next
// PowerOn on; it takes the power away. It fails for an interface that the card
// does not have.
func (c *Chip) Use(i Interface) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i != Contactless && i != Contact {
		return fmt.Errorf("no interface %d", i)
	}
	if c.contactATR == nil && c.contact != (i == Contact) {
		return fmt.Errorf("a %s card has one interface, and it is the other one", c.profile)
	}
	c.contact = i == Contact
	c.lose()
	return nil
}

// ProveMACFirst makes GET TRANSACTION PROVE give MAC2 before TAC, as one source has
// it, or, with false, TAC before MAC2, as the one recorded exchange has it and as
// cards are made here.
func (c *Chip) ProveMACFirst(yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.macFirst = yes
}

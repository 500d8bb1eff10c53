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

// NewDual returns a blank chip with both applications and both interfaces, the contactless one in
// use. Its two ATRs have the same historical bytes, so that a terminal finds the card's factor on
// either interface; how real dual cards do this was not found.
func NewDual(seed uint64) *Chip {
	return &Chip{
		profile: Dual, random: newRandom(seed), atr: ContactlessATR(socialHistory(seed)), contactATR: socialATR(seed),
		root: transitRoot(), directories: append([]*directory{newPurse()}, newSSSE("2.00")...),
	}
}

// Use chooses the interface for the time from the next PowerOn on; it switches the power off. It
// fails for an interface that the card does not have.
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

// ProveMACFirst makes GET TRANSACTION PROVE give MAC2 before TAC, as in one source. With false it
// gives TAC before MAC2, as in the one recorded exchange; this is the default.
func (c *Chip) ProveMACFirst(yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.macFirst = yes
}

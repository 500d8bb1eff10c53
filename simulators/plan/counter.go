package plan

import (
	"encoding/hex"
	"fmt"
)

// Desks at which a channel sells, loads and takes back cards: cardterm counter at real readers.
const (
	countersMost = 10
	counterPlace = 1 // in their terminals' numbers; the simulated counters have 0
)

// CounterDesk is a counter with a real reader.
type CounterDesk struct {
	Name     string `json:"name"`
	Channel  string `json:"channel"` // whose it is
	Terminal string `json:"terminal"`
	Slot     int    `json:"slot"` // of the reader
}

// CounterChannel is the channel that has counters at real readers, with shifts: the first one.
func (t *Town) CounterChannel() string { return t.Channels[0].ID }

// Counters are the counters for which there are slots. Each is in the
// reader of a lane, which begins to serve once the counters are closed.
func (t *Town) Counters(slots int) (counters []CounterDesk, err error) {
	for i := range min(slots, countersMost) {
		number, err := Terminal(Counter, counterPlace, i)
		if err != nil {
			return nil, err
		}
		counters = append(counters, CounterDesk{
			Name: fmt.Sprintf("c%d", i+1), Channel: t.CounterChannel(), Terminal: hex.EncodeToString(number[:]), Slot: i,
		})
	}
	return counters, nil
}

// Payee is the account of the channel, to which a purse is emptied.
func (c *CounterDesk) Payee() string { return channelHolder + c.Channel }

// channelHolder begins what a channel is called where an operator may be.
const channelHolder = "channel:"

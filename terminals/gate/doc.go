// Package gate is a metro gate: it lets a card in for nothing and out for the
// fare of the trip. The dialogue with the card is package card's.
//
// The card carries its entry from gate to gate, in the newest record of file
// 001E; an exit record therefore carries its entry, and its fare can be checked
// from the record alone. A trip longer than the fare table's limit costs the
// highest fare.
//
// A gate opens when Enter or Exit returns a tap. On an error it stays shut, the passenger is told
// why, and nothing on the card has changed, except in two cases:
//   - *card.UnknownError: whether the card has paid is not known; keep it, and call Resolve when
//     the card is held to this gate again (a wrong MAC2 also leads here, since the answer may have
//     been altered on the way);
//   - a tap together with a *sam.Error: the card has paid, let the passenger
//     through, record the tap, and close the gate.
//
// A card that is on the hotlist, by this gate's clock, is refused with a *hotlist.ListedError
// before anything is written to it. This also holds at the exit: the holder has to see the staff.
//
// While a service mode is in force at the station, by this gate's clock, the gate leaves out what
// the mode says, and its taps name the mode. With an emergency release it is open: it returns
// ErrOpen and does nothing to the card.
//
// Line and station are written to the card's records as big-endian numbers: Zhengzhou's own coding
// was not found.
package gate

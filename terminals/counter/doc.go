// Package counter is the service counter: it personalises blank cards and puts
// money on purses.
//
// Everything on a card is written by APDUs, so that the same code issues a card in a reader and a
// chip in memory. A card whose personalisation was interrupted is looked at once more: it may be
// finished, or may take the same order again. Else it is spoilt and is put aside, and the order is
// repeated with a new blank.
//
// Package card describes the steps of a load and what each failure means. A Desk has an order on
// its disk before it asks for the money and until it knows what became of it, however often it is
// killed and the card is pulled: put the same card back and resolve it; give no refund before.
package counter

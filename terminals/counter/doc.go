// Package counter is the service counter: it personalises blank cards and puts
// money on purses.
//
// Everything on a card is written by APDUs, so that the same code issues a card in a reader and a
// chip in memory. Personalisation is not repeatable: a card whose personalisation was interrupted
// is scrap and is put aside; the order is repeated with a new blank.
//
// Package card describes the steps of a load and what each failure means. After a
// *card.UnknownError put the same card back and call card.ResolveLoad; give no refund before.
package counter

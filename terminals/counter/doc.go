// Package counter is the service counter: it personalises blank cards and puts
// money on purses.
//
// Everything on a card is written through APDUs, so that a card in a reader and
// a chip in memory are issued by the same code. Personalisation is not repeatable:
// a card whose personalisation was interrupted is scrap and is put aside; the
// order is repeated with a new blank.
//
// How a load goes and what each failure means is said in package card. After a
// *card.UnknownError put the same card back and call card.ResolveLoad; give no refund before.
package counter

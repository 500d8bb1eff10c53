// Package card is the dialogue of a terminal with a card: it finds out what a card is, opens its
// purse or its social-security application, reads, takes payments, loads money, checks and changes
// PINs. The packages for gates, validators, counters and desks add what is specific to them.
//
// A card is identified by the applications that answer, never by its ATR: bank cards share the
// ATRs of social-security cards, and few union cards share any.
//
// A payment, composite (CAPP, 复合应用消费) or ordinary:
//
//	card: SELECT purse; READ 0015; READ 0017               OpenPurse
//	card: INITIALIZE FOR CAPP PURCHASE, or FOR PURCHASE    Pay
//	card: UPDATE CAPP DATA CACHE, once a record
//	SAM:  INITIALIZE FOR PURCHASE                          -> sequence, MAC1
//	terminal: makes the tap, without its TAC, durable      Payment.Before
//	card: DEBIT                                            -> TAC, MAC2
//	SAM:  CREDIT FOR PURCHASE                              MAC2 is right
//
// Until DEBIT is sent nothing on the card has changed, whatever goes wrong. The outcomes of DEBIT:
//
//	answer                         the card      Pay returns
//	9000 with TAC and MAC2         has paid      the tap
//	… and the SAM fails            has paid      the tap and *sam.Error: record it, then close
//	… and the SAM refuses MAC2     is unknown    *UnknownError with sam.ErrForged: the card is not
//	                                             ours, or its answer was altered on the way
//	none, or no status word,       is unknown    *UnknownError
//	or 9000 with a wrong length,
//	or a status word that leaves
//	it open (62xx 63xx 65xx 6Fxx)
//	any other status word          has not paid  *apdu.StatusError
//
// A load creates money. The order of its steps decides which side can lose money:
//
//	card:      INITIALIZE FOR LOAD -> balance, online sequence, random, MAC1
//	authority: order, MAC1         -> MAC2   (the authority books the order before it answers)
//	card:      CREDIT FOR LOAD     -> TAC
//
//	what fails              the card         the money          do
//	before the authority    unchanged        not booked         start again
//	its answer is lost      unchanged        maybe booked       start again with the same order
//	CREDIT is refused       unchanged        booked, unwritten  refund, or repeat the same order
//	no usable answer        is unknown       booked             *UnknownError: ResolveLoad with
//	to CREDIT                                                   the same card
//
// An unknown outcome is resolved when the same card comes again, to the same terminal or to
// another: its counter tells whether it paid or took the money, and GET TRANSACTION PROVE gives the
// codes again. Cards give them in either order. For a payment the SAM of the sale tells which code
// is MAC2 as long as it holds the sale; for a load MAC2 is known. Then the record is the same as if
// the answer had come. Otherwise the record carries both codes as candidates for the TAC, and
// clearing, which has the key, decides. If the card was used since, its log may tell that it has
// this payment, or that another one has its place. Where no SAM tells MAC2, all that is the word of
// the card, and whatever knows its number can say it. Then it has to prove that it is the card, by
// a payment of 0 fen at the terminal where it is: Attest. Package intent says what follows.
//
// Known layout: PBOC 2.0 part 2 and public readers; files as in package tunion.
package card

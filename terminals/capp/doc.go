// Package capp is the dialogue by which a transit card pays at a terminal: the
// composite purchase (复合应用消费), the same at a metro gate and on a bus.
//
//	card: SELECT purse; READ 0015; READ 0017               Present
//	card: READ RECORD newest of 001E                       (gates only)
//	card: INITIALIZE FOR CAPP PURCHASE                     Pay
//	card: UPDATE CAPP DATA CACHE 001A, then 001E
//	SAM:  INITIALIZE FOR PURCHASE                          -> sequence, MAC1
//	card: DEBIT                                            -> TAC, MAC2
//	SAM:  CREDIT FOR PURCHASE                              MAC2 is right
//
// Until DEBIT is sent nothing on the card has changed, whatever goes wrong.
// What DEBIT leads to:
//
//	answer                         the card      Pay returns
//	9000 with TAC and MAC2         has paid      Receipt
//	… and the SAM fails            has paid      Receipt and *sam.Error: record it, then close
//	… and the SAM refuses MAC2     is unknown    *UnknownError with sam.ErrForged: no card of
//	                                             ours, or its answer was altered on the way
//	none, or no status word,       is unknown    *UnknownError
//	or 9000 with a wrong length,
//	or a status word that leaves
//	it open (62xx 63xx 65xx 6Fxx)
//	any other status word          has not paid  *apdu.StatusError
//
// An unknown outcome is settled when the same card comes again: Resolve compares
// the card's counter and log with the sale, and asks for the codes with GET TRANSACTION
// PROVE. Cards give them in either order. Where the SAM still holds the sale it tells
// which is MAC2, and the record is the same as if the answer had come. Where it does
// not, the receipt carries both as candidates for the TAC, and clearing tells: it has
// the key. Such a payment is the card's word until then; a terminal lets its passenger
// through, since honest cards tear every day, and a cheat is named by his TAC.
//
// Known layout: PBOC 2.0 part 2 and public readers; files as in package tunion.
package capp

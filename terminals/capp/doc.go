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
//	… and the SAM refuses MAC2     is not ours   sam.ErrForged
//	… and the SAM fails            has paid      Receipt and *sam.Error: record it, then close
//	any other status word          has not paid  *apdu.StatusError
//	none, or no status word,       is unknown    *UnknownError
//	or 9000 with a wrong length
//
// An unknown outcome is settled when the same card comes again: Resolve compares
// the card's counter with the one before, and asks for the TAC with GET
// TRANSACTION PROVE. The record is then the same as if the answer had come.
//
// Known layout: PBOC 2.0 part 2 and public readers; files as in package tunion.
package capp

package pension

import (
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// checkReturn is the reason against a return, given what was paid to that person in the list;
// paid is 0 when nothing was. A payment returns whole: banks do not credit part of one.
func checkReturn(paid, returned ledger.Fen) verdict.Reason {
	switch {
	case paid <= 0:
		return verdict.NotPaid
	case returned != paid:
		return verdict.AmountDiffers
	}
	return verdict.None
}

// checkAgain is the reason against paying again, given what the bank returned of the payment
// before; returned is 0 where nothing came back. The ledger makes sure that it happens once: the
// payment's number is part of its identity.
func checkAgain(returned, amount ledger.Fen) verdict.Reason {
	switch {
	case returned <= 0:
		return verdict.NotReturned
	case amount != returned:
		return verdict.AmountDiffers
	}
	return verdict.None
}

package pension

import "citycard/clearing/verdict"

// CheckReturn is the reason against a return, given what was paid to that person in the list;
// paidFen is 0 when nothing was. A payment returns whole: banks do not credit part of one.
func CheckReturn(paidFen, returnedFen int64) verdict.Reason {
	switch {
	case paidFen <= 0:
		return verdict.NotPaid
	case returnedFen != paidFen:
		return verdict.AmountDiffers
	}
	return verdict.None
}

// CheckAgain is the reason against paying again, given what the bank returned of the payment
// before; returnedFen is 0 where nothing came back. That it happens once is the ledger's to see
// to: the payment's number is part of its identity.
func CheckAgain(returnedFen, amountFen int64) verdict.Reason {
	switch {
	case returnedFen <= 0:
		return verdict.NotReturned
	case amountFen != returnedFen:
		return verdict.AmountDiffers
	}
	return verdict.None
}

package pension

import "fmt"

// CheckReturn says whether a return can be accepted against what was paid to
// that person in the batch: nil, or the reason. paidFen is 0 when nothing was.
// A payment returns whole: banks do not credit part of one.
func CheckReturn(paidFen, returnedFen int64) *Refusal {
	switch {
	case paidFen <= 0:
		return &Refusal{CodeNotPaid, "the batch holds no paid line of this person"}
	case returnedFen != paidFen:
		return &Refusal{CodeAmountDiffers, fmt.Sprintf("return has %d fen, %d were paid", returnedFen, paidFen)}
	}
	return nil
}

// CheckAgain says whether a payout may be paid again, against what the bank
// returned of the payment before: nil, or the reason. returnedFen is 0 where
// nothing came back. That it happens once is the ledger's to see to: the payment's
// number is part of its identity.
func CheckAgain(returnedFen, amountFen int64) *Refusal {
	switch {
	case returnedFen <= 0:
		return &Refusal{CodeNotReturned, "the payment before was not returned"}
	case amountFen != returnedFen:
		return &Refusal{CodeAmountDiffers, fmt.Sprintf("line has %d fen, %d were returned", amountFen, returnedFen)}
	}
	return nil
}

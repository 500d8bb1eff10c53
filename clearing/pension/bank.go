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

package pension

import "fmt"

// Person is a person's token: keyed, so it says nothing to whoever has no key.
type Person [16]byte

// Line is one payment of a batch, or one return of the bank.
type Line struct {
	Person    Person
	AmountFen int64
}

// Return is a payment that the bank could not make.
type Return struct {
	Line
	Cause string // the bank's word
}

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

// Faulty is a return that does not fit its batch.
type Faulty struct {
	Return  Return
	Refusal *Refusal
}

// Answer is a batch after the bank's answer. Paid and Returned together are the
// lines that were sent, in their order.
type Answer struct {
	Paid, Returned       []Line
	PaidFen, ReturnedFen int64
	Repeated             int // returns that said the same thing again
	Faulty               []Faulty
}

// Apply works the bank's returns into a batch that was sent. It fails when the
// batch itself names a person twice, since a return could then mean either.
func Apply(sent []Line, returns []Return) (Answer, error) {
	owed := make(map[Person]int64, len(sent))
	for i, line := range sent {
		if _, again := owed[line.Person]; again {
			return Answer{}, fmt.Errorf("pension batch: lines[%d]: a person a second time, want each person once", i)
		}
		owed[line.Person] = line.AmountFen
	}
	var answer Answer
	returned := make(map[Person]bool, len(returns))
	for _, r := range returns {
		if refusal := CheckReturn(owed[r.Person], r.AmountFen); refusal != nil {
			answer.Faulty = append(answer.Faulty, Faulty{r, refusal})
			continue
		}
		if returned[r.Person] {
			answer.Repeated++
		}
		returned[r.Person] = true
	}
	for _, line := range sent {
		if returned[line.Person] {
			answer.Returned = append(answer.Returned, line)
			answer.ReturnedFen += line.AmountFen
		} else {
			answer.Paid = append(answer.Paid, line)
			answer.PaidFen += line.AmountFen
		}
	}
	return answer, nil
}

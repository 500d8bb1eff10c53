package page

import "citycard/language"

// words are the texts of the page of a station's desk.
type words struct {
	Desk, Done, Update, Card, FromCard, Cash, Holds, Time, Question, What, Left, Staff, Fares, Yes, From, Line, Paid, PayCard, PayCash, PayBoth, Who, Again string
}

func wordsIn(l language.Language) words {
	return words{
		Desk:     l.Of("Station desk"),
		Done:     l.Of("Done"),
		Update:   l.Of("Update"),
		Card:     l.Of("Card"),
		FromCard: l.Of("From the card, yuan"),
		Cash:     l.Of("In cash, yuan"),
		Holds:    l.Of("The card holds, yuan"),
		Time:     l.Of("Time"),
		Question: l.Of("Do this?"),
		What:     l.Of("What it does"),
		Left:     l.Of("Afterwards, yuan"),
		Staff:    l.Of("Staff"),
		Fares:    l.Of("Fares"),
		Yes:      l.Of("Yes, do it"),
		From:     l.Of("Station at which the passenger got in; empty if nobody can say"),
		Line:     l.Of("A line of that station; empty if nobody says"),
		Paid:     l.Of("Paid"),
		PayCard:  l.Of("from the card"),
		PayCash:  l.Of("in cash"),
		PayBoth:  l.Of("from the card as far as it goes, the rest in cash"),
		Who:      l.Of("Your name or number; must be given where cash is taken"),
		Again:    l.Of("Look at the card again"),
	}
}

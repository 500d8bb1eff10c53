package page

import "citycard/language"

// words are the texts of the page of a station's desk.
type words struct {
	Desk, Done, Update, Card, FromCard, Cash, Holds, Time, Question, What, Left, Staff, Fares, Yes, From, Line, Paid, PayCard, PayCash, PayBoth, Who, Again, Ticket, TicketStaff, Tickets string
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

		Ticket:      l.Of("Give an exit ticket"),
		TicketStaff: l.Of("Your name or number"),
		Tickets:     l.Of("Exit tickets"),
	}
}

// ticketWords are the texts of the page of exit tickets.
type ticketWords struct {
	Tickets, Give, GiveIt, Reason, Update, Cash, Card, Because, Staff, Last, Number, Until, Yuan, State, Which, Print, Void, Back, Why, Again string
}

func ticketWordsIn(l language.Language) ticketWords {
	return ticketWords{
		Tickets: l.Of("Exit tickets"),
		Give:    l.Of("Give an exit ticket"),
		GiveIt:  l.Of("Give it, and print it"),
		Reason:  l.Of("Reason"),
		Update:  l.Of("The update, if the trip was ended at the desk"),
		Cash:    l.Of("Paid in cash, yuan; empty if nothing"),
		Card:    l.Of("The card's number, if anybody knows it"),
		Because: l.Of("Why, in words; must be given where staff decide"),
		Staff:   l.Of("Your name or number"),
		Last:    l.Of("The last exit tickets"),
		Number:  l.Of("Number"),
		Until:   l.Of("Valid until"),
		Yuan:    l.Of("Yuan"),
		State:   l.Of("State"),
		Which:   l.Of("Which ticket: its number, or the last part of it"),
		Print:   l.Of("Print it again"),
		Void:    l.Of("It no longer counts"),
		Back:    l.Of("Given back in cash, yuan; 0 if nothing"),
		Why:     l.Of("Why it no longer counts"),
		Again:   l.Of("Look at the card"),
	}
}

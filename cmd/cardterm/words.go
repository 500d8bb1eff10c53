package main

import (
	"errors"
	"slices"

	"citycard/clearing/message"
	"citycard/language"
	"citycard/terminals/capp"
	"citycard/terminals/card"
	"citycard/terminals/gate"
	"citycard/terminals/hotlist"
	"citycard/terminals/tariff"
)

// refusal is the outcome and the sound of an error.
func refusal(err error) (outcome string, sound int) {
	if _, unknown := errors.AsType[*card.UnknownError](err); unknown {
		return outcomeUnknown, soundAgain
	}
	if _, listed := errors.AsType[*hotlist.ListedError](err); listed {
		return outcomeListed, soundStop
	}
	for _, known := range []struct {
		err     error
		outcome string
	}{
		{card.ErrInsufficient, outcomeShort},
		{card.ErrMinimum, outcomeMinimum},
		{card.ErrExpired, outcomeExpired},
		{card.ErrBlocked, outcomeBlocked},
		{card.ErrAlgorithm, outcomeAlgorithm},
		{card.ErrNotTransit, outcomeNotTransit},
		{tariff.ErrNoFare, outcomeNoFare},
		{capp.ErrNotEnabled, outcomeNotEnabled},
		{capp.ErrElsewhere, outcomeElsewhere},
		{capp.ErrIssuer, outcomeElsewhere},
		{gate.ErrInside, outcomeInside},
		{gate.ErrNotInside, outcomeNotInside},
	} {
		if errors.Is(err, known.err) {
			return known.outcome, soundStop
		}
	}
	return outcomeRefused, soundAgain
}

// words are what the passenger reads; nil where a lane is in service.
func (s *shown) words() *language.Text {
	switch s.Outcome {
	case outcomePaid:
		return s.paid()
	case outcomeRepeated:
		return language.Textf("paid already, balance %s", yuan(*s.Balance))
	case outcomeUnknown:
		return language.Textf("hold the same card to the reader again")
	case outcomeListed, outcomeBlocked:
		return language.Textf("this card is blocked: please go to the service desk")
	case outcomeShort:
		return language.Textf("the balance does not suffice: please load the card")
	case outcomeMinimum:
		return language.Textf("the balance is below the minimum to start a trip: please load the card")
	case outcomeExpired:
		return language.Textf("this card is not valid today: please go to the service desk")
	case outcomeInside:
		return language.Textf("this card has entered already: please go to the service desk")
	case outcomeNotInside:
		return language.Textf("this card has no entry: please go to the service desk")
	case outcomeNotEnabled:
		return language.Textf("this card is not in use yet: please go to the service desk")
	case outcomeElsewhere:
		return language.Textf("this card is not valid here")
	case outcomeAlgorithm:
		return language.Textf("this kind of card cannot be read here: please go to the service desk")
	case outcomeNotTransit:
		return language.Textf("this is not a transit card")
	case outcomeNoFare:
		return language.Textf("there is no fare for this card here: please go to the service desk")
	case outcomeRefused:
		return language.Textf("hold the card again; if that does not help, please go to the service desk")
	case outcomeOpen:
		return language.Textf("the gate is open: please walk through, no card is needed")
	case outcomeInService:
		return s.relief()
	case outcomeClosed, outcomeOutOfService:
		return language.Textf("out of service: please use another one")
	}
	return nil
}

// relief are the words for what is not checked; nil for a lane that checks everything.
func (s *shown) relief() *language.Text {
	for _, kind := range message.ServiceModes() {
		if !slices.Contains(s.Modes, kind.Code()) {
			continue
		}
		switch kind {
		case message.ServiceMode_SERVICE_MODE_TRAIN_FAULT:
			return language.Textf("trains do not run here: if you entered here, you leave without paying")
		case message.ServiceMode_SERVICE_MODE_NO_ORDER:
			return language.Textf("entry and exit are not checked against each other")
		case message.ServiceMode_SERVICE_MODE_NO_TIME:
			return language.Textf("the time of a trip is not limited")
		case message.ServiceMode_SERVICE_MODE_NO_FARE:
			return language.Textf("nothing is charged")
		case message.ServiceMode_SERVICE_MODE_NO_DATE:
			return language.Textf("cards that have expired are taken")
		}
	}
	return nil
}

// paid are the words for a passage.
func (s *shown) paid() *language.Text {
	switch {
	case s.Warning == warningLowBalance:
		return language.Textf("paid %s, balance %s: please load the card", yuan(*s.Fen), yuan(*s.Balance))
	case s.Warning == warningExpires:
		return language.Textf("paid %s, balance %s, the card expires on %s", yuan(*s.Fen), yuan(*s.Balance), s.Expiry)
	case s.Movement == movementEntry:
		return language.Textf("please enter, balance %s", yuan(*s.Balance))
	}
	return language.Textf("paid %s, balance %s", yuan(*s.Fen), yuan(*s.Balance))
}

package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"

	"citycard/cardos/apdu"
	"citycard/cardos/transcript"
	"citycard/language"
	"citycard/terminals/reader"
)

// maxUnprinted is how many exchanges may wait for the output; some twenty cards' worth.
const maxUnprinted = 256

// live prints the dialogues of a lane in words while they go on. It never delays a card: exchanges
// that the output does not accept in time are left out, and their number is printed. If the output
// fails, the trace ends and the lane goes on. A program that starts a trace has to ignore SIGPIPE,
// which would otherwise end the program between a debit and its record.
type live struct {
	language language.Language
	spoken   chan spoken
	missed   atomic.Int64
	done     chan struct{}
}

// spoken is one exchange of a card, or its arrival where number is 0.
type spoken struct {
	number   int
	arrival  string
	exchange transcript.Exchange
}

// startLive prints to out until it is closed.
func startLive(out io.Writer, in language.Language, log *slog.Logger) *live {
	l := &live{language: in, spoken: make(chan spoken, maxUnprinted), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		if err := l.print(out); err != nil {
			log.Warn("the trace ends: its output fails", logged(err))
		}
		for range l.spoken { // what comes after a failure
		}
	}()
	return l
}

// print prints until the end or the output's first error.
func (l *live) print(out io.Writer) error {
	for s := range l.spoken {
		if err := l.printLeftOut(out); err != nil {
			return err
		}
		if err := l.one(out, s); err != nil {
			return err
		}
	}
	return l.printLeftOut(out)
}

// printLeftOut prints how many events were left out, if any.
func (l *live) printLeftOut(out io.Writer) error {
	n := l.missed.Swap(0)
	if n == 0 {
		return nil
	}
	_, err := fmt.Fprintln(out, language.Textf("… exchanges left out: %d", n).In(l.language))
	return err
}

func (l *live) one(out io.Writer, s spoken) error {
	if s.number == 0 {
		_, err := fmt.Fprintln(out, s.arrival)
		return err
	}
	return s.exchange.Write(out, s.number, l.language)
}

// overhear returns the card; from now on every exchange with it is printed.
func (l *live) overhear(name string, card *reader.Card) apdu.Card {
	l.say(spoken{arrival: arrival(name, card).In(l.language)})
	number := 0
	return transcript.Watch(card, func(e transcript.Exchange) {
		number++
		l.say(spoken{number: number, exchange: e})
	})
}

// arrival says that a card is in the reader of a name.
func arrival(name string, card *reader.Card) *language.Text {
	return language.Textf("%s: ATR %x, %s", name, card.ATR(), card.Protocol())
}

func (l *live) say(s spoken) {
	select {
	case l.spoken <- s:
	default:
		l.missed.Add(1)
	}
}

// Close prints the remaining exchanges, as far as ctx allows. overhear must not be called after it.
func (l *live) Close(ctx context.Context) error {
	close(l.spoken)
	select {
	case <-l.done:
	case <-ctx.Done():
		return language.Textf("the output does not take the trace: %w", ctx.Err())
	}
	return nil
}

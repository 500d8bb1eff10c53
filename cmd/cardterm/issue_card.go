package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"citycard/cardos/keyservice"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/terminals/counter"
	"citycard/terminals/reader"
)

// cardMaking makes one card of a job, with as many blanks as it takes.
type cardMaking struct {
	*issueDesk
	report *jobReport
	order  *counter.JobOrder
	say    func(*language.Text)
	serial int64 // of the blank that is in hand; 0: none is
}

func (m *cardMaking) make(ctx context.Context) error {
	begun := m.report.states[m.order.ID()] == counter.Begun
	if begun {
		m.serial = m.report.begun[m.order.ID()]
	}
	for spoilt := 0; spoilt < mostSpoilt; {
		m.asks(begun)
		made, again, err := m.once(ctx, begun)
		switch {
		case err != nil:
			return err
		case made:
			m.say(language.Textf("done: take the card out"))
		case again && !begun:
			begun = true
		default:
			spoilt, begun, m.serial = spoilt+1, false, 0
		}
		if err := m.emptied(ctx); err != nil {
			return err
		}
		if made {
			return nil
		}
	}
	return service.Fail("cards that were spoilt one after the other: %d", mostSpoilt).Todo("look at the reader and the blanks; the same command goes on with this card")
}

// asks says which card is to be put in.
func (m *cardMaking) asks(begun bool) {
	switch {
	case begun:
		m.say(language.Textf("this card was begun and its end is not known: put the same card in once more"))
	case m.order.Blank() != 0 && !m.report.used[m.order.Blank()]:
		m.say(language.Textf("put blank %d in", m.order.Blank()))
	default:
		m.say(language.Textf("put a blank card in"))
	}
}

// blank is the serial of the blank that is in the reader: what the job has, or what is read from
// standard input.
func (m *cardMaking) blank(ctx context.Context) (int64, error) {
	if m.unstocked {
		return 0, nil
	}
	if serial := m.order.Blank(); serial != 0 && !m.report.used[serial] {
		return serial, nil
	}
	for {
		m.say(language.Textf("give the serial of this blank"))
		text, err := m.typed.next(ctx)
		if err != nil {
			return 0, err
		}
		serial, err := counter.ParseSerial(text)
		if err == nil {
			err = m.free(serial)
		}
		if err == nil {
			return serial, nil
		}
		m.say(language.Textf("%w", err))
	}
}

// free refuses a serial that the report has already.
func (m *cardMaking) free(serial int64) error {
	if m.report.used[serial] {
		return language.Textf("blank %d was used before: look whether this is another one", serial)
	}
	return nil
}

// same asks whether a card that is not finished is the one that was begun. If it is another blank,
// the one before is spoilt, and this one is begun.
func (m *cardMaking) same(ctx context.Context) (bool, error) {
	for {
		if m.unstocked {
			m.say(language.Textf("this card is not finished: type same if it is the one that was begun, or other if that one is spoilt"))
		} else {
			m.say(language.Textf("this card is not finished: give its serial. If it is not blank %d, that one is spoilt: put it aside", m.serial))
		}
		text, err := m.typed.next(ctx)
		if err != nil {
			return false, err
		}
		serial, wrong := counter.ParseSerial(text)
		switch {
		case m.unstocked && text == "same", !m.unstocked && wrong == nil && serial == m.serial:
			return true, nil
		case m.unstocked && text == "other":
			return false, m.leaves(0)
		case m.unstocked:
			continue
		case wrong == nil:
			wrong = m.free(serial)
		}
		if wrong == nil {
			return false, m.leaves(serial)
		}
		m.say(language.Textf("%w", wrong))
	}
}

// leaves notes that the blank that was begun is spoilt, and begins with another one.
func (m *cardMaking) leaves(serial int64) error {
	spoilt := m.entry(counter.Spoilt)
	spoilt.Error = "another blank was put in for it"
	if err := m.report.add(spoilt); err != nil {
		return err
	}
	m.serial = serial
	return m.report.add(m.entry(counter.Begun))
}

func (m *cardMaking) entry(state string) *counter.Entry {
	return &counter.Entry{Line: m.order.Line, Number: m.order.ID(), State: state, Time: time.Now(), Serial: m.serial}
}

// once makes a card of what is in the reader. again says that it has to be seen once more.
func (m *cardMaking) once(ctx context.Context, begun bool) (made, again bool, err error) {
	var card *reader.Card
	if err := m.withReader(ctx, func() (err error) { card, err = m.card(ctx, m.reader); return err }); err != nil {
		if !errors.Is(err, reader.ErrUnresponsive) {
			return false, false, stoppedAt(m.order, err)
		}
		m.say(language.Textf("the card does not answer: put it aside, it counts as spoilt"))
		return false, false, m.unresponsive(ctx, err)
	}
	defer func() {
		if failed := card.Close(); failed != nil { // the card is what it is
			m.log.Debug("card not let go", logged(failed))
		}
	}()
	atr := fmt.Sprintf("%x", card.ATR())
	if begun {
		issued, finished, err := counter.Finished(ctx, card, card.ATR(), m.order.Order)
		if err == nil && finished {
			return true, false, m.done(atr, issued)
		}
		if err == nil {
			if begun, err = m.same(ctx); err != nil {
				return false, false, stoppedAt(m.order, err)
			}
		}
	} else {
		if m.serial, err = m.blank(ctx); err != nil {
			return false, false, stoppedAt(m.order, err)
		}
		entry := m.entry(counter.Begun)
		entry.ATR = atr
		if err := m.report.add(entry); err != nil {
			return false, false, err
		}
	}
	issued, err := counter.Issue(ctx, card, card.ATR(), m.by, m.order.Order)
	if err == nil {
		return true, false, m.done(atr, issued)
	}
	return m.failed(begun, atr, err)
}

func (m *cardMaking) done(atr string, issued counter.Issued) error {
	entry := m.entry(counter.Made)
	entry.ATR = atr
	entry.Done(m.order, issued)
	return m.report.add(entry)
}

// unresponsive notes a card that does not answer.
func (m *cardMaking) unresponsive(ctx context.Context, because error) (err error) {
	if m.serial == 0 {
		if m.serial, err = m.blank(ctx); err != nil {
			return stoppedAt(m.order, err)
		}
	}
	entry := m.entry(counter.Spoilt)
	entry.Error = because.Error()
	return m.report.add(entry)
}

// failed notes what became of a card that could not be made.
func (m *cardMaking) failed(begun bool, atr string, err error) (made, again bool, _ error) {
	if !begun && (errors.As(err, new(*counter.SpoiltError)) || errors.Is(err, reader.ErrCardGone)) {
		return false, true, nil
	}
	entry := m.entry(counter.Spoilt)
	entry.ATR, entry.Error = atr, err.Error()
	if keyservice.Failed(err) { // the card is as it was: one that was begun is so still
		if begun {
			return false, false, stoppedAt(m.order, err)
		}
		entry.State = counter.Other
		return false, false, errors.Join(stoppedAt(m.order, err), m.report.add(entry))
	}
	if begun || errors.As(err, new(*counter.SpoiltError)) {
		m.say(language.Textf("the card is not finished and takes no more: put it aside, it counts as spoilt: %w", err))
	} else {
		entry.State = counter.Other
		m.say(language.Textf("this is no blank, and it was not changed: %w", err))
	}
	return false, false, m.report.add(entry)
}

// inputLines are lines of standard input: orders, or what a scanner of bar codes types. One waits
// for them no longer than a context lasts.
type inputLines struct {
	lines chan string
	err   error // after the last line
}

// scan reads lines until the input ends.
func scan(in io.Reader) *inputLines {
	b := &inputLines{lines: make(chan string), err: errNotTyped}
	go func() {
		defer close(b.lines)
		all := bufio.NewScanner(in)
		all.Buffer(nil, maxOrder)
		for all.Scan() {
			b.lines <- strings.TrimSpace(all.Text())
		}
		b.err = cmp.Or(all.Err(), b.err)
	}()
	return b
}

// errNotTyped means that standard input ended.
var errNotTyped = language.Textf("nobody gives it: standard input has ended")

// next waits for a line.
func (b *inputLines) next(ctx context.Context) (string, error) {
	select {
	case line, more := <-b.lines:
		if !more {
			return "", b.err
		}
		return line, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

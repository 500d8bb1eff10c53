package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"citycard/cardos/keyservice"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/terminals/counter"
	"citycard/terminals/reader"
)

// States of a card in a job's report.
const (
	jobBegun  = "begun"  // a card is being written
	jobIssued = "issued" // the card is made, and was read back
	jobSpoilt = "spoilt" // a card was written in part and takes no more: it is put aside
	jobOther  = "other"  // a card that is no blank: it was not changed
)

// jobEntry is a line of the report of a job. The report is what a later run goes on from.
type jobEntry struct {
	Line   int             `json:"line"`
	Number string          `json:"number"` // of the card to be made
	State  string          `json:"state"`
	Time   time.Time       `json:"time"`
	ATR    string          `json:"atr,omitempty"`
	Issued *counter.Issued `json:"issued,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// jobReport is the report of a job on the disk.
type jobReport struct {
	file   *os.File
	states map[string]string // the last of each card
	spoilt int
}

// openReport opens the report of a job, making it where it is not there.
func openReport(path string) (r *jobReport, err error) {
	r = &jobReport{states: map[string]string{}}
	content, err := os.ReadFile(path)
	whole := bytes.LastIndexByte(content, '\n') + 1 // a line that a crash has cut short is not there
	if err == nil {
		lines := bufio.NewScanner(bytes.NewReader(content[:whole]))
		for n := 1; lines.Scan() && err == nil; n++ {
			var e jobEntry
			if err = json.Unmarshal(lines.Bytes(), &e); err != nil {
				err = language.Textf("line %d: %w", n, err)
			}
			r.note(&e)
		}
		err = errors.Join(err, lines.Err())
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return nil, service.Fail("the report %s cannot be read", path).Todo("correct it, or give another --report; a card that is made twice is two cards of one number").Because(err)
	}
	if r.file, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return nil, err
	}
	return r, r.file.Truncate(int64(whole))
}

func (r *jobReport) note(e *jobEntry) {
	if r.states[e.Number] != jobIssued {
		r.states[e.Number] = e.State
	}
	if e.State == jobSpoilt {
		r.spoilt++
	}
}

// add appends an entry; it is on the disk when add returns.
func (r *jobReport) add(e *jobEntry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := r.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := r.file.Sync(); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	r.note(e)
	return nil
}

// left are the orders of a job whose cards are not made.
func (r *jobReport) left(orders []counter.JobOrder) (left []counter.JobOrder) {
	for _, o := range orders {
		if r.states[o.ID()] != jobIssued {
			left = append(left, o)
		}
	}
	return left
}

// readJob reads a job file, all lines of it; one fault keeps the whole job from beginning.
func readJob(path string, today time.Time) ([]counter.JobOrder, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, service.Exit(service.ExitUsage, service.Fail("no job").Todo("give --job FILE").Because(err))
	}
	defer f.Close()
	orders, faults, err := counter.ParseJob(f, today)
	if err != nil {
		return nil, service.Fail("%s is no job", path).Todo("docs/counter.md has the two formats").Because(err)
	}
	if len(faults) > 0 {
		return nil, service.Fail("no card is made from %s", path).Todo("correct the lines and give the command again").BecauseOf(len(faults), faults)
	}
	return orders, nil
}

// mostSpoilt is how many cards in a row may be spoilt until the job stops.
const mostSpoilt = 3

// job makes the cards of a job that are not made yet.
func (p *issueProgram) runJob(ctx context.Context) (err error) {
	orders, err := readJob(p.job, time.Now())
	if err != nil {
		return err
	}
	path := p.report
	if path == "" {
		path = p.job + ".report"
	}
	if p.dry {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			p.Print("cards to be made: %d of %d", len(orders), len(orders))
			return p.Printed()
		}
	}
	report, err := openReport(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, report.file.Close()) }()
	left := report.left(orders)
	if p.dry {
		p.Print("cards to be made: %d of %d", len(left), len(orders))
		return p.Printed()
	}
	if len(left) > 0 {
		if err := p.makeAll(ctx, report, left); err != nil {
			return err
		}
	}
	p.Print("issued: %d of %d; spoilt: %d; the report is %s", len(orders)-len(report.left(orders)), len(orders), report.spoilt, path)
	return p.Printed()
}

// makeAll makes the cards one after the other.
func (p *issueProgram) makeAll(ctx context.Context, report *jobReport, left []counter.JobOrder) (err error) {
	progress := service.NewProgress(os.Stderr, p.Language)
	defer progress.Close()
	log := p.LoggerTo(progress)
	maker, err := p.maker(log)
	if err != nil {
		return err
	}
	d := &issueDesk{issueProgram: p, by: maker, log: log, readers: reader.Observe()}
	d.standing.log = log
	defer func() { err = errors.Join(err, d.readers.Close()) }()
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.reader.Close()) }()
	phase := progress.Phase("cards", int64(len(left)))
	for n, o := range left {
		say := func(text *language.Text) {
			_, _ = fmt.Fprintln(progress, language.Textf("%d of %d: %w", n+1, len(left), text).In(p.Language))
		}
		if err := d.make(ctx, report, &o, say); err != nil {
			return err
		}
		phase.Add(1)
	}
	phase.Done()
	return nil
}

// make makes one card of a job, with as many blanks as it takes.
func (d *issueDesk) make(ctx context.Context, report *jobReport, o *counter.JobOrder, say func(*language.Text)) error {
	begun := report.states[o.ID()] == jobBegun
	for spoilt := 0; spoilt < mostSpoilt; {
		if begun {
			say(language.Textf("this card was begun and its end is not known: put the same card in once more"))
		} else {
			say(language.Textf("put a blank card in"))
		}
		made, again, err := d.makeOnce(ctx, report, o, begun, say)
		switch {
		case err != nil:
			return err
		case made:
			say(language.Textf("done: take the card out"))
		case again && !begun:
			begun = true
		default:
			spoilt, begun = spoilt+1, false
		}
		if err := d.emptied(ctx); err != nil {
			return err
		}
		if made {
			return nil
		}
	}
	return service.Fail("cards that were spoilt one after the other: %d", mostSpoilt).Todo("look at the reader and the blanks; the same command goes on with this card")
}

// makeOnce makes a card of what is in the reader. again says that it has to be seen once more.
func (d *issueDesk) makeOnce(ctx context.Context, report *jobReport, o *counter.JobOrder, begun bool, say func(*language.Text)) (made, again bool, err error) {
	var card *reader.Card
	if err := d.withReader(ctx, func() (err error) { card, err = d.card(ctx, d.reader); return err }); err != nil {
		if errors.Is(err, reader.ErrUnresponsive) {
			say(language.Textf("the card does not answer: put it aside, it counts as spoilt"))
			return false, false, report.add(&jobEntry{Line: o.Line, Number: o.ID(), State: jobSpoilt, Time: time.Now(), Error: err.Error()})
		}
		return false, false, stoppedAt(o, err)
	}
	defer func() {
		if failed := card.Close(); failed != nil { // the card is what it is
			d.log.Debug("card not let go", logged(failed))
		}
	}()
	entry := jobEntry{Line: o.Line, Number: o.ID(), Time: time.Now(), ATR: fmt.Sprintf("%x", card.ATR())}
	if begun {
		issued, finished, err := counter.Finished(ctx, card, card.ATR(), o.Order)
		if err == nil && finished {
			entry.State, entry.Issued = jobIssued, &issued
			return true, false, report.add(&entry)
		}
	} else {
		entry.State = jobBegun
		if err := report.add(&entry); err != nil {
			return false, false, err
		}
	}
	issued, err := counter.Issue(ctx, card, card.ATR(), d.by, o.Order)
	if err == nil {
		entry.State, entry.Issued = jobIssued, &issued
		return true, false, report.add(&entry)
	}
	if !begun && (errors.As(err, new(*counter.SpoiltError)) || errors.Is(err, reader.ErrCardGone)) {
		return false, true, nil
	}
	if keyservice.Failed(err) { // the card is as it was: one that was begun is so still
		if entry.State, entry.Error = jobOther, err.Error(); begun {
			return false, false, stoppedAt(o, err)
		}
		return false, false, errors.Join(stoppedAt(o, err), report.add(&entry))
	}
	entry.State, entry.Error = jobSpoilt, err.Error()
	if begun || errors.As(err, new(*counter.SpoiltError)) {
		say(language.Textf("the card is not finished and takes no more: put it aside, it counts as spoilt: %w", err))
	} else {
		entry.State = jobOther
		say(language.Textf("this is no blank, and it was not changed: %w", err))
	}
	return false, false, report.add(&entry)
}

// stoppedAt ends a job at a card.
func stoppedAt(o *counter.JobOrder, err error) error {
	if errors.Is(err, reader.ErrNoCard) || keyservice.Failed(err) {
		return service.Fail("the job stops at line %d", o.Line).Todo("the same command goes on there").Because(err)
	}
	return err
}

package main

import (
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

// jobReport is the report of a job on the disk.
type jobReport struct {
	file   *os.File
	states map[string]string // the last of each card
	begun  map[string]int64  // serial of the blank that was begun last
	used   map[int64]bool    // serials of blanks that were spoilt, or made into a card
	spoilt int
}

// openReport opens the report of a job, making it where it is not there.
func openReport(path string) (r *jobReport, err error) {
	r = &jobReport{states: map[string]string{}, begun: map[string]int64{}, used: map[int64]bool{}}
	content, err := os.ReadFile(path)
	whole := 0
	if err == nil {
		whole, err = counter.ReadReport(content, func(_ int, e *counter.Entry) error { r.note(e); return nil })
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

func (r *jobReport) note(e *counter.Entry) {
	if r.states[e.Number] != counter.Made {
		r.states[e.Number] = e.State
	}
	switch e.State {
	case counter.Begun:
		r.begun[e.Number] = e.Serial
	case counter.Spoilt:
		r.spoilt++
		r.used[e.Serial] = true
	case counter.Made:
		r.used[e.Serial] = true
	}
}

// add appends an entry; it is on the disk when add returns.
func (r *jobReport) add(e *counter.Entry) error {
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
		if r.states[o.ID()] != counter.Made {
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
	d.standing.log, d.typed = log, scan(os.Stdin)
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
		m := &cardMaking{issueDesk: d, report: report, order: &o, say: say}
		if err := m.make(ctx); err != nil {
			return err
		}
		phase.Add(1)
	}
	phase.Done()
	return nil
}

// stoppedAt ends a job at a card.
func stoppedAt(o *counter.JobOrder, err error) error {
	if errors.Is(err, reader.ErrNoCard) || errors.Is(err, errNotTyped) || keyservice.Failed(err) {
		return service.Fail("the job stops at line %d", o.Line).Todo("the same command goes on there").Because(err)
	}
	return err
}

package demo

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"

	"citycard/cmd/service"
	"citycard/language"
	"citycard/simulators/pcscd"
	"citycard/simulators/plan"
)

const (
	// mostAsks is how many passengers may wait at the desk, more than there are.
	mostAsks = 100
	// deskTries is how often staff try to correct a card: the passenger may only just put it down.
	deskTries = 5
)

// desk is the one at a station, whose staff do what passengers ask for.
type desk struct {
	lane plan.Lane
	asks chan progressLine
}

// asked notes that a passenger is at the desk.
func (d *demo) asked(ctx context.Context, ask progressLine) error {
	if d.desk == nil {
		return language.Textf("a passenger asks for update %s, and there is no desk", ask.Ask)
	}
	select {
	case d.desk.asks <- ask:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serveDesk corrects cards at the desk until the city ends: each is a run of cardterm, as staff
// type it, and the last one is finished.
func (d *demo) serveDesk(ctx context.Context, city <-chan struct{}) error {
	if d.desk == nil {
		return nil
	}
	for {
		select {
		case <-city:
			return nil
		case ask := <-d.desk.asks:
			if err := d.correct(ctx, ask); err != nil && ctx.Err() == nil {
				return language.Textf("update %s at the desk: %w", ask.Ask, err)
			}
		}
	}
}

// correct has a card corrected.
func (d *demo) correct(ctx context.Context, ask progressLine) (err error) {
	for range deskTries {
		var done bool
		if done, err = d.update(ctx, ask); done || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// update runs the command once, and says whether the card was corrected; the brokers must have it
// then.
func (d *demo) update(ctx context.Context, ask progressLine) (bool, error) {
	l, issuer := d.desk.lane, plan.Issuer()
	var said []byte
	child, err := service.StartChild(ctx, service.ChildSpec{
		Program: "cardterm", Name: "cardterm station update", Env: d.daemon.Environment(), Log: d.log,
		Args: append([]string{
			"station", "update", "--reason", ask.Ask, "--from", strconv.Itoa(ask.From), "--yes", "--json", "--data", d.dir.Join("agents", l.Agent),
			"--reader", pcscd.Name(l.Slot), "--sam", pcscd.Name(l.SAM), "--line", strconv.Itoa(l.Line), "--station", strconv.Itoa(l.Station),
			"--operator", strconv.Itoa(l.Operator), "--institution", hex.EncodeToString(issuer[:]),
		}, d.terminalArgs()...),
		Line: func(line []byte) error {
			said = append(append(said, line...), '\n')
			return nil
		},
	})
	if err != nil {
		return false, service.Fail("cannot start cardterm").Todo("build all three programs: make build").Because(err)
	}
	if err := child.Wait(); err != nil {
		return false, err
	}
	var answer struct{ Done, Sent bool }
	if err := json.Unmarshal(said, &answer); err != nil {
		return false, err
	}
	if !answer.Sent {
		return answer.Done, errors.New(string(said))
	}
	return answer.Done, nil
}

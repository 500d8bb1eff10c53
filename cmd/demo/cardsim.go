package demo

import (
	"context"

	"citycard/cmd/service"
)

// atReaders is the phase of cardsim in which cards are held to the readers; its count is of taps,
// as the cards have them.
const (
	atReaders = "readers"
	atDesk    = "updates" // the same of a desk's updates
)

// progressLine is one progress report of a child process, or a passenger's request at the desk.
type progressLine struct {
	Phase string `json:"phase"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
	Ask   string `json:"ask"` // the code of an update of the card that is in the desk's reader
	From  int    `json:"from"`
}

// cardsim runs a cardsim command to its end and shows its progress.
func (d *demo) cardsim(ctx context.Context, args []string) error {
	phases := map[string]*service.Phase{}
	child, err := service.StartChild(ctx, service.ChildSpec{
		Program: "cardsim", Name: "cardsim " + args[0], Args: append(args, "--language", d.childLanguage()), Log: d.log,
		Line: service.JSONLines(func(s progressLine) error {
			if s.Ask != "" {
				return d.asked(ctx, s)
			}
			phase := phases[s.Phase]
			if phase == nil {
				phase = d.childPhase(s.Phase, s.Total)
				phases[s.Phase] = phase
			}
			phase.Set(s.Done, s.Total)
			switch s.Phase {
			case atReaders:
				d.report.PCSCTaps = int(s.Done)
			case atDesk:
				d.report.PCSCUpdates = int(s.Done)
			}
			if s.Done == s.Total {
				phase.Done()
			}
			return nil
		}),
	})
	if err != nil {
		return service.Fail("cannot start cardsim").Todo("build all three programs: make build").Because(err)
	}
	return child.Wait()
}

// childPhase begins a phase of cardsim.
func (d *demo) childPhase(name string, total int64) *service.Phase {
	switch name {
	case "issue":
		return d.progress.Phase(issuing, total)
	case "day":
		return d.progress.Phase(playing, total)
	case atReaders:
		return d.progress.Phase("ride at the readers", total)
	case atDesk:
		return d.progress.Phase("correct cards at the desk", total)
	}
	return d.progress.Phase(name, total)
}

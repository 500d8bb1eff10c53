package demo

import (
	"context"

	"citycard/cmd/service"
	"citycard/simulators/city"
)

// atReaders is the phase of cardsim in which cards are held to the readers; its count is of taps,
// as the cards have them.
const (
	atReaders = "readers"
	atDesk    = "updates" // the same of a desk's updates
	atLoads   = "loads"   // of what came onto them at counters
	atSales   = "sales"   // of those that were sold there
)

// progressLine is one progress report of a child process, a request at the desk, or what is wanted
// at a counter.
type progressLine struct {
	Phase string `json:"phase"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
	Ask   string `json:"ask"` // the code of an update of the card that is in the desk's reader
	From  int    `json:"from"`

	Till *city.Ask `json:"till"`
	ID   int       `json:"id"` // of what is wanted there
}

// cardsim runs a cardsim command to its end and shows its progress. serve does what is wanted at
// counters.
func (d *demo) cardsim(ctx context.Context, args []string, serve func(*city.Ask) error) error {
	phases := map[string]*service.Phase{}
	started := make(chan *service.Child, 1)
	served := func(s *progressLine) {
		child := <-started
		started <- child
		// A child that has ended says why.
		_ = answer(child, s.ID, serve(s.Till))
	}
	child, err := service.StartChild(ctx, service.ChildSpec{
		Program: "cardsim", Name: "cardsim " + args[0], Args: append(args, "--language", d.childLanguage()), Log: d.log,
		Line: service.JSONLines(func(s progressLine) error {
			switch {
			case s.Ask != "":
				return d.asked(ctx, s)
			case s.Till != nil:
				go served(&s)
				return nil
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
			case atLoads:
				d.report.PCSCLoads = int(s.Done)
			case atSales:
				d.report.PCSCSales = int(s.Done)
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
	started <- child
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
	case atLoads:
		return d.progress.Phase("load cards at the counters", total)
	case atSales:
		return d.progress.Phase("sell cards at the counters", total)
	}
	return d.progress.Phase(name, total)
}

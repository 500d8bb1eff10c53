package demo

import (
	"context"

	"citycard/cmd/service"
)

// atReaders is the phase of cardsim in which cards are held to the readers; its count is of taps,
// as the cards have them.
const atReaders = "readers"

// progressLine is one progress report of a child process.
type progressLine struct {
	Phase string `json:"phase"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
}

// cardsim runs a cardsim command to its end and shows its progress.
func (d *demo) cardsim(ctx context.Context, args []string) error {
	phases := map[string]*service.Phase{}
	child, err := service.StartChild(ctx, service.ChildSpec{
		Program: "cardsim", Name: "cardsim " + args[0], Args: append(args, "--language", d.childLanguage()), Log: d.log,
		Line: service.JSONLines(func(s progressLine) error {
			phase := phases[s.Phase]
			if phase == nil {
				phase = d.childPhase(s.Phase, s.Total)
				phases[s.Phase] = phase
			}
			phase.Set(s.Done, s.Total)
			if s.Phase == atReaders {
				d.report.PCSCTaps = int(s.Done)
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
	}
	return d.progress.Phase(name, total)
}

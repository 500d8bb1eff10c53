package main

import (
	"path/filepath"
	"strings"
	"time"

	"citycard/language"
	"citycard/terminals/modes"
)

// modes looks at the service modes that are kept, and at which are in force at the lanes now.
// Without the topic lanes go on with what they know.
func (d *doctor) modes(lanes []laneFlags, noTopic bool) {
	list, err := modes.Open(filepath.Join(d.Data, "modes"))
	if err != nil {
		d.find("modes", warning, language.Textf("%w", err), language.Textf("nothing: the broker has them, and the next ones are kept again"))
		return
	}
	zone, err := time.LoadLocation(d.zone)
	if err != nil {
		d.fails("modes", err, language.Textf("give --zone as Area/City"))
		return
	}
	var inForce []string
	for _, l := range lanes {
		if s := l.modesAt(list, time.Now().In(zone)); len(s.Kinds) > 0 {
			inForce = append(inForce, l.name+" "+strings.Join(codesOf(s.Kinds), "+"))
		}
	}
	now := strings.Join(inForce, ", ")
	if now == "" {
		now = "-"
	}
	switch {
	case noTopic:
		d.find("modes", warning, language.Textf("there is no topic modes, or the terminal may not see it; kept is version %d, in force now: %s", list.Version(), now),
			language.Textf("start citycard serve, which makes it, or give the terminal its rights"))
	default:
		d.find("modes", fine, language.Textf("topic modes is there; kept is version %d, in force now: %s", list.Version(), now), nil)
	}
}

package service

import (
	"flag"
	"slices"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"
)

// testVariables are the beginnings of a program's variables that only tests read.
func testVariables() []string { return []string{"TEST_", "SOAK_"} }

// variableOf is the environment variable of a flag.
func variableOf(program, name string) string {
	return strings.ToUpper(program + "_" + strings.ReplaceAll(name, "-", "_"))
}

// unknownVariables are the variables of an environment that begin with the program's prefix and
// that none of its commands reads. A mistyped variable would otherwise be ignored silently.
func (p *program) unknownVariables(environment []string) (unknown []string) {
	known := map[string]bool{PassphraseVariable: true}
	p.walk(p.root, func(c *ffcli.Command) {
		c.FlagSet.VisitAll(func(f *flag.Flag) { known[variableOf(p.name, f.Name)] = true })
	})
	for _, entry := range environment {
		name, value, _ := strings.Cut(entry, "=")
		if value == "" || !strings.HasPrefix(name, variableOf(p.name, "")) || known[name] {
			continue
		}
		if !slices.ContainsFunc(testVariables(), func(start string) bool { return strings.HasPrefix(name, variableOf(p.name, start)) }) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}

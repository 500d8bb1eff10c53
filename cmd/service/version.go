package service

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"

	"citycard/language"

	"github.com/peterbourgon/ff/v3/ffcli"
	"github.com/prometheus/client_golang/prometheus"
)

// Version is the build information that Go wrote into the program.
type Version struct {
	Program  string
	Number   string // a tag, or one that Go makes of the commit; (devel) where Go knew no commit
	Commit   string // empty if it was not built in a clone of the sources; a linked work tree does not count as one
	Time     string // of the commit
	Modified bool   // the work tree held more than the commit
	Go       string
}

// ReadVersion reads the running program's version.
func ReadVersion(program string) Version {
	v := Version{Program: program, Number: "(devel)", Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Number = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

// text gives one fact a line.
func (v Version) text() *language.Text {
	commit := language.Textf("unknown: Go saw none when it built this")
	if v.Commit != "" {
		commit = language.Textf("%s of %s", v.Commit, v.Time)
	}
	if v.Modified {
		commit = language.Textf("%w, with changes", commit)
	}
	return language.Textf("%s %s\ncommit  %s\nbuilt   with %s for %s/%s", v.Program, v.Number, commit, v.Go, runtime.GOOS, runtime.GOARCH)
}

// metric is the gauge PROGRAM_build_info, always 1.
func (v Version) metric() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: v.Program + "_build_info", Help: "The program that runs, by version, commit and Go's version; always 1.",
		ConstLabels: prometheus.Labels{"version": v.Number, "commit": v.Commit, "goversion": v.Go},
	}, func() float64 { return 1 })
}

// versionFlag is for people who do not know the command.
const versionFlag = "--version"

// VersionCommand is the command version of a program; --version does the same. Each of more adds
// a line.
func VersionCommand(program string, more ...func() (*language.Text, error)) *ffcli.Command {
	var l language.Language
	flags := flag.NewFlagSet(program+" version", flag.ContinueOnError)
	registerLanguage(flags, &l)
	return &ffcli.Command{
		Name: "version", ShortUsage: program + " version", ShortHelp: "say which version this is",
		FlagSet: flags,
		Exec: func(_ context.Context, args []string) error {
			if err := NoArguments(args); err != nil {
				return err
			}
			text := ReadVersion(program).text().In(l) + "\n"
			for _, line := range more {
				said, err := line()
				if err != nil {
					return err
				}
				text += said.In(l) + "\n"
			}
			_, err := fmt.Print(text)
			return err
		},
	}
}

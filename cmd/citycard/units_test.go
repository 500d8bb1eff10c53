package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	unitsDir     = "../../deploy/systemd"
	containerDir = "../../deploy/container"
)

// manual has the programs' answers to --help.
type manual struct {
	*testing.T
	programs
	pages map[string]string
}

func newManual(t *testing.T) *manual {
	t.Helper()
	return &manual{T: t, programs: build(t, "citycard", "cardterm", "cardhsm"), pages: map[string]string{}}
}

// help is the answer of a program, or of one of its commands.
func (m *manual) help(words ...string) string {
	m.Helper()
	key := strings.Join(words, " ")
	if m.pages[key] == "" {
		m.pages[key] = m.run(m.T, words[0], append(slices.Clone(words[1:]), "--help")...)
	}
	return m.pages[key]
}

// wantCommand checks that the program has the commands and flags of a command line.
func (m *manual) wantCommand(where string, line []string) (command []string) {
	m.Helper()
	command = []string{filepath.Base(line[0])}
	rest := line[1:]
	for len(rest) > 0 && regexp.MustCompile(`^[a-z][a-z-]*$`).MatchString(rest[0]) {
		if !regexp.MustCompile(`(?m)^  ` + regexp.QuoteMeta(rest[0]) + ` `).MatchString(m.help(command...)) {
			m.Errorf("%s: %s has no command %s", where, strings.Join(command, " "), rest[0])
			return command
		}
		command, rest = append(command, rest[0]), rest[1:]
	}
	for _, word := range rest {
		if strings.HasPrefix(word, "--") && !m.flag(word[2:], command...) {
			m.Errorf("%s: %s has no flag %s", where, strings.Join(command, " "), word)
		}
	}
	return command
}

func (m *manual) flag(name string, command ...string) bool {
	m.Helper()
	return regexp.MustCompile(`(?m)^  --` + regexp.QuoteMeta(name) + `\s`).MatchString(m.help(command...))
}

// unitSettings are the values of a unit's keys; continued lines are joined.
func unitSettings(text string) map[string][]string {
	settings := map[string][]string{}
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && !strings.HasPrefix(key, "#") {
			settings[key] = append(settings[key], value)
		}
	}
	return settings
}

// TestDeployedCommands checks that the programs have the commands that units, images and pages
// name.
func TestDeployedCommands(t *testing.T) {
	m := newManual(t)
	for name, check := range map[string]func(*testing.T, *manual){
		"units": checkUnits, "example settings": checkExampleSettings, "containerfile": checkContainerfile, "compose": checkCompose,
		"operations": checkRunbookCommands,
	} {
		t.Run(name, func(t *testing.T) {
			m.T = t
			check(t, m)
		})
	}
}

// checkUnits: the programs that the systemd units start exist, have every flag, read only
// credentials that the unit has, and write only in the unit's own directory.
func checkUnits(t *testing.T, m *manual) {
	units, err := filepath.Glob(filepath.Join(unitsDir, "*.service"))
	if err != nil || len(units) < 5 {
		t.Fatalf("units %v: %v", units, err)
	}
	credential := regexp.MustCompile(`%d/([a-z-]+)`)
	for _, path := range units {
		name := filepath.Base(path)
		unit := unitSettings(readFile(t, path))
		line := strings.Fields(strings.Join(unit["ExecStart"], " "))
		if len(line) == 0 {
			t.Errorf("%s starts nothing", name)
			continue
		}
		m.wantCommand(name, line)
		for _, used := range credential.FindAllStringSubmatch(strings.Join(line, " "), -1) {
			if !slices.ContainsFunc(unit["LoadCredential"], func(given string) bool { return strings.HasPrefix(given, used[1]+":") }) {
				t.Errorf("%s: no credential %s", name, used[1])
			}
		}
		for _, word := range line {
			state := "/var/lib/" + strings.Join(unit["StateDirectory"], "")
			if strings.HasPrefix(word, "/var/lib/") && !strings.HasPrefix(word+"/", state+"/") {
				t.Errorf("%s: %s is not in its directory %s", name, word, state)
			}
		}
		for _, want := range []string{"NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "CapabilityBoundingSet="} {
			key, value, _ := strings.Cut(want, "=")
			if !slices.Contains(unit[key], value) {
				t.Errorf("%s: want %s", name, want)
			}
		}
		if len(unit["User"]) == 0 && !slices.Contains(unit["DynamicUser"], "yes") {
			t.Errorf("%s runs as root", name)
		}
	}
}

// checkExampleSettings: each line of the configuration files beside the units is a flag of the
// command that reads it.
func checkExampleSettings(t *testing.T, m *manual) {
	for file, command := range map[string][]string{
		"citycard.conf": {"citycard", "serve"}, "verify.conf": {"citycard", "verify"}, "gate.conf": {"cardterm"}, "station.conf": {"cardterm", "station"}, "counter.conf": {"cardterm", "counter"}, "issue.conf": {"cardterm", "issue"}, "keyservice.conf": {"citycard", "keyservice"}, "cardhsm.conf": {"cardhsm", "serve"},
	} {
		lines := 0
		for line := range strings.Lines(readFile(t, filepath.Join(unitsDir, file))) {
			fields := strings.Fields(line)
			if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
				continue
			}
			if lines++; !m.flag(fields[0], command...) {
				t.Errorf("%s: %s has no flag --%s", file, strings.Join(command, " "), fields[0])
			}
		}
		if lines == 0 {
			t.Errorf("%s has no settings", file)
		}
	}
}

// TestUnitsVerified lets systemd's own tool look at the units, with the programs where they say.
func TestUnitsVerified(t *testing.T) {
	tool, err := exec.LookPath("systemd-analyze")
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("systemd-analyze is not installed, so the units were not checked; on Debian: deploy/setup.sh test")
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(unitsDir)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"verify", "--man=no", "--recursive-errors=no"}
	for _, entry := range entries {
		name := entry.Name()
		if ext := filepath.Ext(name); ext != ".service" && ext != ".timer" {
			continue
		}
		text := regexp.MustCompile(`/usr/bin/(citycard|cardterm|cardhsm)\b`).ReplaceAllString(readFile(t, filepath.Join(unitsDir, name)), program)
		name = strings.Replace(name, "@.", "@a.", 1)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, filepath.Join(dir, name))
	}
	out, err := exec.Command(tool, args...).CombinedOutput()
	if err != nil || strings.Contains(string(out), dir) {
		t.Errorf("systemd-analyze %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// checkRunbookCommands: the commands that docs/operations.md names exist, with their flags.
func checkRunbookCommands(t *testing.T, m *manual) {
	found := regexp.MustCompile("`((?:citycard|cardterm) [^`…]*)").FindAllStringSubmatch(readFile(t, runbookFile), -1)
	if len(found) < 20 {
		t.Fatalf("%d commands were found: too few", len(found))
	}
	for _, command := range found {
		m.wantCommand(command[1], strings.Fields(command[1]))
	}
}

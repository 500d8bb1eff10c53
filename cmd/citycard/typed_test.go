package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTyped pastes every block, also those that TestPasted leaves out, into a shell whose programs
// only record how they are called. Our programs must know each command with its flags, make must
// know each target, and the Chinese README must have the same commands as the English one.
func TestTyped(t *testing.T) {
	t.Parallel()
	p := build(t, ours()...)
	typed := map[string][]string{}
	for _, page := range pages(t) {
		for _, f := range fences(t, page) {
			if !f.commands() {
				continue
			}
			for _, call := range typedBy(t, f) {
				typed[page] = append(typed[page], strings.Join(call, " "))
				checkCall(t, p, f, call)
			}
		}
	}
	english, chinese := typed["README.md"], typed["README.zh-CN.md"]
	if len(english) < 10 || !slices.Equal(english, chinese) {
		t.Errorf("README.md types\n%s\nREADME.zh-CN.md types\n%s", strings.Join(english, "\n"), strings.Join(chinese, "\n"))
	}
}

// stub records its name and arguments in one write, since another stub may run at the same time.
const stub = `#!/bin/sh
line=${0##*/} unit=$(printf '\037')
for argument; do line=$line$unit$argument; done
printf '%s\n' "$line" >>"$TYPED"
`

// typedBy returns the calls of our programs and of make in a block, in an order that does not
// depend on background jobs. Other programs are not available.
func typedBy(t *testing.T, f fence) (calls [][]string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(dir, filepath.Join(dir, "bin")); err != nil {
		t.Fatal(err)
	}
	for _, name := range append(ours(), "make") {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(stub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	date, err := exec.LookPath("date")
	if err == nil {
		err = os.Symlink(date, filepath.Join(dir, "date"))
	}
	bash, missing := exec.LookPath("bash")
	if err != nil || missing != nil {
		t.Fatal(err, missing)
	}
	for _, name := range []string{"numbers.txt", "tap.txt"} { // what blocks read
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file, failed := filepath.Join(dir, "typed"), filepath.Join(dir, "failed")
	shell := exec.CommandContext(t.Context(), bash, "-s")
	shell.Dir, shell.Env = dir, []string{"PATH=" + dir, "TYPED=" + file}
	shell.Stdin = strings.NewReader("trap 's=$?; [ $s = 127 ] || echo \"exit code $s: $BASH_COMMAND\" >>" + failed + "' ERR\n" + f.script() + "\nwait\n")
	if out, err := shell.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", f, err, out)
	}
	if text, err := os.ReadFile(failed); err == nil {
		t.Errorf("%s: %s", f, text)
	}
	text, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		calls = append(calls, strings.Split(strings.TrimSuffix(line, "\n"), "\037"))
	}
	slices.SortFunc(calls, slices.Compare)
	return calls
}

// checkCall asks our program for the help of the command that is called, and make for a dry run.
func checkCall(t *testing.T, p programs, f fence, call []string) {
	t.Helper()
	args := append(call[1:len(call):len(call)], "--help")
	command := p.command(t.Context(), call[0], args...)
	if call[0] == "make" {
		command = exec.CommandContext(t.Context(), "make", append([]string{"-n"}, call[1:]...)...)
		command.Dir = "../.."
	}
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("%s: %s: %v\n%s", f, strings.Join(call, " "), err, out)
	}
}

// TestReadmeNamesCommands: the table in README has every command of our programs.
func TestReadmeNamesCommands(t *testing.T) {
	for _, page := range []string{"README.md", "README.zh-CN.md"} {
		text, err := os.ReadFile("../../" + page)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range rootCommand().Subcommands {
			if !strings.Contains(string(text), "`"+c.Name+"`") {
				t.Errorf("%s does not name citycard %s", page, c.Name)
			}
		}
	}
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tearsOnce stands for cardsim: the first card that is put into a reader is torn at its first
// change.
const tearsOnce = `#!/bin/sh
case "$*" in *--commands*) mkdir "$0.torn" 2>/dev/null || exec "$0.real" "$@" ;; *) exec "$0.real" "$@" ;; esac
sed -u '1a tear before' | "$0.real" "$@" | sed -u 2d
`

// A card that is torn while the demonstration personalises it is replaced by another blank.
func TestDemoTakesAnotherBlank(t *testing.T) {
	t.Parallel()
	p, dir := build(t, "citycard", "cardterm", "cardsim"), reachableDir(t)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, as := range map[string]string{"citycard": "citycard", "cardterm": "cardterm", "cardsim": "cardsim.real"} {
		check(os.Link(filepath.Join(p.dir, name), filepath.Join(dir, as)))
	}
	check(os.WriteFile(filepath.Join(dir, "cardsim"), []byte(tearsOnce), 0o700))
	p.dir = dir
	command := p.command(t.Context(), "citycard", "demo", "--data", filepath.Join(dir, "data"), "--cards", "100", "--pcsc-cards", "20", "--day", "20260105")
	log, err := os.Create(filepath.Join(dir, "log"))
	check(err)
	defer log.Close()
	command.Stdout, command.Stderr = log, log
	check(command.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = command.Wait() }()
	said := func(line string) bool {
		text, err := os.ReadFile(log.Name())
		check(err)
		return strings.Contains(string(text), line)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for over := false; !over && !said("issue through PC/SC: done, 20"); {
		select {
		case <-ended:
			over = true
		case <-tick.C:
		}
	}
	_ = command.Process.Signal(syscall.SIGTERM) // it may have ended
	<-ended
	if !said("a blank card is spoilt; another one is taken") || !said("issue through PC/SC: done, 20") {
		text, _ := os.ReadFile(log.Name())
		t.Errorf("no card was torn, or no other taken:\n%s", text)
	}
}

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"citycard/cmd/service"
	"citycard/language"
)

// Ends of the names of keys: one in a file under a passphrase, and one that an ssh-agent has.
const (
	keyEnd   = ".key"
	agentEnd = ".pub"
)

// clerks are those whose keys are in the folder that --identity names, by the names of their files;
// nil where it names one key. The public half beside a sealed key is nobody's.
func (f *officeFlags) clerks() ([]string, error) {
	entries, err := f.folder()
	if err != nil || entries == nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		for _, end := range []string{keyEnd, agentEnd} {
			if name, ok := strings.CutSuffix(e.Name(), end); ok && isClerk(name) && !e.IsDir() {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func isClerk(name string) bool { return name != "" && !strings.HasSuffix(name, keyEnd) }

// folder lists the folder of keys; nil where --identity names a file, or nothing that is there.
func (f *officeFlags) folder() ([]os.DirEntry, error) {
	info, err := os.Stat(f.identity)
	if err != nil || !info.IsDir() {
		return nil, nil //nolint:nilerr // who opens the key says what is wrong
	}
	entries, err := os.ReadDir(f.identity)
	if err != nil {
		return nil, service.Fail("nobody is signed in").Todo("correct --identity").Because(err)
	}
	return append([]os.DirEntry{}, entries...), nil
}

// keyOf is the file of a clerk's key. Where --identity names one key, it is everybody's.
func (f *officeFlags) keyOf(clerk string) (string, error) {
	entries, err := f.folder()
	if err != nil || entries == nil {
		return f.identity, err
	}
	for _, end := range []string{keyEnd, agentEnd} { // a sealed key has its public one beside it
		for _, e := range entries {
			if isClerk(clerk) && e.Name() == clerk+end && !e.IsDir() {
				return filepath.Join(f.identity, e.Name()), nil
			}
		}
	}
	names, err := f.clerks()
	if err != nil {
		return "", err
	}
	return "", service.Exit(service.ExitUsage, service.Fail("nobody is signed in").Todo("give --clerk NAME").
		Because(language.Textf("the folder has the keys of %s", strings.Join(names, ", "))))
}

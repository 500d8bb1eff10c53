package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A folder of keys has one for each clerk; nobody gets another's, or a file beside it.
func TestClerks(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "clerks")
	must(t, os.MkdirAll(filepath.Join(folder, "old.key"), 0o700)) // a folder is no key
	for _, name := range []string{"ann.key", "ann.key.pub", "ann.pub", "bob.pub", "notes.txt", ".key"} {
		must(t, os.WriteFile(filepath.Join(folder, name), nil, 0o600))
	}
	must(t, os.WriteFile(filepath.Join(dir, "mia.key"), nil, 0o600))
	f := officeFlags{identity: folder}
	names, err := f.clerks()
	if must(t, err); !slices.Equal(names, []string{"ann", "bob"}) {
		t.Errorf("clerks %v", names)
	}
	for clerk, want := range map[string]string{"ann": "ann.key", "ann.key": "", "bob": "bob.pub", "": "", "old": "", "../mia": "", "notes.txt": "", "mia": ""} {
		path, err := f.keyOf(clerk)
		if want != "" && (err != nil || path != filepath.Join(folder, want)) || want == "" && (err == nil || !strings.Contains(err.Error(), "ann, bob")) {
			t.Errorf("%q: %s, %v", clerk, path, err)
		}
	}
	f.identity = filepath.Join(dir, "mia.key")
	if path, err := f.keyOf("ann"); err != nil || path != f.identity {
		t.Errorf("one key: %s, %v", path, err)
	}
	if names, err := f.clerks(); err != nil || names != nil {
		t.Errorf("clerks of one key: %v, %v", names, err)
	}
}

// The number of a certificate is read from a file, and is no argument that others can read.
func TestCertificateFile(t *testing.T) {
	p := newCounterProgram()
	path := filepath.Join(t.TempDir(), "certificate")
	for content, want := range map[string]string{certificate + "\n": certificate, " 12 \r\n": "12", "": "", "1\n2\n": "", strings.Repeat("1", 129): ""} {
		must(t, os.WriteFile(path, []byte(content), 0o600))
		got, err := p.certificate(path)
		if got != want || (err == nil) != (want != "") || err != nil && content != "" && strings.Contains(err.Error(), strings.TrimSpace(content)) {
			t.Errorf("%.20q: %q, %v", content, got, err)
		}
	}
	if got, err := p.certificate(""); got != "" || err != nil {
		t.Errorf("without one: %q, %v", got, err)
	}
	if _, err := p.certificate(path + ".gone"); err == nil {
		t.Error("a file that is not there is read")
	}
	out, err := command(t, "counter", "return", "--certificate", certificate).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "unknown flag --certificate;") {
		t.Errorf("it is an argument: %v, %s", err, out)
	}
}

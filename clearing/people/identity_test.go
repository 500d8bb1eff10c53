package people_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"citycard/clearing/people"
	"citycard/clearing/people/peopletest"
)

func content(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func passphrase(text string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(text), nil }
}

// TestOpen opens key files, and refuses those that must not be used.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	sealed, plain := peopletest.KeyFile(t, dir, "ann", false), peopletest.KeyFile(t, dir, "bob", true)
	text, line, err := people.MakeKey(rand.Reader, "cleo@desk", []byte("p"), false)
	if err != nil {
		t.Fatal(err)
	}
	made := file("made", string(text), 0o600)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	encoded := func(passphrase string) string {
		block, err := ssh.MarshalPrivateKeyWithPassphrase(rsaKey, "", []byte(passphrase))
		if passphrase == "" {
			block, err = ssh.MarshalPrivateKey(rsaKey, "")
		}
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(block))
	}
	for _, test := range []struct {
		name, path, passphrase string
		demo                   bool
		why                    people.Why
		says                   string
	}{
		{"under a passphrase", sealed, peopletest.Passphrase, false, "", ""},
		{"made here", made, "p", false, "", ""},
		{"a wrong passphrase", sealed, "wrong", false, people.BadFile, "the passphrase does not open"},
		{"no passphrase given", sealed, "", false, people.BadFile, "the passphrase does not open"},
		{"under none", plain, "", false, people.BadFile, "is under no passphrase"},
		{"under none, in a demonstration", plain, "", true, "", ""},
		{"others can read it", file("open", string(content(t, sealed)), 0o640), peopletest.Passphrase, false, people.BadFile, "its mode is 0640"},
		{"others can write it", file("written", string(content(t, sealed)), 0o602), peopletest.Passphrase, false, people.BadFile, "its mode is 0602"},
		{"an RSA key", file("rsa", encoded("p"), 0o600), "p", false, people.BadKey, "an RSA key"},
		{"an RSA key under none", file("rsa-plain", encoded(""), 0o600), "", true, people.BadKey, "an RSA key"},
		{"a public key", file("public", line, 0o600), "", true, people.BadFile, "has a public key"},
		{"not there", filepath.Join(dir, "gone"), "", true, people.BadFile, "there is no key file"},
		{"a directory", dir, "", true, people.BadFile, "is no file"},
		{"empty", file("empty", "", 0o600), "", true, people.BadFile, "is no OpenSSH private key"},
		{"long", file("long", strings.Repeat("x", 70000), 0o600), "", true, people.BadFile, "has 70000 bytes"},
		{"cut", file("cut", string(content(t, sealed)[:200]), 0o600), "", true, people.BadFile, "is no OpenSSH private key"},
	} {
		identity, err := people.Open(test.path, people.Opening{Passphrase: passphrase(test.passphrase), Demo: test.demo})
		wants(t, test.name, err, test.why)
		if err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %q", test.name, err, test.says)
		}
		if err == nil {
			signs(t, test.name, identity)
		}
	}
	if !strings.HasSuffix(line, " cleo@desk\n") {
		t.Errorf("the public key's line is %q", line)
	}
	text, _, err = people.MakeKey(rand.Reader, "desk", nil, true)
	if err != nil {
		t.Fatal(err)
	}
	service := filepath.Join(t.TempDir(), "service.key")
	if err := os.WriteFile(service, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := people.Open(service, people.Opening{}); err == nil {
		t.Error("a key under no passphrase is opened as anybody's")
	}
	if key, err := people.Open(service, people.Opening{Service: true}); err != nil || !key.Plain() || key.Fits(true) != nil || key.Fits(false) == nil {
		t.Errorf("a service's key: %v", err)
	}
	if _, _, err := people.MakeKey(rand.Reader, "", nil, false); err == nil {
		t.Error("made a key under no passphrase")
	}
	asked := errors.New("nobody answers")
	if _, err := people.Open(sealed, people.Opening{Passphrase: func() ([]byte, error) { return nil, asked }}); !errors.Is(err, asked) {
		t.Errorf("where nobody gives the passphrase: %v", err)
	}
}

func signs(t *testing.T, name string, identity *people.Identity) {
	t.Helper()
	sig, err := people.Sign(identity, statement())
	if err == nil {
		_, err = people.Verify(sig, identity.Public())
	}
	if err = errors.Join(err, identity.Close()); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// TestAgent signs with a key that an ssh-agent holds.
func TestAgent(t *testing.T) {
	dir := t.TempDir()
	ann, bob := peopletest.KeyFile(t, dir, "ann", true), peopletest.KeyFile(t, dir, "bob", true)
	ring := agent.NewKeyring()
	key, err := ssh.ParseRawPrivateKey(content(t, ann))
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "agent")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(ring, conn) }()
		}
	}()
	rsaLine := filepath.Join(dir, "rsa.pub")
	if err := os.WriteFile(rsaLine, []byte("ssh-rsa AAAA\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, path, socket string
		why                people.Why
		says               string
	}{
		{"it has the key", ann + ".pub", socket, "", ""},
		{"it does not have it", bob + ".pub", socket, people.NoAgent, "the ssh-agent does not have the key"},
		{"there is none", ann + ".pub", "", people.NoAgent, "there is no ssh-agent"},
		{"it does not answer", ann + ".pub", filepath.Join(dir, "gone"), people.NoAgent, "the ssh-agent does not answer"},
		{"another algorithm", rsaLine, socket, people.BadKey, "an RSA key"},
		{"no file", filepath.Join(dir, "gone.pub"), socket, people.BadFile, "the key file cannot be read"},
	} {
		identity, err := people.Open(test.path, people.Opening{Agent: test.socket})
		wants(t, test.name, err, test.why)
		if err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %q", test.name, err, test.says)
		}
		if err == nil {
			signs(t, test.name, identity)
		}
	}
	// An agent that locks itself does not sign.
	identity, err := people.Open(ann+".pub", people.Opening{Agent: socket})
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.RemoveAll(); err != nil {
		t.Fatal(err)
	}
	_, err = people.Sign(identity, statement())
	wants(t, "a key that was taken out", err, people.NoAgent)
	if err := identity.Close(); err != nil {
		t.Error(err)
	}
}

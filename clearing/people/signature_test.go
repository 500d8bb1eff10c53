package people_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"citycard/clearing/people"
	"citycard/clearing/people/peopletest"
	"citycard/ledger/chain"
)

func statement() people.Statement {
	return people.Statement{
		Books: "11111111-2222-4333-8444-555555555555", Person: "ann", Act: "read a person", What: "one <person> & no \"other\"",
		Reason: "投诉 x", At: time.Date(2026, 1, 5, 9, 0, 0, 123456000, time.FixedZone("", 8*3600)),
	}
}

// TestStatementText writes a statement in its one text, which is what ssh-keygen would be given.
func TestStatementText(t *testing.T) {
	s := statement()
	const want = `{"books":"11111111-2222-4333-8444-555555555555","person":"ann","act":"read a person","what":"one <person> & no \"other\"","reason":"投诉 x","at":"2026-01-05T01:00:00.123456Z"}`
	text, err := s.Text()
	if err != nil || text != want {
		t.Fatalf("%s, %v; want\n%s", text, err, want)
	}
	read, err := people.ParseStatement(text)
	if again, _ := read.Text(); err != nil || again != want || !read.At.Equal(s.At) {
		t.Errorf("read back: %+v, %v", read, err)
	}
	for _, other := range []string{
		"", "{", "null", text + " ", " " + text, strings.Replace(text, ",", ", ", 1), strings.Replace(text, `"books"`, `"Books"`, 1),
		strings.Replace(text, `"person":"ann",`, `"person":"bob","person":"ann",`, 1), strings.Replace(text, `"person":"ann",`, "", 1),
		strings.Replace(text, `<`, `\u003c`, 1), strings.Replace(text, "Z", "+00:00", 1), strings.Replace(text, ".123456Z", ".1234560Z", 1),
		strings.Replace(text, `"at"`, `"x":1,"at"`, 1), strings.Replace(text, "ann", "", 1), strings.Replace(text, "complaint", "\xff", 1) + "\xff",
		strings.Replace(text, "2026", "1026", 1), strings.Replace(text, "ann", strings.Repeat("a", 9000), 1), text + text,
	} {
		_, err := people.ParseStatement(other)
		wants(t, other, err, people.BadStatement)
	}
	s.What = ""
	_, err = s.Text()
	wants(t, "nothing done", err, people.BadStatement)
}

// blob is a signature on the wire, as PROTOCOL.sshsig of OpenSSH has it.
type blob struct {
	Magic                                       [6]byte
	Version                                     uint32
	Key, Namespace, Reserved, Digest, Signature string
}

// TestVerify accepts one signature of a statement, and nothing else that the library would accept.
func TestVerify(t *testing.T) {
	ann := peopletest.Key(t, "ann")
	good, err := people.Sign(ann, statement())
	if err != nil {
		t.Fatal(err)
	}
	if read, err := people.Verify(good, ann.Public()); err != nil || read.Person != "ann" {
		t.Fatalf("%+v, %v", read, err)
	}
	raw, err := base64.StdEncoding.DecodeString(good.Signature)
	if err != nil {
		t.Fatal(err)
	}
	edited := func(edit func(*blob)) chain.Signature {
		var b blob
		if err := ssh.Unmarshal(raw, &b); err != nil {
			t.Fatal(err)
		}
		edit(&b)
		sig := good
		sig.Signature = base64.StdEncoding.EncodeToString(ssh.Marshal(b))
		return sig
	}
	with := func(edit func(*chain.Signature)) chain.Signature {
		sig := good
		edit(&sig)
		return sig
	}
	for _, test := range []struct {
		name string
		sig  chain.Signature
	}{
		{"another namespace", signedIn(t, "file", sshsig.HashSHA512)},
		{"another digest", signedIn(t, people.Namespace, sshsig.HashSHA256)},
		{"another digest named", edited(func(b *blob) { b.Digest = "sha256" })},
		{"something reserved", edited(func(b *blob) { b.Reserved = "x" })},
		{"bytes behind the inner signature", edited(func(b *blob) { b.Signature += "x" })},
		{"another version", edited(func(b *blob) { b.Version = 2 })},
		{"another magic", edited(func(b *blob) { b.Magic[0] = 'x' })},
		{"another key inside", edited(func(b *blob) { b.Key = string(publicOf(t, "bob").Marshal()) })},
		{"bytes behind", with(func(s *chain.Signature) {
			s.Signature = base64.StdEncoding.EncodeToString(append(raw[:len(raw):len(raw)], 0))
		})},
		{"a line end", with(func(s *chain.Signature) { s.Signature = s.Signature[:4] + "\n" + s.Signature[4:] })},
		{"not base64", with(func(s *chain.Signature) { s.Signature = "?" })},
		{"none", with(func(s *chain.Signature) { s.Signature = "" })},
		{"altered text", with(func(s *chain.Signature) { s.Statement = strings.Replace(s.Statement, "ann", "bob", 1) })},
		{"another key named", with(func(s *chain.Signature) { s.Key = peopletest.Key(t, "bob").Public().Fingerprint() })},
		{"no key named", with(func(s *chain.Signature) { s.Key = "" })},
		{"flipped", with(func(s *chain.Signature) {
			raw := bytes.Clone(raw)
			raw[len(raw)-1] ^= 1
			s.Signature = base64.StdEncoding.EncodeToString(raw)
		})},
	} {
		_, err := people.Verify(test.sig, ann.Public())
		wants(t, test.name, err, people.BadSignature)
	}
	if _, err := people.Verify(good, people.PublicKey{}); err == nil {
		t.Error("verified under no key")
	}
}

func publicOf(t *testing.T, id string) ssh.PublicKey {
	t.Helper()
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(peopletest.Key(t, id).Public().String()))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// signedIn is ann's signature of the statement, made by the library itself.
func signedIn(t *testing.T, namespace string, digest sshsig.HashAlgorithm) chain.Signature {
	t.Helper()
	s := statement()
	text, err := s.Text()
	if err != nil {
		t.Fatal(err)
	}
	path := peopletest.KeyFile(t, t.TempDir(), "ann", true)
	signer, err := ssh.ParsePrivateKey(content(t, path))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := sshsig.Sign(strings.NewReader(text), signer, digest, namespace)
	if err != nil {
		t.Fatal(err)
	}
	return chain.Signature{Key: ssh.FingerprintSHA256(signer.PublicKey()), Statement: text, Signature: base64.StdEncoding.EncodeToString(signed.Marshal())}
}

// TestAlgorithms refuses keys of other algorithms, each by its name.
func TestAlgorithms(t *testing.T) {
	line := func(key any) string {
		public, err := ssh.NewPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return string(ssh.MarshalAuthorizedKey(public))
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edKey, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := line(edKey)
	sk := "sk-ssh-ed25519@openssh.com " + base64.StdEncoding.EncodeToString(ssh.Marshal(struct{ Type, Key, Application string }{"sk-ssh-ed25519@openssh.com", string(edKey), "ssh:"}))
	for _, test := range []struct{ name, line, want string }{
		{"Ed25519", good, ""},
		{"with a comment", strings.TrimSpace(good) + " ann@desk\n", ""},
		{"RSA", line(&rsaKey.PublicKey), "an RSA key (ssh-rsa)"},
		{"ECDSA", line(&ecKey.PublicKey), "an ECDSA key (ecdsa-sha2-nistp256)"},
		{"a security key", sk, "a key of a security key (sk-ssh-ed25519@openssh.com)"},
		{"a certificate", "ssh-ed25519-cert-v01@openssh.com AAAA", "a certificate (ssh-ed25519-cert-v01@openssh.com)"},
		{"unknown", "ssh-sm2 AAAA", `a key of the algorithm "ssh-sm2"`},
		{"two lines", good + good, "this is no public key"},
		{"with options", "no-pty " + good, "this is no public key"},
		{"the wrong name", strings.Replace(line(&rsaKey.PublicKey), "ssh-rsa", "ssh-ed25519", 1), ""},
		{"none", "", "this is no public key"},
		{"a private key", "-----BEGIN OPENSSH PRIVATE KEY-----", "this is no public key"},
	} {
		key, err := people.ParsePublicKey(test.line)
		if test.name == "the wrong name" {
			var refusal *people.Refusal
			if !errors.As(err, &refusal) || refusal.Why != people.BadKey {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		if test.want == "" && (err != nil || key.String() != strings.Join(strings.Fields(test.line)[:2], " ")) {
			t.Errorf("%s: %s, %v", test.name, key, err)
		}
		if test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

// FuzzParseStatement reads no text but the one that the statement it reads is written as.
func FuzzParseStatement(f *testing.F) {
	s := statement()
	text, err := s.Text()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(`{"books":"b","person":"p","act":"a","what":"w","reason":"","at":"2026-01-05T01:00:00Z"}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := people.ParseStatement(text)
		if err != nil {
			return
		}
		if again, err := s.Text(); err != nil || again != text {
			t.Errorf("%q is read, and written as %q, %v", text, again, err)
		}
	})
}

// FuzzVerify takes no signature but the one that was made.
func FuzzVerify(f *testing.F) {
	ann := peopletest.Key(f, "ann")
	good, err := people.Sign(ann, statement())
	if err != nil {
		f.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(good.Signature)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good.Statement, raw)
	f.Add(good.Statement, raw[:len(raw)-1])
	f.Fuzz(func(t *testing.T, text string, blob []byte) {
		_, err := people.Verify(chain.Signature{Key: good.Key, Statement: text, Signature: base64.StdEncoding.EncodeToString(blob)}, ann.Public())
		if same := text == good.Statement && bytes.Equal(blob, raw); same != (err == nil) {
			t.Errorf("the statement %q with %x: %v", text, blob, err)
		}
	})
}

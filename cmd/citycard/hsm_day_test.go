package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"citycard/broker/kafkatest"
	"citycard/cardos/hsm/hsmtest"
	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
	"citycard/cardos/keyservice/keyservicetest"
	"citycard/cardos/personalisation"
	"citycard/simulators/plan"
)

// issuer is a key service with masters in SoftHSM2, and the certificates of its clients.
type issuer struct {
	*testing.T
	programs
	dir   string
	url   string
	ops   string
	token []string // flags of the commands that log in
	args  []string
	cmd   *exec.Cmd
	log   bytes.Buffer
}

// newIssuer moves the masters of a store's file into a token, and starts the service.
func newIssuer(t *testing.T, p programs, dir, keyFile string) *issuer {
	t.Helper()
	library := hsmtest.Find(t)
	settings, err := hsmtest.Directory(dir)
	if err != nil {
		t.Fatal(err)
	}
	p.env = append(append([]string(nil), p.env...), hsmtest.Settings+"="+settings)
	i := &issuer{T: t, programs: p, dir: dir}
	pin, officer := i.write("pin", "123456"), i.write("officer", "654321")
	i.token = []string{"--library", library, "--token", "cards", "--pin-file", pin}
	p.run(t, "cardhsm", append([]string{"init", "--officer-pin-file", officer}, i.token...)...)
	p.run(t, "cardhsm", append([]string{"import", "--demo", "--keys", keyFile}, i.token...)...)
	keyservicetest.Certificate(t, dir, "service", time.Now())
	clients := keyservicetest.Clients(t, dir, time.Now(), map[string][]keyservice.Operation{
		"clearing": {keyservice.Loads, keyservice.Clearing}, "counter": {keyservice.Personalise},
	})
	issuer := plan.Issuer()
	orders := keyservicetest.OrdersFile(t, dir, "counter", hex.EncodeToString(issuer[:]))
	address := kafkatest.FreeAddress(t)
	i.url, i.ops = "https://"+address, kafkatest.FreeAddress(t)
	i.args = append([]string{
		"serve", "--demo", "--data", filepath.Join(dir, "data"), "--listen", address, "--ops", i.ops, "--clients", clients, "--orders", orders,
		"--tls-cert", filepath.Join(dir, "service.pem"), "--tls-key", filepath.Join(dir, "service.key"),
	}, i.token...)
	i.start()
	return i
}

func (i *issuer) write(name, text string) string {
	i.Helper()
	path := filepath.Join(i.dir, name)
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		i.Fatal(err)
	}
	return path
}

// as are the flags of a client of the service.
func (i *issuer) as(name string) []string {
	at := func(file string) string { return filepath.Join(i.dir, file) }
	return []string{"--key-service", i.url, "--key-service-cert", at(name + ".pem"), "--key-service-key", at(name + ".key"), "--key-service-ca", at("service.pem")}
}

// start starts the service and waits until it answers.
func (i *issuer) start() {
	i.Helper()
	i.cmd = i.command(context.WithoutCancel(i.Context()), "cardhsm", i.args...)
	i.cmd.Stdout, i.cmd.Stderr = &i.log, &i.log
	if err := i.cmd.Start(); err != nil {
		i.Fatal(err)
	}
	for limit := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		response, err := http.Get("http://" + i.ops + "/readyz") //nolint:noctx // a test's
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(limit) {
			i.Fatalf("cardhsm is not ready\n%s", i.log.String())
		}
	}
}

func (i *issuer) end(signal os.Signal) {
	i.Helper()
	err := i.cmd.Process.Signal(signal)
	ended := i.cmd.Wait()
	if err != nil || signal == syscall.SIGTERM && ended != nil {
		i.Fatalf("%v, %v\n%s", err, ended, i.log.String())
	}
}

// rotates makes another generation with a process of its own; the service takes it up by itself.
func (i *issuer) rotates() {
	i.Helper()
	i.run(i.T, "cardhsm", append([]string{"rotate"}, i.token...)...)
	pair, err := tls.LoadX509KeyPair(filepath.Join(i.dir, "counter.pem"), filepath.Join(i.dir, "counter.key"))
	if err != nil {
		i.Fatal(err)
	}
	root, err := os.ReadFile(filepath.Join(i.dir, "service.pem"))
	roots := x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM(root) {
		i.Fatal(err)
	}
	client, err := keyservice.NewClient(keyservice.Settings{
		URL: i.url, Patience: time.Minute, TLS: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, RootCAs: roots},
	})
	if err != nil {
		i.Fatal(err)
	}
	defer client.Close()
	issue, err := client.Personalise(i.Context(), keyservice.Blank{
		Order: personalisation.Samples, Card: keyservice.Card{Kind: keyservice.Transit, Transit: keys.CardID{Issuer: plan.Issuer(), ASN: [10]byte{0x99}}},
	})
	if err != nil || issue.Version != 2 {
		i.Errorf("a card after the rotation has keys of version %d, %v", issue.Version, err)
	}
}

// TestDayOnToken: a whole day of a city whose masters are in a token. Its cards are personalised
// and loaded through cardhsm, which is killed in the middle, and clearing has its TAC masters
// from there. The books hold, and the server's memory has no other master.
func TestDayOnToken(t *testing.T) {
	t.Parallel()
	p := build(t, "citycard", "cardsim", "cardhsm")
	dir := reachableDir(t)
	data, field, secrets := filepath.Join(dir, "data"), filepath.Join(dir, "field"), filepath.Join(dir, "issuer")
	if err := os.Mkdir(secrets, 0o700); err != nil {
		t.Fatal(err)
	}
	store, keyFile := keys.GenerateTest(7), filepath.Join(secrets, "keys.age")
	if err := store.WithWorkFactor(2).Create(keyFile, passphrase); err != nil {
		t.Fatal(err)
	}
	service := newIssuer(t, p, secrets, keyFile)
	city := []string{"--data", field, "--cards", "300", "--seed", "7", "--keys", keyFile, "--day", testDay}
	p.run(t, "cardsim", append(append([]string{"issue", "--order", personalisation.Samples}, city...), service.as("counter")...)...)

	s, kafka, api := p.serving(t, data, filepath.Join(field, "registry"))
	s.args = append(s.args, service.as("clearing")...)
	s.start()
	s.ready()
	staff := p.enrolled(t, "--data", data)
	staff.receive("50000000", "fund:employee", "fund:resident", "pension:fund")
	access := serverAccess(data)
	play := p.command(t.Context(), "cardsim", append([]string{
		"city", "--kafka", fmt.Sprintf("127.0.0.1:%d", kafka), "--kafka-user", access.User, "--kafka-password-file", access.PasswordFile,
		"--api", fmt.Sprintf("http://127.0.0.1:%d", api), "--tokens", staff.letIn(filepath.Join(field, "registry")),
	}, city...)...)
	var said bytes.Buffer
	play.Stdout, play.Stderr = &said, &said
	played := make(chan error, 1)
	var ended atomic.Bool
	go func() {
		played <- play.Run()
		ended.Store(true)
	}()
	s.booked(&ended)
	service.end(syscall.SIGKILL)
	service.start()
	if err := <-played; err != nil {
		t.Fatalf("the city: %v\n%s\n%s", err, said.String(), s.log.String())
	}
	remembered(t, s.cmd.Process.Pid, store)
	service.rotates()
	p.run(t, "citycard", "day", "close", "--data", data, "--day", testDay)
	var v verification
	out := p.run(t, "citycard", "verify", "--data", data, "--truth", filepath.Join(field, "truth"), "--json")
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatal(err)
	}
	if !v.Holds || v.Truth.Lost+v.Truth.Doubled+v.Truth.Wrong+v.Truth.PurseMismatches != 0 || v.Truth.Sent < 2_000 {
		t.Errorf("verify: %s", out)
	}
	s.signal(syscall.SIGTERM)
	service.end(syscall.SIGTERM)
	used := p.run(t, "citycard", "keyservice", "check", "--data", filepath.Join(secrets, "data"))
	for operation, least := range map[string]int{"load": 20, "order samples: cards made": 301, "clearing": 1} {
		found := regexp.MustCompile(`(?m)^` + operation + `: (\d+)\b`).FindStringSubmatch(used)
		if n, err := strconv.Atoi(append(found, "0", "0")[1]); err != nil || n < least {
			t.Errorf("%s: %d uses in the log, want at least %d\n%s", operation, n, least, used)
		}
	}
}

// remembered looks through the memory of a process: it has the TAC master, and no master and no
// card's key by which money moves.
func remembered(t *testing.T, pid int, store *keys.Store) {
	t.Helper()
	issuer := plan.Issuer()
	secret := map[string][]byte{}
	err := store.Masters(func(_ byte, masters map[keys.Role]keys.Key) error {
		for role, master := range masters {
			if role != keys.RoleTAC && role != keys.RolePersonToken && role != keys.RolePersonData {
				secret[role.String()] = append([]byte(nil), master[:]...)
			}
			if role == keys.RoleLoad {
				of := keys.CardID{Issuer: issuer}.Factors()[0]
				derived := keys.Diversify(master, of)
				secret["load key of the issuer"] = append([]byte(nil), derived[:]...)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	tac := store.TACMaster()
	seen := false
	err = readMemory(pid, func(part []byte) {
		seen = seen || bytes.Contains(part, tac[:])
		for name, key := range secret {
			if bytes.Contains(part, key) {
				t.Errorf("the server's memory has the master %q", name)
			}
		}
	})
	if errors.Is(err, os.ErrPermission) {
		t.Logf("the memory of the server was not looked at: %v", err)
	} else if err != nil || !seen {
		t.Errorf("the TAC master, which clearing does hold, is not found: %v", err)
	}
}

// readMemory gives what a process may write to, in parts.
func readMemory(pid int, look func([]byte)) error {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return err
	}
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return err
	}
	defer memory.Close()
	for _, m := range regexp.MustCompile(`(?m)^([0-9a-f]+)-([0-9a-f]+) rw`).FindAllStringSubmatch(string(maps), -1) {
		from, err := strconv.ParseInt(m[1], 16, 64)
		if err != nil {
			continue // above what an offset can be: none of ours
		}
		to, _ := strconv.ParseInt(m[2], 16, 64)
		part := make([]byte, to-from)
		if n, err := memory.ReadAt(part, from); err == nil || errors.Is(err, io.EOF) || n > 0 {
			look(part[:n])
		}
	}
	return nil
}

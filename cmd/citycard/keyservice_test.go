package main

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"citycard/broker/kafkatest"
	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
	"citycard/cardos/keyservice/keyservicetest"
)

// keyOffice is a key service as a process, with the certificates of its clients.
type keyOffice struct {
	*process
	dir, store, clients, url string
	lines                    []string
}

const keySeed = 5

func newKeyOffice(t *testing.T, p programs, dir string) *keyOffice {
	t.Helper()
	o := &keyOffice{dir: dir, store: filepath.Join(dir, "keys.age"), clients: filepath.Join(dir, "clients.json")}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	port, ops := kafkatest.FreePort(t), kafkatest.FreeAddress(t)
	o.url = fmt.Sprintf("https://127.0.0.1:%d", port)
	o.process = &process{T: t, programs: p, ops: ops, args: []string{
		"keyservice", "--demo", "--data", filepath.Join(dir, "data"), "--keys", o.store, "--clients", o.clients,
		"--tls-cert", filepath.Join(dir, "service.pem"), "--tls-key", filepath.Join(dir, "service.key"), "--listen", fmt.Sprintf("127.0.0.1:%d", port), "--ops", ops,
	}}
	if err := keys.GenerateTest(keySeed).WithWorkFactor(2).Create(o.store, passphrase); err != nil {
		t.Fatal(err)
	}
	o.certificate("service", time.Hour)
	return o
}

// certificate makes a certificate that ends some time from now, in NAME.pem and NAME.key.
func (o *keyOffice) certificate(name string, ends time.Duration) (sha string) {
	o.Helper()
	print := keyservice.FingerprintOf(keyservicetest.Certificate(o.T, o.dir, name, time.Now().Add(ends-24*time.Hour)).Leaf)
	return hex.EncodeToString(print[:])
}

// knows writes a client with a new certificate into the clients' file.
func (o *keyOffice) knows(name string, ends time.Duration, may ...keyservice.Operation) {
	o.Helper()
	operations, err := json.Marshal(may)
	if err != nil {
		o.Fatal(err)
	}
	o.lines = append(o.lines, fmt.Sprintf(`{"name":%q,"certificate":%q,"operations":%s,"rate":5000}`, name, o.certificate(name, ends), operations))
	if err := os.WriteFile(o.clients, []byte(`{"clients":[`+strings.Join(o.lines, ",")+`]}`), 0o600); err != nil {
		o.Fatal(err)
	}
}

// flags are those of a client of a name.
func (o *keyOffice) flags(name string) []string {
	return []string{
		"--key-service", o.url, "--key-service-cert", filepath.Join(o.dir, name+".pem"), "--key-service-key", filepath.Join(o.dir, name+".key"),
		"--key-service-ca", filepath.Join(o.dir, "service.pem"),
	}
}

// check checks the log of uses and gives what it says.
func (o *keyOffice) check(more ...string) string {
	o.Helper()
	return o.run(o.T, "citycard", append([]string{"keyservice", "check", "--data", filepath.Join(o.dir, "data")}, more...)...)
}

// secrets are all masters, in the two forms in which they exist, and load keys of cards.
func secrets(t *testing.T, cards string) (masters, derived map[string][]byte) {
	t.Helper()
	masters, derived = map[string][]byte{}, map[string][]byte{}
	for role := keys.RoleCardMaster; role <= keys.RolePersonData; role++ {
		masters[fmt.Sprint(role)] = keyservicetest.Master(role, keySeed)
		masters[fmt.Sprint(role, " hex")] = []byte(hex.EncodeToString(keyservicetest.Master(role, keySeed)))
	}
	file, err := os.Open(cards)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	store := keys.GenerateTest(keySeed)
	for _, row := range rows[1:] {
		var id keys.CardID
		number, err := hex.DecodeString(row[0])
		issuer, other := hex.DecodeString(row[1])
		if errors.Join(err, other) != nil || copy(id.ASN[:], number) != 10 || copy(id.Issuer[:], issuer) != 8 {
			t.Fatalf("%q is no card", row)
		}
		load, tac := store.CardKeys(id).Load(), store.CardKeys(id).TAC()
		derived["load key of "+row[0]], derived["TAC key of "+row[0]] = load[:], tac[:]
	}
	return masters, derived
}

// TestKeyService plays a day of a city whose masters are in a key service alone, which is killed
// again and again in the middle of loads: nothing is lost and nothing doubled, each use is in the
// log of uses, and no master but those of TACs is in the memory of the process that clears.
func TestKeyService(t *testing.T) {
	t.Parallel()
	p := build(t, "citycard", "cardsim")
	dir := reachableDir(t)
	data, field := filepath.Join(dir, "data"), filepath.Join(dir, "field")
	o := newKeyOffice(t, p, filepath.Join(dir, "office"))
	o.knows("serve", time.Hour, keyservice.Loads, keyservice.Clearing)
	o.start()
	o.ready()
	city := []string{"--data", field, "--cards", "600", "--seed", "5", "--keys", o.store, "--day", testDay}
	p.run(t, "cardsim", append([]string{"issue"}, city...)...)
	registry := filepath.Join(field, "registry")
	s, kafka, api := p.serving(t, data, registry)
	s.args = append(s.args, o.flags("serve")...)
	s.start()
	s.ready()
	staff := p.enrolled(t, "--data", data)
	staff.receive("50000000", "fund:employee", "fund:resident", "pension:fund")
	play := p.command(t.Context(), "cardsim", append([]string{
		"city", "--kafka", fmt.Sprintf("127.0.0.1:%d", kafka), "--kafka-user", "citycard", "--kafka-password-file", filepath.Join(data, "kafka", "password"),
		"--api", fmt.Sprintf("http://127.0.0.1:%d", api), "--tokens", staff.letIn(registry),
	}, city...)...)
	var said bytes.Buffer
	play.Stdout, play.Stderr = &said, &said
	played := make(chan error, 1)
	var ended atomic.Bool
	go func() {
		played <- play.Run()
		ended.Store(true)
	}()
	kills := 0
	for ; kills < 6 && !ended.Load(); kills++ {
		before := loadsOf(o)
		o.until(time.Minute, "asked for loads", func() bool { return ended.Load() || loadsOf(o) > before })
		o.signal(syscall.SIGKILL)
		o.start()
		o.ready()
	}
	if err := <-played; err != nil {
		t.Fatalf("the city: %v\n%s\n%s\n%s", err, said.String(), s.log.String(), o.log.String())
	}
	t.Logf("the key service was killed %d times", kills)

	if runtime.GOOS == "linux" {
		wantNoMasters(t, s, o, filepath.Join(registry, "cards.csv"))
	}
	p.run(t, "citycard", "keys", "--rotate", "--keys", o.store)
	s.until(time.Minute, "clearing with the rotated masters", func() bool {
		return s.get("/readyz") != "" && strings.Contains(o.get("/metrics"), `citycard_keyservice_operations_total{operation="clearing",outcome="given"}`)
	})
	p.run(t, "citycard", "day", "close", "--day", testDay, "--data", data)
	var v verification
	out := p.run(t, "citycard", "verify", "--data", data, "--truth", filepath.Join(field, "truth"), "--json")
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatal(err)
	}
	if !v.Holds || v.Truth.Lost+v.Truth.Doubled+v.Truth.Wrong+v.Truth.PurseMismatches != 0 {
		t.Errorf("after %d kills of the key service: %s", kills, out)
	}
	wantWatched(t, keyProgram, o.get("/metrics"))
	wantRefusals(t, o, p)
	o.signal(syscall.SIGTERM)
	if code := o.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the key service ended with exit code %d\n%s", code, o.log.String())
	}
	head := regexp.MustCompile(`stopped" uses=(\d+) chain=([0-9a-f]{64})`).FindStringSubmatch(o.log.String())
	if head == nil {
		t.Fatalf("it does not say where its log ends\n%s", o.log.String())
	}
	if said := o.check("--use", head[1], "--chain", head[2], "--clients", o.clients); !strings.Contains(said, "uses 1 to "+head[1]+" are one chain") || !strings.Contains(said, "load: ") {
		t.Errorf("the log of uses: %s", said)
	}
	s.signal(syscall.SIGTERM)
}

// loadsOf is how many loads a key service has authorised since its start.
func loadsOf(o *keyOffice) int {
	line := regexp.MustCompile(`operations_total\{operation="load",outcome="given"\} (\d+)`).FindStringSubmatch(o.get("/metrics"))
	if line == nil {
		return 0
	}
	n, err := strconv.Atoi(line[1])
	if err != nil {
		o.Fatal(err)
	}
	return n
}

// wantNoMasters looks into the memory of both processes: into that of the key service to see that
// looking finds what is there.
func wantNoMasters(t *testing.T, s *process, o *keyOffice, cards string) {
	t.Helper()
	masters, derived := secrets(t, cards)
	service := keyservicetest.InMemory(t, o.cmd.Process.Pid, masters)
	if load := fmt.Sprint(keys.RoleLoad); !service[load] {
		t.Errorf("the load master is not found where it must be, in the key service: %v", service)
	}
	for name, is := range keyservicetest.InMemory(t, s.cmd.Process.Pid, masters) {
		of := strings.TrimSuffix(name, " hex")
		held := of == fmt.Sprint(keys.RoleTAC) || of == fmt.Sprint(keys.RolePersonToken) || of == fmt.Sprint(keys.RolePersonData)
		if is && !held {
			t.Errorf("master %s is in the memory of citycard serve", name)
		}
		if name == fmt.Sprint(keys.RoleTAC) && !is {
			t.Error("the TAC master is not found in the memory of citycard serve, so looking proves nothing")
		}
	}
	for name, is := range keyservicetest.InMemory(t, s.cmd.Process.Pid, derived) {
		if is {
			t.Errorf("the %s is in the memory of citycard serve", name)
		}
	}
}

// wantRefusals starts programs that the key service does not serve, and services that cannot serve:
// each says so in one sentence.
func wantRefusals(t *testing.T, o *keyOffice, p programs) {
	t.Helper()
	o.knows("old", -time.Hour, keyservice.Clearing)
	o.knows("counter", time.Hour, keyservice.Personalise)
	o.certificate("stranger", time.Hour)
	o.until(time.Minute, "knowing its new clients", func() bool { return strings.Contains(o.get("/metrics"), "citycard_keyservice_clients 3") })
	broken := filepath.Join(o.dir, "broken.json")
	if err := os.WriteFile(broken, []byte(`{"clients":[{"name":"a","certificate":"00","operations":["load"],"rate":1}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	serve := func(name string, more ...string) []string {
		return append(append([]string{"serve", "--demo", "--examples", "--data", filepath.Join(o.dir, "none")}, o.flags(name)...), more...)
	}
	own := func(more ...string) []string {
		return append([]string{"keyservice", "--data", filepath.Join(o.dir, "other")}, more...)
	}
	pair := []string{"--tls-cert", filepath.Join(o.dir, "service.pem"), "--tls-key", filepath.Join(o.dir, "service.key")}
	for name, test := range map[string]struct {
		args []string
		code int
		said string
	}{
		"a stranger":           {serve("stranger"), 4, "our certificate is not in its clients' file"},
		"yesterday's":          {serve("old"), 4, "our certificate is out of date"},
		"a counter":            {serve("counter"), 4, `does not allow us the operation "clearing"`},
		"a store too":          {serve("serve", "--keys", o.store), 2, "there is no key store here"},
		"another service":      {serve("serve", "--key-service-ca", filepath.Join(o.dir, "stranger.pem")), 4, "what answers is not the key service"},
		"no certificate":       {serve("serve", "--key-service-cert", ""), 2, "wants --key-service-cert"},
		"no address":           {serve("serve", "--key-service", "http://127.0.0.1"), 2, "is no address of a key service"},
		"nobody there":         {serve("serve", "--key-service", "https://127.0.0.1:1", "--key-service-timeout", "1s"), 4, "the key service does not answer"},
		"no patience":          {serve("serve", "--key-service-timeout", "0s"), 2, "want more than 0s"},
		"no TLS":               {own("--keys", o.store, "--clients", o.clients), 2, "nobody asks the key service without TLS"},
		"no clients":           {own(append(pair, "--keys", o.store)...), 2, "want --clients"},
		"no keys":              {own(append(pair, "--clients", o.clients)...), 2, "want --keys"},
		"a wrong client":       {own(append(pair, "--keys", o.store, "--clients", broken, "--demo")...), 1, "want the certificate's SHA-256 in 64 hexadecimal digits"},
		"TEST masters":         {own(append(pair, "--keys", o.store, "--clients", o.clients)...), 1, "holds TEST masters"},
		"an address in use":    {own(append(pair, "--keys", o.store, "--clients", o.clients, "--demo", "--listen", strings.TrimPrefix(o.url, "https://"))...), 5, "cannot listen on"},
		"no log":               {[]string{"keyservice", "check", "--data", filepath.Join(o.dir, "nothing")}, 1, "there is no log of uses"},
		"a hash without a use": {[]string{"keyservice", "check", "--data", filepath.Join(o.dir, "data"), "--chain", "00"}, 2, "want both --use and --chain"},
		"another log":          {[]string{"keyservice", "check", "--data", filepath.Join(o.dir, "data"), "--use", "1", "--chain", "00"}, 7, "the log was cut or replaced"},
	} {
		for _, l := range []string{"en", "zh"} {
			out, err := p.command(t.Context(), "citycard", append(test.args, "--language", l)...).CombinedOutput()
			var exit interface{ ExitCode() int }
			if !errors.As(err, &exit) || exit.ExitCode() != test.code {
				t.Errorf("%s: %v, want exit code %d: %s", name, err, test.code, out)
			}
			if l == "en" && !strings.Contains(string(out), test.said) || l == "zh" && !regexp.MustCompile(`\p{Han}{2}`).Match(out) {
				t.Errorf("%s in %s: %s, want %q", name, l, out, test.said)
			}
		}
	}
}

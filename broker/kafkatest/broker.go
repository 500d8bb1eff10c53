package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Broker is a running Kafka.
type Broker struct {
	Addr    string // asks nobody who it is
	Secured string // speaks TLS and asks for User and Password by SCRAM-SHA-512
	CAFile  string // who signed for Secured

	t      testing.TB
	dir    string
	jars   string
	kafka  *exec.Cmd
	output *os.File
}

// The users that Secured lets in.
const (
	User     = "citycard"
	Password = "only for this test"
)

// readyLimit is how long a broker may take to answer.
const readyLimit = time.Minute

// Start runs a broker until the test ends. Without Java or Maven the test is
// skipped, and says what to install.
func Start(t testing.TB) *Broker {
	t.Helper()
	dir, err := jars(t.Context())
	if errors.Is(err, ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	identity := NewIdentity(t)
	b := &Broker{t: t, dir: t.TempDir(), jars: dir, CAFile: identity.CAFile}
	port, secured, controller := FreePort(t), FreePort(t), FreePort(t)
	b.Addr, b.Secured = fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf("127.0.0.1:%d", secured)
	properties := fmt.Sprintf(`process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:%[2]d
listeners=PLAINTEXT://127.0.0.1:%[1]d,SASL_SSL://127.0.0.1:%[4]d,CONTROLLER://127.0.0.1:%[2]d
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs=%[3]s
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location=%[5]s
`, port, controller, filepath.Join(b.dir, "log"), secured, identity.KeyStore)
	if err := os.WriteFile(b.properties(), []byte(properties), 0o644); err != nil {
		t.Fatal(err)
	}
	// A cluster's id may be any 16 bytes; these have no meaning.
	format := b.java("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", b.properties(),
		"--add-scram", fmt.Sprintf("SCRAM-SHA-512=[name=%s,password=%q]", User, Password))
	if out, err := format.CombinedOutput(); err != nil {
		t.Fatalf("format the broker's log: %v\n%s", err, out)
	}
	if b.output, err = os.Create(filepath.Join(b.dir, "output")); err != nil {
		t.Fatal(err)
	}
	b.Run()
	t.Cleanup(func() {
		b.Kill()
		if err := b.output.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *Broker) properties() string { return filepath.Join(b.dir, "server.properties") }

// java runs a class for the seconds of a test: the slower compiler alone and the simpler collector
// take less of the processor than they cost.
func (b *Broker) java(class string, args ...string) *exec.Cmd {
	return exec.Command("java", append([]string{"-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", filepath.Join(b.jars, "*"), class}, args...)...)
}

// Tool runs one of Kafka's own commands, named by its class, and returns what it printed.
func (b *Broker) Tool(class string, args ...string) string {
	b.t.Helper()
	out, err := b.java(class, args...).CombinedOutput()
	if err != nil {
		b.t.Fatalf("%s %v: %v\n%s", class, args, err, out)
	}
	return string(out)
}

// Run starts the broker and waits until it answers.
func (b *Broker) Run() {
	b.t.Helper()
	b.kafka = b.java("kafka.Kafka", b.properties())
	b.kafka.Stdout, b.kafka.Stderr = b.output, b.output
	b.kafka.SysProcAttr = childAttributes()
	if err := b.kafka.Start(); err != nil {
		b.t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Addr))
	if err != nil {
		b.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(b.t.Context(), readyLimit)
	defer cancel()
	for {
		// Ping waits between its own attempts to connect, so this loop does not spin.
		if err := client.Ping(ctx); err == nil {
			return
		} else if ctx.Err() != nil {
			out, _ := os.ReadFile(b.output.Name())
			b.t.Fatalf("the broker does not answer: %v\n%s", err, out)
		}
	}
}

// Kill ends the broker without warning.
func (b *Broker) Kill() {
	b.t.Helper()
	if b.kafka == nil {
		return
	}
	if err := b.kafka.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		b.t.Error(err)
	}
	var exit *exec.ExitError
	if err := b.kafka.Wait(); err != nil && !errors.As(err, &exit) {
		b.t.Error(err)
	}
	b.kafka = nil
}

// FreeAddress is an address of this machine with a port by FreePort.
func FreeAddress(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", FreePort(t))
}

// FreePort finds a port that nobody listens on now, above those that Linux gives to
// outgoing connections, so that it stays free while a server is away. No other test of this
// machine is given it before t ends: a server may listen on it long after it was found.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 61_000 + rand.IntN(4_000)
		lock := flock.New(filepath.Join(os.TempDir(), fmt.Sprintf("citycard-test-port-%d", port)), flock.SetPermissions(0o666))
		if held, err := lock.TryLock(); err != nil || !held {
			continue
		}
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			_ = lock.Close()
			continue
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = lock.Close() })
		return port
	}
	t.Fatal("no free port from 61000 on")
	return 0
}

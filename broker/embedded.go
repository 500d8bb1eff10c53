package broker

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/durable"
	"citycard/language"
)

// logDir is where the broker keeps its log, in its directory.
const logDir = "log"

// Embedded is a broker inside this process.
type Embedded struct {
	Addr    string
	Access  Access // what it asks of a client
	cluster *kfake.Cluster
	lock    *flock.Flock
	log     *clusterLog
}

// Start runs a broker on 127.0.0.1 that keeps its log in dir; port 0 takes a free one. Records that
// were acknowledged survive a kill of the process. A directory that another process uses is
// refused. A client must prove that it is embeddedUser, by a random password in the file
// "password", which only the owner of dir can read: other users of this machine must not write
// claims.
func Start(dir string, port int, log *slog.Logger) (*Embedded, error) {
	if err := durable.MkdirAll(filepath.Join(dir, logDir)); err != nil {
		return nil, language.Textf("broker: data directory: %w", err)
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, language.Textf("broker: lock %s: %w", dir, err)
	}
	if !locked {
		return nil, language.Textf("broker: %s is in use by another process", dir)
	}
	access, password, err := embeddedAccess(dir)
	if err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	said := &clusterLog{log: log, dir: dir, failed: make(chan error, 1)}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.Ports(port),
		kfake.DataDir(filepath.Join(dir, logDir)),
		kfake.SyncWrites(),
		kfake.BrokerConfigs(map[string]string{"log.retention.ms": "-1", "log.retention.bytes": "-1"}),
		kfake.WithLogger(said),
		kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", embeddedUser, password),
	)
	if err != nil {
		return nil, errors.Join(language.Textf("broker: start on %s: %w", addr, err), lock.Unlock())
	}
	return &Embedded{Addr: cluster.ListenAddrs()[0], Access: access, cluster: cluster, lock: lock, log: said}, nil
}

// embeddedUser is the one user of an embedded broker.
const embeddedUser = "citycard"

// embeddedAccess reads the broker's password, or makes one.
func embeddedAccess(dir string) (access Access, password string, err error) {
	access = Access{User: embeddedUser, PasswordFile: filepath.Join(dir, "password")}
	// kfake would prefer the users in this file to the one that it is given.
	if err := os.Remove(filepath.Join(dir, logDir, "sasl.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return access, "", language.Textf("broker: forget former users: %w", err)
	}
	text, err := os.ReadFile(access.PasswordFile)
	if errors.Is(err, fs.ErrNotExist) {
		password = rand.Text()
		if err := durable.WriteFile(access.PasswordFile, []byte(password+"\n")); err != nil {
			return access, "", language.Textf("broker: keep the password: %w", err)
		}
		return access, password, nil
	}
	if err != nil {
		return access, "", language.Textf("broker: password: %w", err)
	}
	if password = strings.TrimSpace(string(text)); password == "" {
		return access, "", language.Textf("broker: %s is empty; remove it, and a new one is made", access.PasswordFile)
	}
	return access, password, nil
}

// Failed returns a channel with the first error of a write to the broker's log. The producer has
// then been told that its records are not stored; records stored before are there at the next
// start. A broker that cannot write is of no use: end the program.
func (b *Embedded) Failed() <-chan error { return b.log.failed }

// Close stops the broker and releases the directory.
func (b *Embedded) Close() error {
	b.cluster.Close()
	if err := b.lock.Unlock(); err != nil {
		return language.Textf("broker: unlock: %w", err)
	}
	return nil
}

// clusterLog hands kfake's warnings and errors to our log. Only there does kfake say that it cannot
// write.
type clusterLog struct {
	log    *slog.Logger
	dir    string
	failed chan error
}

// writeFailed is the start of kfake's messages about failed writes.
const writeFailed = "persist "

func (c *clusterLog) Logf(level kfake.LogLevel, format string, args ...any) {
	if err := lastError(args); err != nil && strings.HasPrefix(format, writeFailed) {
		select {
		case c.failed <- language.Textf("the embedded broker cannot write in %s: %w", c.dir, err):
		default: // the first says it all
		}
		level = kfake.LogLevelDebug
	}
	// The end of a transaction waits until its writes are synced; that has no time limit.
	if strings.HasPrefix(format, "txn: EndTxn slow") {
		c.log.Debug("broker: " + fmt.Sprintf(format, args...))
		return
	}
	switch level {
	case kfake.LogLevelError:
		c.log.Error("broker: " + fmt.Sprintf(format, args...))
	case kfake.LogLevelWarn:
		c.log.Warn("broker: " + fmt.Sprintf(format, args...))
	}
}

// lastError returns the error at the end of a message of kfake, without the path that the message
// names.
func lastError(args []any) error {
	if len(args) == 0 {
		return nil
	}
	err, _ := args[len(args)-1].(error)
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}

// clientLog hands a client's warnings and errors to our log.
type clientLog struct{ log *slog.Logger }

func (c clientLog) Level() kgo.LogLevel { return kgo.LogLevelWarn }

func (c clientLog) Log(level kgo.LogLevel, text string, keyvals ...any) {
	if level == kgo.LogLevelError {
		c.log.Error("kafka: "+text, keyvals...)
		return
	}
	c.log.Warn("kafka: "+text, keyvals...)
}

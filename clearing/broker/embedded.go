package broker

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/gofrs/flock"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Embedded is a broker inside this process.
type Embedded struct {
	Addr    string
	cluster *kfake.Cluster
	lock    *flock.Flock
}

// Start runs a broker on 127.0.0.1 that keeps its log in dir; port 0 takes a
// free one. What a producer was told is stored survives a kill of the process.
// A directory that another process uses is refused.
func Start(dir string, port int, log *slog.Logger) (*Embedded, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("broker: data directory: %w", err)
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("broker: lock %s: %w", dir, err)
	}
	if !locked {
		return nil, fmt.Errorf("broker: %s is in use by another process", dir)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.Ports(port),
		kfake.DataDir(filepath.Join(dir, "log")),
		kfake.SyncWrites(),
		kfake.BrokerConfigs(map[string]string{"log.retention.ms": "-1", "log.retention.bytes": "-1"}),
		kfake.WithLogger(clusterLog{log}),
	)
	if err != nil {
		lock.Unlock()
		return nil, fmt.Errorf("broker: start on %s: %w", addr, err)
	}
	return &Embedded{Addr: cluster.ListenAddrs()[0], cluster: cluster, lock: lock}, nil
}

// Close stops the broker and gives the directory free.
func (b *Embedded) Close() error {
	b.cluster.Close()
	if err := b.lock.Unlock(); err != nil {
		return fmt.Errorf("broker: unlock: %w", err)
	}
	return nil
}

// clusterLog hands kfake's warnings and errors to our log.
type clusterLog struct{ log *slog.Logger }

func (c clusterLog) Logf(level kfake.LogLevel, format string, args ...any) {
	switch level {
	case kfake.LogLevelError:
		c.log.Error("broker: " + fmt.Sprintf(format, args...))
	case kfake.LogLevelWarn:
		c.log.Warn("broker: " + fmt.Sprintf(format, args...))
	}
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

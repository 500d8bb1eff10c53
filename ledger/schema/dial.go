package schema

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// DefaultPatience is how long a database may leave a statement, or sent bytes, without any answer.
const DefaultPatience = 10 * time.Second

// connectTimeout bounds the making of a connection, where its URL does not.
const connectTimeout = 5 * time.Second

// Bound makes connections notice a host that has vanished without closing them: within patience
// while they wait for an answer, within a few seconds while they are being made. The kernel alone
// would wait a quarter of an hour.
func Bound(config *pgx.ConnConfig, patience time.Duration) {
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = min(connectTimeout, patience)
	}
	dialer := &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: atLeastSecond(patience / 2), Interval: atLeastSecond(patience / 4), Count: 3},
		Control:         userTimeout(patience),
	}
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if !strings.HasPrefix(network, "tcp") {
			return new(net.Dialer).DialContext(ctx, network, address)
		}
		return dialer.DialContext(ctx, network, address)
	}
}

// atLeastSecond rounds a duration up to one second, the kernel's smallest unit.
func atLeastSecond(d time.Duration) time.Duration { return max(d, time.Second) }

// Connect opens one connection, bounded as Bound does.
func Connect(ctx context.Context, url string) (*pgx.Conn, error) {
	config, err := parse(url)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return conn, nil
}

func parse(url string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	Bound(config, DefaultPatience)
	return config, nil
}

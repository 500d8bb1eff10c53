package broker

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/language"
)

// UnreachableError says that no broker of the list answered.
type UnreachableError struct {
	Seeds string
	Err   error
}

func (e *UnreachableError) Error() string { return e.In(language.Language{}) }

// In says it in a language.
func (e *UnreachableError) In(l language.Language) string {
	return language.Textf("kafka at %s does not answer: %w", e.Seeds, e.Err).In(l)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// Connect makes a client for "HOST:PORT[,HOST:PORT…]" and asks the cluster once,
// within the time given, so that a wrong address shows at start and not later.
func Connect(ctx context.Context, seeds string, within time.Duration, log *slog.Logger, opts ...kgo.Opt) (*kgo.Client, error) {
	list := strings.Split(seeds, ",")
	for _, seed := range list {
		if _, _, err := net.SplitHostPort(seed); err != nil {
			return nil, language.Textf("kafka address %q: want HOST:PORT", seed)
		}
	}
	opts = append([]kgo.Opt{kgo.SeedBrokers(list...), kgo.WithLogger(clientLog{log})}, opts...)
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, language.Textf("kafka client: %w", err)
	}
	ping, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if err := client.Ping(ping); err != nil {
		client.Close()
		return nil, &UnreachableError{Seeds: seeds, Err: err}
	}
	return client, nil
}

// Passing reports whether an error of a fetch passes by itself: the broker is
// away or moving, and the position is still good.
func Passing(err error) bool {
	var network net.Error
	return kerr.IsRetriable(err) || kgo.IsRetryableBrokerErr(err) || errors.As(err, &network)
}

package main

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/broker"
	"citycard/clearing/message"
	"citycard/language"
	"citycard/terminals/downlink"
)

// uplink is the way to the brokers. What they ask for is read again for every attempt: a wrong or
// changed password can be corrected in its file while the terminal goes on taking taps.
type uplink struct {
	brokers []string
	access  broker.Access
	trust   *downlink.Trust // whose publications count; nil: anybody's
}

func (u uplink) options() ([]kgo.Opt, error) { return u.access.Options(strings.Join(u.brokers, ",")) }

// askLimit is how long brokers may take to accept or refuse the terminal's connection.
const askLimit = 10 * time.Second

// ask connects to the brokers over a separate connection. away is true if the broker is not there,
// and false if it refuses the connection.
func (u uplink) ask(ctx context.Context, opts []kgo.Opt) (away bool, err error) {
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(u.brokers...), kgo.RequestRetries(1)}, opts...)...)
	if err != nil {
		return false, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	if err = client.Ping(ctx); err == nil {
		return false, nil
	}
	var network net.Error
	if errors.As(err, &network) || ctx.Err() != nil {
		return true, language.Textf("the brokers do not answer: %w", err)
	}
	return false, language.Textf("the brokers refuse the connection, look at the terminal's user, password and certificate authority: %w", err)
}

// topics looks for the topics of a terminal. It returns those that are missing, and when the
// brokers stored the newest record that the terminal may read.
func (u uplink) topics(ctx context.Context, opts []kgo.Opt) (missing []string, newest time.Time, err error) {
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(u.brokers...), kgo.RequestRetries(1)}, opts...)...)
	if err != nil {
		return nil, newest, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	admin := kadm.NewClient(client)
	wanted := []string{message.TopicTaps, message.TopicFares, message.TopicHotlist, message.TopicModes, message.TopicIntents, message.TopicTapsUnconfirmed}
	found, err := admin.ListTopics(ctx, wanted...)
	if err != nil {
		return nil, newest, err
	}
	for _, name := range wanted {
		if !found.Has(name) || found[name].Err != nil {
			missing = append(missing, name)
		}
	}
	offsets, err := admin.ListMaxTimestampOffsets(ctx, message.TopicFares, message.TopicHotlist)
	if err != nil {
		return missing, newest, nil //nolint:nilerr // older brokers do not know the question
	}
	offsets.Each(func(o kadm.ListedOffset) {
		if at := time.UnixMilli(o.Timestamp); o.Err == nil && o.Timestamp > 0 && at.After(newest) {
			newest = at
		}
	})
	return missing, newest, nil
}

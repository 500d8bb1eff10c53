package intake

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
)

// newModesGauge shows which service modes the terminals are told.
func newModesGauge() prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "citycard_modes_published_version", Help: "Version of the registry whose service modes this process has published last, 0 for none.",
	})
}

// publishModes sends the service modes, once after its start and whenever they have changed. They
// are one record, which is sent together with what is signed of it; so there is no half of them,
// and a repetition is harmless.
func (in *Intake) publishModes(ctx context.Context) error {
	store := registry.NewStore(in.ledger.Pool())
	version, err := store.NewestModes(ctx)
	if err != nil || version == in.modes.Load() {
		return err
	}
	return in.producing(ctx, func(client *kgo.Client) error {
		if version, err = store.NewestModes(ctx); err != nil {
			return err
		}
		value, p, err := store.PublishedModes(ctx, version, index.MomentAt(in.metrics.clock().In(in.settings.Zone)))
		if err != nil {
			return err
		}
		records := []*kgo.Record{{Topic: message.TopicModes, Key: []byte(message.ModesKey), Value: value}}
		if in.settings.Signer != nil {
			statements, err := in.settings.Signer.Statements(p)
			if err != nil {
				return err
			}
			for _, s := range statements {
				records = append(records, &kgo.Record{Topic: message.TopicModes, Key: s.Key, Value: s.Value})
			}
		}
		if err := in.sendTogether(ctx, client, records); err != nil {
			return fmt.Errorf("publish the service modes of version %d: %w", version, err)
		}
		in.modes.Store(version)
		in.metrics.modes.Set(float64(version))
		in.log.Info("the service modes are published", "version", version)
		return nil
	})
}

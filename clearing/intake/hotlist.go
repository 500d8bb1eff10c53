package intake

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/language"
)

// RefusedHotlist is a hotlist that is not published, because it is outside its bounds. The one
// before it stays published.
type RefusedHotlist struct {
	registry.Step
	why    *language.Text
	judged time.Time
}

// judgeEvery is how often a hotlist that was refused is judged again: cards whose time ends, and
// bounds that begin, may bring it within them.
const judgeEvery = time.Minute

// Text says why, and what people can do.
func (r *RefusedHotlist) Text() *language.Text {
	return language.Textf("the hotlist of version %d of the registry is not published, that of version %d stays: %w; correct it, or let two people publish it: citycard registry publish",
		r.Version, r.After, r.why)
}

// hotlistGauges show which hotlist the terminals are told.
type hotlistGauges struct{ published, refused prometheus.Gauge }

func newHotlistGauges() hotlistGauges {
	return hotlistGauges{
		published: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "citycard_hotlist_published_version", Help: "Version of the registry whose hotlist the topic hotlist holds, as last seen by the process that publishes it.",
		}),
		refused: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "citycard_hotlist_refused_version", Help: "Version of the registry whose hotlist is not published because it is outside its bounds, 0 for none.",
		}),
	}
}

// RefusedHotlist is the hotlist that this process has refused to publish, nil for none.
func (in *Intake) RefusedHotlist() *RefusedHotlist { return in.refused.Load() }

// publishHotlist sends what has changed in the hotlist since the version published last, unless
// that is outside the bounds and two people have not decided it.
func (in *Intake) publishHotlist(ctx context.Context) error {
	store := registry.NewStore(in.ledger.Pool())
	after, version, err := unpublishedHotlist(ctx, store)
	if err != nil {
		return err
	}
	in.metrics.hotlist.published.Set(float64(after))
	if version <= after {
		in.refuse(nil)
		return in.stateHotlist(ctx, store, after)
	}
	if version, err = in.permitted(ctx, store, after, version); err != nil || version == 0 {
		return err
	}
	err = in.producing(ctx, func(client *kgo.Client) error {
		// Another process may have published it a moment ago; then it is judged again.
		if now, err := store.PublishedHotlist(ctx); err != nil || now != after {
			return err
		}
		if err := in.keepPublished(ctx, registry.HotlistBegun, version); err != nil {
			return err
		}
		position := int64(0)
		err := store.Changed(ctx, registry.Hotlist, after, version, func(page []registry.Keyed) error {
			return in.sendRegistry(ctx, client, registry.HotlistPump, page, version, &position)
		})
		if err != nil {
			return fmt.Errorf("publish the hotlist of version %d: %w", version, err)
		}
		if err := in.sendHotlistStatement(ctx, client, store, version); err != nil {
			return err
		}
		return in.keepPublished(ctx, registry.HotlistPump, version)
	})
	if err == nil {
		in.metrics.hotlist.published.Set(float64(version))
	}
	return err
}

// stateHotlist sends once what the published hotlist is, signed: the key may be another one than
// before, or the first.
func (in *Intake) stateHotlist(ctx context.Context, store *registry.Store, version int64) error {
	if in.settings.Signer == nil || version == 0 || in.stated.Load() == version {
		return nil
	}
	return in.producing(ctx, func(client *kgo.Client) error {
		if now, err := store.PublishedHotlist(ctx); err != nil || now != version {
			return err
		}
		return in.sendHotlistStatement(ctx, client, store, version)
	})
}

// sendHotlistStatement sends what the hotlist of a version is, signed. Terminals take nothing
// before it. Without a key it sends nothing.
func (in *Intake) sendHotlistStatement(ctx context.Context, client *kgo.Client, store *registry.Store, version int64) error {
	if in.settings.Signer == nil {
		return nil
	}
	at := index.MomentAt(in.metrics.clock().In(in.settings.Zone))
	p, err := store.HotlistPublication(ctx, version, at)
	if err != nil {
		return err
	}
	decided, err := registry.Overrides(ctx, in.ledger)
	if err != nil {
		return err
	}
	p.Decided = slices.ContainsFunc(decided, func(o registry.Override) bool { return o.Version == version })
	if p.Decided {
		p.Most = 0
	}
	statements, err := in.settings.Signer.Statements(p)
	if err != nil {
		return err
	}
	records := make([]*kgo.Record, len(statements))
	for i, s := range statements {
		records[i] = &kgo.Record{Topic: message.TopicHotlist, Key: s.Key, Value: s.Value}
	}
	if err := in.sendTogether(ctx, client, records); err != nil {
		return fmt.Errorf("publish what the hotlist of version %d is: %w", version, err)
	}
	in.stated.Store(version)
	return nil
}

func unpublishedHotlist(ctx context.Context, store *registry.Store) (after, version int64, err error) {
	if after, err = store.PublishedHotlist(ctx); err != nil {
		return 0, 0, err
	}
	version, err = store.NewestHotlist(ctx)
	return after, version, err
}

// permitted is the version whose hotlist may be published next, 0 for none: one that was begun, the
// newest one within the bounds, or one that two people decided.
func (in *Intake) permitted(ctx context.Context, store *registry.Store, after, version int64) (int64, error) {
	if begun, err := store.BegunHotlist(ctx); err != nil || begun > after {
		return begun, err
	}
	now := in.metrics.clock()
	if known := in.refused.Load(); known == nil || known.After != after || known.Version != version || now.Sub(known.judged) >= judgeEvery {
		step, err := store.HotlistStep(ctx, after, version, index.MomentAt(now.In(in.settings.Zone)))
		if err != nil {
			return 0, err
		}
		why := step.Check()
		if why == nil {
			in.refuse(nil)
			return version, nil
		}
		in.refuse(&RefusedHotlist{*step, why, now})
	}
	decided, err := registry.Overrides(ctx, in.ledger)
	if err != nil {
		return 0, err
	}
	next := int64(0)
	for _, o := range decided {
		if o.After == after && after < o.Version && o.Version <= version {
			next = max(next, o.Version)
		}
	}
	return next, nil
}

// refuse notes the hotlist that is refused, and says it once.
func (in *Intake) refuse(r *RefusedHotlist) {
	known := in.refused.Swap(r)
	if r == nil {
		in.metrics.hotlist.refused.Set(0)
		return
	}
	in.metrics.hotlist.refused.Set(float64(r.Version))
	if known != nil && known.After == r.After && known.Version == r.Version {
		return
	}
	in.log.Error("the hotlist is not published: it is outside its bounds; the one before it stays published", "version", r.Version, "published", r.After,
		"cards_before", r.Before, "cards", r.Named, "cards_added", r.Added, "cards_gone", r.Gone, "registered_cards", r.Cards, "error", r.why)
}

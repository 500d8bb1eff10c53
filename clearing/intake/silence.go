package intake

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/clearing/docket"
	"citycard/ledger"
)

// probeWait is how long the database may take to answer the probe.
const probeWait = 5 * time.Second

// silence counts consecutive failures of one batch in which the database was unavailable for the
// batch, although it answers a query about the stream. Then the batch may be too large to be stored
// in time, and waiting alone would not help.
func (p *partition) silence(ctx context.Context, err error, before int) int {
	if !errors.Is(err, ledger.ErrUnavailable) {
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, probeWait)
	defer cancel()
	if !p.in.ledger.Answers(ctx, p.stream) {
		return 0
	}
	return before + 1
}

// commitSmaller commits a batch in two parts, and limits the next batches to that size.
func (p *partition) commitSmaller(ctx context.Context, fetched []*kgo.Record) error {
	p.most = max(1, len(fetched)/2)
	p.in.log.Warn("the database does not store a batch of this size, so it is cut", "stream", p.stream, "records", len(fetched))
	return p.commitHalves(ctx, fetched)
}

// limit is how many records a batch may have now.
func (p *partition) limit() int {
	if p.most > 0 {
		return p.most
	}
	return p.in.settings.BatchRecords
}

// grow lets the next batch be a little larger, after one was stored.
func (p *partition) grow() {
	if p.most == 0 {
		return
	}
	if p.most += p.most/128 + 1; p.most >= p.in.settings.BatchRecords {
		p.most = 0
	}
}

// tooMuch reports whether the batch is a single record that may be too large for the database to
// store in time. A short record cannot be: if it gets no answer, the fault is the database's, and
// the record waits.
func tooMuch(records []docket.Record) bool {
	return len(records) == 1 && len(records[0].Value) > ledger.MaxEvidence
}

package intake

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/clearing/docket"
	"citycard/ledger"
)

// probeWait is how long the database may take to say that it answers.
const probeWait = 5 * time.Second

// silence counts the failures in a row of one batch that the database could not be used for,
// though it answers a question about the stream: then the batch may be more than it stores in
// the time that it has, and waiting alone would not help.
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

// commitSmaller commits a batch in two parts and has the next ones be no larger.
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

// tooMuch reports a single record that may be more than the database stores in time. A short
// one cannot: where that is not answered, the database is at fault, and the record waits.
func tooMuch(records []docket.Record) bool {
	return len(records) == 1 && len(records[0].Value) > ledger.MaxEvidence
}

package intake

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kgo"
)

// maxBatchBytes bounds what a batch of the broker may unpack to. The broker limits only the
// compressed bytes, and a few thousand of them can unpack to any size.
const maxBatchBytes = 16 << 20

// unreadable handles a fetch error that repeats every time the same batch is fetched: the batch
// unpacks to too many bytes. The client fetches nothing more of that partition. It stops, readiness
// says why, and the other partitions go on.
func (s *session) unreadable(e kgo.FetchError) bool {
	var batch *kgo.ErrDecompressTooLarge
	if !errors.As(e.Err, &batch) {
		return false
	}
	s.mu.Lock()
	r := s.partitions[StreamName(e.Topic, e.Partition)]
	s.mu.Unlock()
	if r == nil {
		return true
	}
	r.mu.Lock()
	r.stands = e.Err
	r.mu.Unlock()
	s.in.log.Error("a batch cannot be unpacked; its partition stands", "stream", r.stream,
		"from", batch.Offset, "next", batch.NextOffset, "most_bytes", maxBatchBytes, "error", e.Err)
	return true
}

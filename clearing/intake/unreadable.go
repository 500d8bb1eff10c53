package intake

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kgo"
)

// maxBatchBytes bounds what a batch of the broker may unpack to. The broker bounds the packed
// bytes alone, and some thousand of them unpack to as many as one likes.
const maxBatchBytes = 16 << 20

// unreadable takes an error of a fetch that the same batch gives each time it is fetched: it
// unpacks to too much. The client fetches nothing more of that partition, which stands with
// readiness saying why; the others go on.
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

package downlink

import (
	"crypto/ed25519"

	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/clearing/message"
)

// Signed reads what is signed of topic fares, as Read returns it: by a key, or by the successor
// that it names, which has the topic's newest publication then. Errors: message.ErrUnsigned,
// message.ErrOther.
func Signed(said map[string]*kgo.Record, key ed25519.PublicKey) (by ed25519.PublicKey, version int64, err error) {
	for range said {
		for _, r := range said {
			if next, err := message.OpenSuccessor(key, r.Value); err == nil && message.IsSuccessor(r.Key) {
				key = next
			}
		}
	}
	r := said[message.PublicationKey]
	if r == nil {
		return nil, 0, message.ErrUnsigned
	}
	p, err := message.OpenPublication(key, message.TopicFares, r.Value)
	return key, p.GetVersion(), err
}

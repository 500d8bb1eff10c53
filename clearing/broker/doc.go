// Package broker is the message log that clearing uses: a Kafka cluster given by
// address, or an embedded one for demonstrations and single machines. The
// embedded broker is franz-go's kfake with a data directory, locked by us, and
// every write synced before it is acknowledged; it speaks the real protocol over
// a real socket, so nothing else can tell the difference.
//
// A Layout says what topics must be like, makes those that are missing and refuses
// those that are there and do not fit, with the command that corrects them:
//
//   - input topics keep everything, with the broker's time of each record: no
//     retention by time or size, nothing compacted;
//   - output topics keep every message for a week at least;
//   - topics that state how things are keep the last message of each key for ever;
//   - of each, more than half of its replicas must have a record before it is
//     acknowledged, and none that misses records is ever believed.
package broker

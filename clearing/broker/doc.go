// Package broker is the message log that clearing uses: a Kafka cluster given by
// address, or an embedded one for demonstrations and single machines. The
// embedded broker is franz-go's kfake with a data directory, locked by us, and
// every write synced before it is acknowledged; it speaks the real protocol over
// a real socket, so nothing else can tell the difference.
//
// The input topics keep everything: no retention by time or size, append time as
// the record's time.
package broker

// Package broker reaches the message log: a Kafka cluster given by address, or an embedded one
// for demonstrations and single machines. The embedded broker is franz-go's kfake with a data
// directory. This package locks the directory, and every write is synced before it is
// acknowledged. It speaks the real protocol over a real socket, so a client sees no difference.
//
// The package is a leaf: every room may import it, and it knows no topic and no message.
package broker

// Package kafkatest runs a real Apache Kafka for tests: one broker in KRaft mode
// on free ports of 127.0.0.1, with its log in a directory of the test's, that can
// be killed and started again.
//
// Java and Maven must be on the machine. The broker's jars are fetched once, by Maven, in the
// version pinned here, into the user's cache directory; a broker is ready some five seconds after
// Start. It has two listeners: one without authentication, and one that asks for TLS and a user.
package kafkatest

// Package message holds what travels: the protobuf messages of the Kafka topics
// and of the load authority, the names of the topics, and the BCD time they
// share. It is the one package of clearing that terminals and simulators may
// import.
//
// A message is evidence. Clearing stores the bytes of a tap, of a load and of a hospital's request
// exactly as they arrived; fields that a card's TAC covers keep the card's layout. Two are encoded
// again before they are stored: a list of pensions, or of those that came back, which is kept line
// by line, each as a list of one; and a request for a load, of which the order is kept.
package message

//go:generate protoc --go_out=../.. --go_opt=module=citycard citycard.proto
//go:generate go tool -modfile=../../lint.mod gofumpt -w citycard.pb.go

// Package message holds what travels: the protobuf messages of the Kafka topics
// and of the load authority, the names of the topics, and the BCD time they
// share. It is the one package of clearing that terminals and simulators may
// import.
//
// A message is evidence. Clearing stores the bytes exactly as they arrived and
// never re-encodes them; fields that a card's TAC covers keep the card's layout.
package message

//go:generate protoc --go_out=../.. --go_opt=module=citycard citycard.proto
//go:generate go tool -modfile=../../lint.mod gofumpt -w citycard.pb.go

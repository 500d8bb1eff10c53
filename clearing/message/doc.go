// Package message has all that is sent: the protobuf messages of the Kafka topics
// and of the load authority, the names of the topics, and the BCD time they
// share. It is the one package of clearing that terminals and simulators may
// import.
//
// A message is evidence. Clearing stores the bytes of what it judges exactly as they arrived;
// fields that a card's TAC covers keep the card's layout. Of a list of pensions, or of those that
// came back, it stores the whole list so, and books each line encoded again, as a list of one. Only
// a request for a load, which is answered at once, is not kept as it came: its order is.
package message

//go:generate protoc --go_out=../.. --go_opt=module=citycard citycard.proto
//go:generate go tool -modfile=../../lint.mod gofumpt -w citycard.pb.go

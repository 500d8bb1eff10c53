package service

import (
	"flag"

	"citycard/clearing/broker"
)

// LoadAuthority is where the load authority listens, and is asked, unless told otherwise.
const LoadAuthority = "127.0.0.1:8480"

// RegisterAccess adds what a Kafka cluster may ask of a client. All programs take the
// same three flags.
func RegisterAccess(flags *flag.FlagSet, access *broker.Access) {
	flags.StringVar(&access.CAFile, "kafka-tls-ca", "", "PEM `file` of who signed the brokers' certificates; empty: no TLS / Kafka TLS 根证书")
	flags.StringVar(&access.User, "kafka-user", "", "`name` for SCRAM-SHA-512, over TLS alone unless the brokers are on this machine; empty: none / Kafka 用户")
	flags.StringVar(&access.PasswordFile, "kafka-password-file", "", "`file` of the user's password / Kafka 口令文件")
}

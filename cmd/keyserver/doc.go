// Package keyserver is the key service as a process: flags, TLS, the clients' file, the log of
// uses, metrics, health and the ordered stop. citycard and cardhsm run it with the backends that
// they have; and clients' flags to reach it are here too.
package keyserver

package keyserver

import (
	"io"
	"os"

	"citycard/cardos/keys"
	"citycard/cmd/service"
)

// ReadTransportKey reads the transport key of a batch of blanks, or its components, from a file, or
// from standard input where it is "-".
func ReadTransportKey(path string) (key keys.Key, err error) {
	if path == "" {
		return key, service.Exit(service.ExitUsage, service.Fail("no transport key").Todo("give --batch-key-file FILE"))
	}
	var in io.Reader = os.Stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return key, service.Fail("cannot read the transport key").Todo("correct --batch-key-file").Because(err)
		}
		defer file.Close()
		in = file
	}
	if key, err = keys.ReadTransportKey(in); err != nil {
		return key, service.Fail("cannot read the transport key").Todo("give one line of 32 hexadecimal digits, or the lines of its components").Because(err)
	}
	return key, nil
}

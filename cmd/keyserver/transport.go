package keyserver

import (
	"bytes"
	"flag"
	"io"
	"os"
	"strings"

	"citycard/cardos/keys"
	"citycard/cmd/service"
	"citycard/language"
)

// BatchFlags are the flags by which the transport key of a batch of blanks is brought in.
type BatchFlags struct {
	Name  string
	files []string
	check string
}

// Given reports whether there are any.
func (b *BatchFlags) Given() bool { return b.Name != "" || len(b.files) > 0 || b.check != "" }

// Register adds the flags.
func (b *BatchFlags) Register(flags *flag.FlagSet) {
	flags.StringVar(&b.Name, "batch", "", "add the transport key of the batch of blanks of this `name`; orders of the key service name it")
	flags.Func("batch-key-file", "`file` of that key, or of a component of it: given once for each, they are combined by XOR; -: standard input", func(path string) error {
		b.files = append(b.files, path)
		return nil
	})
	flags.StringVar(&b.check, "batch-check", "", "check `value` that the maker states; a key with another one is not added")
}

// Key reads the key, or its components.
func (b *BatchFlags) Key() (key keys.Key, err error) {
	if len(b.files) == 0 {
		return key, service.Exit(service.ExitUsage, service.Fail("no transport key").Todo("give --batch-key-file FILE"))
	}
	var all []byte
	for _, path := range b.files {
		content, err := readComponent(path)
		if err == nil && len(bytes.TrimSpace(content)) == 0 { // the key would be that of the others
			err = language.Textf("%s has nothing in it", path)
		}
		if err != nil {
			return key, service.Fail("cannot read the transport key").Todo("correct --batch-key-file").Because(err)
		}
		all = append(append(all, content...), '\n')
	}
	if key, err = keys.ReadTransportKey(bytes.NewReader(all)); err != nil {
		return key, service.Fail("cannot read the transport key").Todo("give one line of 32 hexadecimal digits, or the lines of its components").Because(err)
	}
	if is := keys.TransportCheck(key); b.check != "" && !strings.EqualFold(b.check, is) {
		return key, service.Refuse("no batch is added").Todo("ask the maker, or bring the right components").
			Because(language.Textf("its check value is %s, and the maker states %s", is, b.check))
	}
	return key, nil
}

func readComponent(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(io.LimitReader(os.Stdin, maxComponent))
	}
	return os.ReadFile(path)
}

// maxComponent bounds what is read from standard input, in bytes.
const maxComponent = 4 << 10

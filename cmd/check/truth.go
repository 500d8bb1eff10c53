package check

import (
	"errors"
	"io/fs"
	"os"

	"citycard/cmd/service"
	"citycard/language"
	"citycard/simulators/truth"
)

// Truth returns an error if the directory has no truth of a simulated city.
func Truth(dir string) error {
	if _, err := truth.ReadSummary(dir); errors.Is(err, fs.ErrNotExist) {
		return service.Fail("no truth of a simulated city in %s", dir).Todo("give the directory truth/ of a city that cardsim has played")
	} else if err != nil {
		return service.Fail("the truth in %s cannot be read", dir).Todo("give the directory truth/ of a city that cardsim has played").Because(err)
	}
	return nil
}

// File compares the export at path ("-" for standard input) with the truth.
func File(path, dir, scratch string) (f *Finding, err error) {
	if path == "-" {
		return Export(os.Stdin, dir, scratch)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, language.Textf("export: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return Export(file, dir, scratch)
}

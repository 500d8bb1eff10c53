package check

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"citycard/cmd/service"
	"citycard/simulators/truth"
)

// Truth returns an error if the directory has no truth of a simulated city.
func Truth(dir string) error {
	if _, err := truth.ReadSummary(dir); errors.Is(err, fs.ErrNotExist) {
		return service.Fail("no truth of a simulated city in "+dir+" / 该目录中没有模拟城市的对照结果", "give the directory truth/ of a city that cardsim has played", nil)
	} else if err != nil {
		return service.Fail("the truth in "+dir+" cannot be read / 无法读取对照结果", "give the directory truth/ of a city that cardsim has played", err)
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
		return nil, fmt.Errorf("export: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return Export(file, dir, scratch)
}

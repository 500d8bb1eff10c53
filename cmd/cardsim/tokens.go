package main

import (
	"os"
	"path/filepath"
	"strings"

	"citycard/cmd/service"
)

// readTokens reads the tokens with which channels authenticate to the load authority: one file
// ID.token for each channel. With an empty dir there are none.
func readTokens(dir string) (map[string]string, error) {
	tokens := map[string]string{}
	if dir == "" {
		return tokens, nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.token"))
	if err == nil && len(files) == 0 {
		_, err = os.Stat(dir)
	}
	if err != nil {
		return nil, service.Fail("cannot read the channels' tokens").Todo("correct --tokens").Because(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, service.Fail("cannot read the channels' tokens").Todo("correct --tokens").Because(err)
		}
		tokens[strings.TrimSuffix(filepath.Base(file), ".token")] = strings.TrimSpace(string(data))
	}
	return tokens, nil
}

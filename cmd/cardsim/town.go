package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"citycard/clearing/rules"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/durable"
	"citycard/simulators/network"
	"citycard/simulators/plan"
)

// What says what a city is, in a data directory: the city's own file and its rule documents.
const (
	townFile    = "city.json"
	townRules   = "rules"
	rulesAdvice = "put the city's documents there, or name their folder with --rules; citycard rules template writes examples to begin with"
)

// townFiles are the city's own file and its rule documents.
type townFiles struct {
	city      []byte
	documents map[rules.Kind][]byte
	from      string // where the city's own file was, for faults
}

// town reads what --city and --rules name. Without them it takes what the data directory was issued
// with, and otherwise the built-in city with the example documents.
func (s *settings) town() (*plan.Town, *townFiles, error) {
	files, err := s.townFiles()
	if err != nil {
		return nil, nil, err
	}
	documents := map[string][]byte{}
	for kind, content := range files.documents {
		documents[kind.File()] = content
	}
	town, err := plan.NewTown(files.city, documents)
	if err != nil {
		return nil, nil, server.BadRules(service.Fail("the city of %s cannot be simulated", files.from).Todo("correct what is named in that file or in the rule documents"), err)
	}
	return town, files, nil
}

func (s *settings) townFiles() (*townFiles, error) {
	f := &townFiles{city: network.ZhengzhouCity(), from: "cardsim"}
	own := filepath.Join(s.Data, townFile)
	issued, err := os.ReadFile(own)
	switch {
	case err == nil:
		f.city, f.from = issued, own
	case !errors.Is(err, fs.ErrNotExist):
		return nil, service.Fail("data directory not usable").Todo("give another one with --data").Because(err)
	}
	if s.cityFile != "" {
		given, err := server.ReadDocument(s.cityFile)
		if err != nil {
			return nil, service.Fail("the city's file cannot be read").Todo("correct --city; cardsim template writes one to begin with").Because(err)
		}
		if issued != nil && !bytes.Equal(given, issued) {
			return nil, service.Refuse("%s was issued with another file than %s", s.Data, s.cityFile).Todo("leave out --city, or give an empty directory with --data")
		}
		f.city, f.from = given, s.cityFile
	}
	return f, f.readDocuments(s.rules, filepath.Join(s.Data, townRules), issued != nil)
}

// readDocuments reads the rule documents of a given folder, or of one that was written when the
// city was issued; otherwise they are the examples over the built-in city's network.
func (f *townFiles) readDocuments(given, written string, issued bool) (err error) {
	dir := given
	if dir == "" && issued {
		dir = written
	}
	if dir != "" {
		if f.documents, err = server.ReadDocuments(dir); err != nil {
			return service.Fail("the rules cannot be read").Todo(rulesAdvice).Because(err)
		}
		return nil
	}
	f.documents = map[rules.Kind][]byte{}
	for _, kind := range rules.Kinds() {
		f.documents[kind] = kind.Example()
	}
	f.documents[rules.Network] = network.Zhengzhou()
	return nil
}

// write keeps the files in the data directory, the documents where citycard serve finds them beside
// the registry.
func (f *townFiles) write(dir string) error {
	folder := filepath.Join(dir, townRules)
	if err := durable.MkdirAll(folder); err != nil {
		return err
	}
	for kind, content := range f.documents {
		if err := durable.WriteFile(kind.PathIn(folder), content); err != nil {
			return err
		}
	}
	return durable.WriteFile(filepath.Join(dir, townFile), f.city)
}

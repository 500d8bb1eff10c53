package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// stage is an image of the Containerfile.
type stage struct {
	copies [][]string // the words of each COPY
	starts []string   // the program
	words  []string   // and what it is given, unless told otherwise
}

// containerStages reads the parts of the Containerfile that these tests need, and the programs that
// it builds.
func containerStages(t *testing.T) (stages map[string]*stage, built []string) {
	t.Helper()
	stages = map[string]*stage{}
	var current *stage
	text := strings.ReplaceAll(readFile(t, filepath.Join(containerDir, "Containerfile")), "\\\n", " ")
	for line := range strings.Lines(text) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		fields := strings.Fields(rest)
		switch word {
		case "FROM":
			current = &stage{}
			stages[fields[len(fields)-1]] = current
		case "COPY":
			current.copies = append(current.copies, fields)
		case "RUN":
			for _, field := range fields {
				if program, ok := strings.CutPrefix(field, "./cmd/"); ok {
					built = append(built, "/out/"+program)
				}
			}
		case "ENTRYPOINT":
			current.starts = listOf(t, rest)
		case "CMD":
			current.words = listOf(t, rest)
		}
	}
	return stages, built
}

func listOf(t *testing.T, text string) (words []string) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), &words); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return words
}

// checkContainerfile: the files that the images copy exist or were built, and the programs that
// they start have these commands and flags.
func checkContainerfile(t *testing.T, m *manual) {
	stages, built := containerStages(t)
	if strings.Contains(readFile(t, filepath.Join(containerDir, "Containerfile")), "--create-home") {
		t.Error("a home is made with files in it; a program takes only an empty directory for its data")
	}
	if len(stages) != 3 || len(built) != 3 {
		t.Fatalf("%d stages, built %v: want 3 of each", len(stages), built)
	}
	for name, s := range stages {
		for _, words := range s.copies {
			from, inStage := strings.CutPrefix(words[0], "--from=")
			if inStage {
				words = words[1:]
				if stages[from] == nil {
					t.Errorf("%s copies from stage %s, which is not there", name, from)
				}
			}
			for _, source := range words[:len(words)-1] {
				if inStage && !slices.Contains(built, source) {
					t.Errorf("%s copies %s, which was not built", name, source)
				}
				if found, err := filepath.Glob(filepath.Join("../..", source)); !inStage && (err != nil || len(found) == 0) {
					t.Errorf("%s copies %s, which is not there", name, source)
				}
			}
		}
		if s.starts != nil {
			m.wantCommand(name, append(slices.Clone(s.starts), s.words...))
		}
	}
}

// composition is a compose file, with the parts that this test needs.
type composition struct {
	Services map[string]struct {
		Image   string
		Build   struct{ Context, Dockerfile, Target string }
		Command []string
		Secrets []string
		Volumes []string
		Depends map[string]struct{ Condition string } `yaml:"depends_on"`
		Health  struct{ Test []string }               `yaml:"healthcheck"`
	}
	Secrets map[string]struct{ File string }
	Volumes map[string]struct{}
}

// checkCompose: the files and services on which the services depend exist, and the clearing
// centre's command has these flags.
func checkCompose(t *testing.T, m *manual) {
	stages, _ := containerStages(t)
	var c composition
	if err := yaml.Unmarshal([]byte(readFile(t, filepath.Join(containerDir, "compose.yaml"))), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Services) != 3 {
		t.Fatalf("%d services were read, want 3", len(c.Services))
	}
	for name, s := range c.Services {
		if s.Build.Target != "" {
			if s.Build.Context != "../.." || s.Build.Dockerfile != "deploy/container/Containerfile" || stages[s.Build.Target] == nil {
				t.Errorf("%s is built of %+v, want a stage of the Containerfile", name, s.Build)
				continue
			}
			m.wantCommand(name, append(slices.Clone(stages[s.Build.Target].starts), s.Command...))
		} else if !strings.Contains(s.Image, ":") {
			t.Errorf("%s is of image %q, want one with its version", name, s.Image)
		}
		for _, secret := range s.Secrets {
			if c.Secrets[secret].File == "" {
				t.Errorf("%s has secret %s, which has no file", name, secret)
			}
		}
		for _, volume := range s.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if _, named := c.Volumes[source]; !named && !strings.HasPrefix(source, ".") {
				t.Errorf("%s has volume %s, which is not there", name, source)
			}
		}
		if s.Build.Target != "" && len(s.Health.Test) > 1 {
			m.wantCommand(name+", healthy", s.Health.Test[1:])
		}
		for on, when := range s.Depends {
			if when.Condition == "service_healthy" && len(c.Services[on].Health.Test) == 0 {
				t.Errorf("%s waits for %s to be healthy, which nothing says", name, on)
			}
		}
		for _, word := range s.Command {
			if secret, ok := strings.CutPrefix(word, "/run/secrets/"); ok && !slices.Contains(s.Secrets, secret) {
				t.Errorf("%s reads secret %s and is not given it", name, secret)
			}
		}
	}
}

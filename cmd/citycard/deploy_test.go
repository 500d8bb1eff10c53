package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// metricName finds the names of our metrics in expressions; a histogram's series
// have suffixes of their own.
var metricName = regexp.MustCompile(`citycard_[a-z_]+`)

// declaredMetrics are the metrics that the programs declare, read from their
// source: a name in an alert that no program has would never fire.
func declaredMetrics(t *testing.T) []string {
	t.Helper()
	declared := regexp.MustCompile(`(?:Name: +|NewDesc\()"(citycard_[a-z_]+)"`)
	var names []string
	for _, dir := range []string{"../../clearing", "../../terminals", "../../cmd"} {
		err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
				names = append(names, m[1])
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// TestDeployNamesMetrics holds alerts and dashboard to the metrics there are.
func TestDeployNamesMetrics(t *testing.T) {
	declared := declaredMetrics(t)
	for _, file := range []string{"../../deploy/prometheus/citycard.rules.yml", "../../deploy/grafana/citycard.json"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		used := metricName.FindAllString(string(text), -1)
		if len(used) < 10 {
			t.Errorf("%s uses %d metrics: the search finds too little", file, len(used))
		}
		for _, name := range used {
			base := name
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				base = strings.TrimSuffix(base, suffix)
			}
			if !slices.Contains(declared, name) && !slices.Contains(declared, base) {
				t.Errorf("%s uses %s, which no program has", file, name)
			}
		}
	}
	dashboard, err := os.ReadFile("../../deploy/grafana/citycard.json")
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(dashboard) {
		t.Error("the dashboard is not JSON")
	}
}

// TestAlertRules lets Prometheus's own tool check the rules and play them through.
func TestAlertRules(t *testing.T) {
	tool, err := exec.LookPath("promtool")
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("promtool is not installed, so the alert rules were not checked; on Debian: deploy/setup.sh test")
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check", "rules", "citycard.rules.yml"}, {"test", "rules", "citycard.rules.test.yml"}} {
		command := exec.Command(tool, args...)
		command.Dir = "../../deploy/prometheus"
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

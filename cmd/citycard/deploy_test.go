package main

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"citycard/cardos/keyservice"
)

const (
	rulesFile     = "../../deploy/prometheus/citycard.rules.yml"
	dashboardFile = "../../deploy/grafana/citycard.json"
	runbookFile   = "../../docs/operations.md"
)

// alert is a rule as Prometheus reads it.
type alert struct {
	Alert       string
	Expr        string
	Labels      map[string]string
	Annotations map[string]string
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []alert } }
	if err := yaml.Unmarshal([]byte(readFile(t, rulesFile)), &file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	if len(all) < 20 {
		t.Fatalf("%d alerts were read: too few", len(all))
	}
	return all
}

// panel is a panel of the dashboard.
type panel struct {
	ID      int
	Title   string
	GridPos struct{ X, Y, W, H int }
	Options struct{ TextMode string }
	Targets []struct{ Expr string }
	// FieldConfig says in which unit it shows what it asks for.
	FieldConfig struct{ Defaults struct{ Unit string } }
}

type dashboard struct {
	UID    string
	Panels []panel
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	if err := json.Unmarshal([]byte(readFile(t, dashboardFile)), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// metricName finds the names of our metrics in expressions.
var metricName = regexp.MustCompile(`\b(?:citycard|cardterm)_[a-z_]+`)

// keyProgram begins the names of the key service's metrics.
const keyProgram = "citycard_keyservice"

// watched returns the names of a program's metrics that alerts and dashboard use, without the
// suffixes of a histogram's series.
func watched(t *testing.T, program string) []string {
	t.Helper()
	names := map[string]bool{}
	add := func(expr string) {
		for _, name := range metricName.FindAllString(expr, -1) {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				name = strings.TrimSuffix(name, suffix)
			}
			if strings.HasPrefix(name, program+"_") && (program == keyProgram || !strings.HasPrefix(name, keyProgram+"_")) {
				names[name] = true
			}
		}
	}
	for _, a := range alerts(t) {
		add(a.Expr)
	}
	for _, p := range readDashboard(t).Panels {
		for _, target := range p.Targets {
			add(target.Expr)
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// seldom are metrics that have no series on a day without faults: their names are compared with the
// source instead.
var seldom = []string{"citycard_close_progress_ratio", "citycard_ledger_retries_total"}

// wantWatched checks that the page /metrics of a working program has the metrics of alerts and
// dashboard.
func wantWatched(t *testing.T, program, page string) {
	t.Helper()
	names := watched(t, program)
	if len(names) < 5 && program != keyProgram {
		t.Errorf("%d metrics of %s are watched: the search finds too little", len(names), program)
	}
	for _, name := range names {
		if !slices.Contains(seldom, name) && !strings.Contains(page, "\n# TYPE "+name+" ") {
			t.Errorf("alerts or dashboard use %s, which /metrics does not have", name)
		}
	}
}

// TestSeldomMetrics finds the metrics that wantWatched does not look for in the programs' source.
func TestSeldomMetrics(t *testing.T) {
	sources, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range seldom {
		if !slices.ContainsFunc(sources, func(path string) bool {
			return !strings.HasSuffix(path, "_test.go") && strings.Contains(readFile(t, path), `"`+name+`"`)
		}) {
			t.Errorf("no source has %s", name)
		}
	}
}

// TestAlertRules lets Prometheus's own tool check the rules and run their tests.
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

// TestRefusalsAreCounted: an outcome for which CitycardKeysRefused looks is counted from 0 on. The
// first of one that is not would be no rise, so it would raise no alert.
func TestRefusalsAreCounted(t *testing.T) {
	counted := map[string]bool{}
	for _, w := range keyservice.WatchedOutcomes() {
		counted[w.Outcome] = true
	}
	for _, a := range alerts(t) {
		if a.Alert != "CitycardKeysRefused" {
			continue
		}
		for outcome := range strings.SplitSeq(regexp.MustCompile(`outcome=~"([^"]+)"`).FindStringSubmatch(a.Expr)[1], "|") {
			if !counted[outcome] {
				t.Errorf("%s is counted only once it has happened", outcome)
			}
		}
		return
	}
	t.Error("there is no such alert")
}

// TestAlertsLead: each alert names an existing entry of the runbook, and a panel of the dashboard
// that shows the alert's metric. Every entry of the runbook belongs to an alert.
func TestAlertsLead(t *testing.T) {
	places := anchors(readFile(t, runbookFile))
	board := readDashboard(t)
	panelOf := regexp.MustCompile(`^/d/` + regexp.QuoteMeta(board.UID) + `\?viewPanel=(\d+)$`)
	var names []string
	for _, a := range alerts(t) {
		names = append(names, a.Alert)
		if want := "docs/operations.md#" + strings.ToLower(a.Alert); a.Annotations["runbook"] != want || !slices.Contains(places, strings.ToLower(a.Alert)) {
			t.Errorf("%s has runbook %q, want %s, and that heading", a.Alert, a.Annotations["runbook"], want)
		}
		found := panelOf.FindStringSubmatch(a.Annotations["dashboard"])
		if found == nil {
			t.Errorf("%s has dashboard %q, want /d/%s?viewPanel=N", a.Alert, a.Annotations["dashboard"], board.UID)
			continue
		}
		number, err := strconv.Atoi(found[1])
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(board.Panels, func(p panel) bool { return p.ID == number })
		if i < 0 {
			t.Errorf("%s names panel %d, which is not there", a.Alert, number)
			continue
		}
		if !board.Panels[i].shows(a.Expr) {
			t.Errorf("%s names panel %q, which shows none of its metrics", a.Alert, board.Panels[i].Title)
		}
	}
	for _, heading := range regexp.MustCompile(`(?m)^### ((?:Citycard|Cardterm)\w+)$`).FindAllStringSubmatch(readFile(t, runbookFile), -1) {
		if !slices.Contains(names, heading[1]) {
			t.Errorf("the runbook has %s, which is no alert", heading[1])
		}
	}
}

// shows reports whether a panel has a metric of an expression.
func (p panel) shows(expr string) bool {
	used := regexp.MustCompile(`\b(?:(?:citycard|cardterm)_[a-z_]+|up)\b`).FindAllString(expr, -1)
	return slices.ContainsFunc(p.Targets, func(target struct{ Expr string }) bool {
		return slices.ContainsFunc(used, func(name string) bool { return strings.Contains(target.Expr, name) })
	})
}

// anchors are the link targets of the headings of a page.
func anchors(page string) (found []string) {
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(page, -1) {
		anchor := strings.ReplaceAll(strings.ToLower(heading[1]), " ", "-")
		found = append(found, regexp.MustCompile(`[^\p{L}\p{N}_-]`).ReplaceAllString(anchor, ""))
	}
	return found
}

// TestRunbookLinks follows the links of the page to other pages and headings.
func TestRunbookLinks(t *testing.T) {
	page := readFile(t, runbookFile)
	for _, link := range regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]*))?\)`).FindAllStringSubmatch(page, -1) {
		target := page
		if link[1] != "" {
			target = readFile(t, filepath.Join(filepath.Dir(runbookFile), link[1]))
		}
		if link[2] != "" && !slices.Contains(anchors(target), link[2]) {
			t.Errorf("the link %s#%s leads to no heading", link[1], link[2])
		}
	}
}

// TestDashboard: no two panels have the same number or overlap, exactly the rates are shown as
// rates, and named values are shown by name.
func TestDashboard(t *testing.T) {
	board := readDashboard(t)
	rate := regexp.MustCompile(`\brate\(`)
	for i, p := range board.Panels {
		for _, other := range board.Panels[:i] {
			a, b := p.GridPos, other.GridPos
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("panels %q and %q lie over each other", p.Title, other.Title)
			}
			if p.ID == other.ID {
				t.Errorf("panels %q and %q have one number", p.Title, other.Title)
			}
		}
		for _, target := range p.Targets {
			ratio := strings.Contains(target.Expr, "/") || strings.Contains(target.Expr, "histogram_quantile")
			if perSecond := rate.MatchString(target.Expr) && !ratio; perSecond != (p.FieldConfig.Defaults.Unit == "cps") {
				t.Errorf("panel %q shows %s in unit %s", p.Title, target.Expr, p.FieldConfig.Defaults.Unit)
			}
			if strings.Contains(target.Expr, "_info)") && p.Options.TextMode != "name" && !strings.Contains(target.Expr, "count by") {
				t.Errorf("panel %q shows the 1 of %s, not its name", p.Title, target.Expr)
			}
		}
	}
}

package settlement

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"citycard/ledger"

	"pgregory.net/rapid"
)

// The small day of these tests, 24 November 2026: metro and bus rides, a late
// one of the 23rd, a load paid at the counter, one claim and its fund.
func dayRows() []Row {
	return []Row{
		{"operator:metro", 20261124, "metro_exit", 2, 570, false},
		{"operator:metro", 20261124, "metro_entry", 3, 0, false},
		{"operator:metro", 20261123, "metro_exit", 1, 190, false},
		{"operator:bus-a", 20261124, "bus", 10, 800, false},
		{"operator:metro", 20261124, "metro_exit", 1, 380, false},
		{"channel:counter", 20261124, "load", 2, -15000, false},
		{"hospital:h-301", 20261124, "medical_fund", 1, 773500, false},
		{"hospital:h-301", 20261124, "medical_account", 1, 100000, false},
		{"fund:employee", 20261124, "medical_fund", 1, -773500, false},
		// Its desks took two tickets and an update in cash, and gave one ticket's back.
		{"operator:metro", 20261124, "exit_ticket", 1, 900, true},
		{"operator:metro", 20261124, "exit_ticket", 1, 450, true},
		{"operator:metro", 20261124, "exit_ticket_void", 1, -450, true},
		{"operator:metro", 20261123, "desk_cash", 1, 300, true},
	}
}

func dayParticipants() []Participant {
	return []Participant{
		{"operator:metro", "郑州地铁(模拟)", "Zhengzhou Metro (simulated)"},
		{"operator:bus-a", "模拟公交一公司", "Simulated Bus Company A"},
		{"channel:counter", "模拟人工网点", ""},
		{"hospital:h-301", "模拟中医院", "Simulated Hospital of Chinese Medicine"},
		{"fund:employee", "职工医保基金", "Employees' fund"},
		{"fund:resident", "居民医保基金", "Residents' fund"},
	}
}

func dayPositions(t testing.TB) []Position {
	t.Helper()
	positions, err := Net(dayRows(), dayParticipants())
	if err != nil {
		t.Fatal(err)
	}
	return positions
}

func TestNet(t *testing.T) {
	type net struct {
		code       string
		lines      int
		count, fen int64
	}
	want := []net{
		{"channel:counter", 1, 2, -15000},
		{"fund:employee", 1, 1, -773500},
		{"fund:resident", 0, 0, 0}, // listed, so it gets a file that says nothing happened
		{"hospital:h-301", 2, 2, 873500},
		{"operator:bus-a", 1, 10, 800},
		// 190 of the day before, 570 + 380 of the day, three entries of nothing.
		{"operator:metro", 3, 7, 1140},
	}
	var got []net
	for _, p := range dayPositions(t) {
		got = append(got, net{p.Participant.Code, len(p.Lines), p.Count, p.Fen})
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	metro := dayPositions(t)[5].Lines
	if want := []Line{{20261123, "metro_exit", 1, 190}, {20261124, "metro_entry", 3, 0}, {20261124, "metro_exit", 3, 950}}; !slices.Equal(metro, want) {
		t.Errorf("metro: %v, want %v", metro, want)
	}
}

func TestNetRefuses(t *testing.T) {
	row := Row{"operator:metro", 20261124, "bus", 1, 100, false}
	for _, c := range []struct {
		name  string
		alter func(r *Row, p *Participant)
		want  string
	}{
		{"unlisted participant", func(r *Row, _ *Participant) { r.Participant = "operator:tram" }, `rows[0]: participant "operator:tram" is not listed`},
		{"no day", func(r *Row, _ *Participant) { r.Day = 0 }, `rows[0]: day "00000000"`},
		{"no such day", func(r *Row, _ *Participant) { r.Day = 20260229 }, `rows[0]: day "20260229"`},
		{"purpose with a comma", func(r *Row, _ *Participant) { r.Purpose = "a,b" }, `rows[0]: purpose "a,b"`},
		{"no purpose", func(r *Row, _ *Participant) { r.Purpose = "" }, `rows[0]: purpose ""`},
		{"negative count", func(r *Row, _ *Participant) { r.Count = -1 }, "rows[0]: count -1"},
		{"least amount", func(r *Row, _ *Participant) { r.Fen = math.MinInt64 }, "rows[0]: fen"},
		{"way out of the folder", func(_ *Row, p *Participant) { p.Code = "operator:../../etc" }, "participants[0]: code"},
		{"no kind", func(_ *Row, p *Participant) { p.Code = "metro" }, "participants[0]: code"},
		{"hyphen in the kind", func(_ *Row, p *Participant) { p.Code = "bus-operator:a" }, "participants[0]: code"},
		{"two lines of name", func(_ *Row, p *Participant) { p.Name = "a\nb" }, "participants[0]: operator:metro: name"},
		{"tab in the name", func(_ *Row, p *Participant) { p.NameEn = "a\tb" }, "participants[0]: operator:metro: name"},
		{"control character above ASCII", func(_ *Row, p *Participant) { p.Name = "a\u0085b" }, "participants[0]: operator:metro: name"},
		{"line separator", func(_ *Row, p *Participant) { p.Name = "a\u2028b" }, "participants[0]: operator:metro: name"},
		{"name not UTF-8", func(_ *Row, p *Participant) { p.Name = "\xba\xd3" }, "participants[0]: operator:metro: name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, p := row, Participant{Code: "operator:metro"}
			c.alter(&r, &p)
			if _, err := Net([]Row{r}, []Participant{p}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
		})
	}
	if _, err := Net(nil, []Participant{{Code: "operator:a"}, {Code: "operator:a"}}); err == nil {
		t.Error("a participant listed twice: accepted")
	}
	huge := []Row{{"operator:metro", 20261124, "bus", 1, math.MaxInt64, false}, {"operator:metro", 20261124, "bus", 1, 1, false}}
	if _, err := Net(huge, []Participant{{Code: "operator:metro"}}); err == nil {
		t.Error("a sum past the range: accepted")
	}
	owing := []Row{{"operator:metro", 20261124, "bus", 1, -math.MaxInt64, false}, {"operator:metro", 20261124, "bus", 1, -2, false}}
	if _, err := Net(owing, []Participant{{Code: "operator:metro"}}); err == nil {
		t.Error("a debt past the range: accepted")
	}
	many := []Row{{"operator:metro", 20261124, "bus", math.MaxInt64, 0, false}, {"operator:metro", 20261124, "bus", 1, 0, false}}
	if _, err := Net(many, []Participant{{Code: "operator:metro"}}); err == nil {
		t.Error("a count past the range: accepted")
	}
	huge[1].Purpose = "metro_exit" // lines fit, their total does not
	if _, err := Net(huge, []Participant{{Code: "operator:metro"}}); err == nil {
		t.Error("a total past the range: accepted")
	}
}

// Participants whose codes differ in capitals alone have files of their own, also where a file
// system does not tell A from a.
func TestCapitals(t *testing.T) {
	var participants []Participant
	for _, id := range []string{"bus", "Bus", "BUS", "bUs"} {
		participants = append(participants, Participant{Code: "operator:" + id, Name: id})
	}
	positions, err := Net(nil, participants)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "20261124")
	index, err := Write(dir, 20261124, positions)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(dir); err != nil {
		t.Error(err)
	}
	files := map[string]bool{}
	for _, entry := range index.Entries {
		if files[strings.ToLower(entry.File)] {
			t.Errorf("%s shares its file %s", entry.Participant, entry.File)
		}
		files[strings.ToLower(entry.File)] = true
	}
}

func drawRows(t *rapid.T) []Row {
	codes := []string{"operator:a", "operator:b", "fund:c"}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Row {
		return Row{
			Participant: rapid.SampledFrom(codes).Draw(t, "participant"),
			Day:         rapid.SampledFrom([]ledger.Day{20261122, 20261123, 20261124}).Draw(t, "day"),
			Purpose:     rapid.SampledFrom([]string{"bus", "metro_exit", "medical_fund"}).Draw(t, "purpose"),
			Count:       rapid.Int64Range(0, 1000).Draw(t, "count"),
			Fen:         rapid.Int64Range(-1_000_000, 1_000_000).Draw(t, "fen"),
		}
	}), 0, 40).Draw(t, "rows")
}

// Nothing is lost in netting: positions add up to the rows, lines to positions;
// and the order of rows changes no byte.
func TestNetProperties(t *testing.T) {
	participants := []Participant{{Code: "operator:a"}, {Code: "operator:b", Name: "乙"}, {Code: "fund:c"}}
	rapid.Check(t, func(t *rapid.T) {
		rows := drawRows(t)
		positions, err := Net(rows, participants)
		if err != nil {
			t.Fatal(err)
		}
		var count, fen int64
		for _, row := range rows {
			count += row.Count
			fen += row.Fen
		}
		for _, p := range positions {
			count -= p.Count
			fen -= p.Fen
			position := File{20261124, p}
			back, err := Parse(position.Encode())
			if err != nil || back.Day != 20261124 || back.Position.Fen != p.Fen || !slices.Equal(back.Position.Lines, p.Lines) {
				t.Fatalf("%+v comes back as %+v, %v", position, back, err)
			}
		}
		if count != 0 || fen != 0 {
			t.Fatalf("%d transactions, %d fen are lost", count, fen)
		}
		shuffled, err := Net(rapid.Permutation(rows).Draw(t, "order"), participants)
		if err != nil {
			t.Fatal(err)
		}
		for i := range positions {
			if string(File{20261124, positions[i]}.Encode()) != string(File{20261124, shuffled[i]}.Encode()) {
				t.Fatalf("%s depends on the order of rows", positions[i].Participant.Code)
			}
		}
	})
}

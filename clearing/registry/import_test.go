package registry_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"citycard/clearing/clearingtest"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/ledger"
)

// TestImport reads a good registry and asks it about days before, in and after
// the spans of its rows.
func TestImport(t *testing.T) {
	files := clearingtest.Files()
	files["terminals.csv"] = "terminal,operator,mode,line,station,effective_from,effective_to\n" +
		"310000000001,metro,metro,1,1,20200101,20251231\n310000000001,bus,bus,9,,20260101,\n"
	r, err := registry.Import(clearingtest.WriteFiles(t, files))
	if err != nil {
		t.Fatal(err)
	}
	number := [6]byte(clearingtest.Hex("310000000001"))
	for _, test := range []struct {
		day      int32
		operator string
	}{{20191231, ""}, {20200101, "metro"}, {20251231, "metro"}, {20260101, "bus"}, {20991231, "bus"}} {
		terminal, ok := r.Terminal(number, ledger.Day(test.day))
		if terminal.Operator != test.operator || ok != (test.operator != "") {
			t.Errorf("on %d the terminal is %q (%v), want %q", test.day, terminal.Operator, ok, test.operator)
		}
	}
	card, ok := r.Card(index.Number(clearingtest.Hex(clearingtest.BlockedCard)).Signed())
	if !ok || !card.Blocked() || card.Type != 1 || card.Expires != 20401231 {
		t.Errorf("blocked card reads %+v (%v)", card, ok)
	}
}

// moreFiles are the files that a registry may have beside those of a town.
func moreFiles() map[string]string {
	return map[string]string{
		"issuers.csv": "issuer,name,name_en,kind,effective_from,effective_to,prefix\n" +
			clearingtest.Issuer + ",本市,Own city,own,20200101,,31050702\n0102030405060708,外市,Other city,interoperable,20240101,20251231,\n",
		"hotlist.csv": "card,reason,effective_from,effective_to\n" + clearingtest.Card + ",lost,20260105120000,\n" +
			clearingtest.OtherCard + ",lost,20260105120000,20260105120001\n",
		"card_types.csv": "type,name,name_en,effective_from,effective_to\n01,普通卡,Ordinary,20200101,\n",
		"lines.csv":      "id,operator,mode,number,name,name_en,effective_from,effective_to\nbus-1,bus,bus,1,\"一路,\"\"快\"\"\",Line 1,20200101,\n",
		"vehicles.csv":   "id,operator,line,effective_from,effective_to\nbus-7,bus,bus-1,20200101,\n",
		"counters.csv":   "terminal,channel,counter,effective_from,effective_to\n491030000001,counter,1,20200101,\n491030000002,counter,2,20200101,\n",
		"sams.csv": "terminal,sam,effective_from,effective_to\n" + clearingtest.BusValidator + "," + clearingtest.BusValidator + ",20200101,\n" +
			clearingtest.MetroGate + ",310000000777,20260301,\n",
	}
}

// TestSAMReplaced moves SAMs between terminals: a terminal number that a card
// signed stands for the terminal that the SAM was in on that day.
func TestSAMReplaced(t *testing.T) {
	files := clearingtest.Files()
	files["sams.csv"] = "terminal,sam,effective_from,effective_to\n" +
		clearingtest.MetroGate + ",310000000777,20260301,20260630\n" +
		clearingtest.MetroGate + ",310000000778,20260701,\n" +
		clearingtest.BusValidator + ",310000000777,20260801,20260831\n"
	r, err := registry.Import(clearingtest.WriteFiles(t, files))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		sam      string
		day      ledger.Day
		operator string
	}{
		{clearingtest.MetroGate, 20260228, "metro"},
		{clearingtest.MetroGate, 20260301, ""},
		{clearingtest.MetroGate, 20270101, ""},
		{"310000000777", 20260228, ""},
		{"310000000777", 20260301, "metro"},
		{"310000000777", 20260630, "metro"},
		{"310000000777", 20260701, ""},
		{"310000000777", 20260815, "bus"},
		{"310000000777", 20260901, ""},
		{"310000000778", 20260701, "metro"},
		{clearingtest.BusValidator, 20260731, "bus"},
		{clearingtest.BusValidator, 20260815, ""},
		{clearingtest.Unlisted, 20260731, ""},
	} {
		terminal, ok := r.Terminal([6]byte(clearingtest.Hex(test.sam)), test.day)
		if terminal.Operator != test.operator || ok != (test.operator != "") {
			t.Errorf("SAM %s on %d is at %q (%v), want %q", test.sam, test.day, terminal.Operator, ok, test.operator)
		}
	}
}

// TestVersion changes with any row, and with nothing else.
func TestVersion(t *testing.T) {
	version := func(files map[string]string) string {
		r, err := registry.Import(clearingtest.WriteFiles(t, files))
		if err != nil {
			t.Fatal(err)
		}
		return r.Version()
	}
	first := version(clearingtest.Files())
	if again := version(clearingtest.Files()); again != first {
		t.Errorf("the same files give versions %s and %s", first, again)
	}
	files := clearingtest.Files()
	files["cards.csv"] = strings.Replace(files["cards.csv"], "blocked", "active", 1)
	if changed := version(files); changed == first {
		t.Error("a card's status changed and the version did not")
	}
}

// TestImportFaults spoils one thing at a time: the fault names file, line and
// what was expected.
func TestImportFaults(t *testing.T) {
	tests := []struct {
		name, file, from, to string
		want                 []string
	}{
		{"missing file", "cards.csv", "", "", []string{"cards.csv: no such file"}},
		{"other header", "cards.csv", "issuer,", "issuers,", []string{"cards.csv:1: header"}},
		{"too few columns", "operators.csv", "metro,地铁,Metro,metro,20200101,\n", "metro,地铁\n", []string{"operators.csv:2", "wrong number of fields"}},
		{"card with a letter", "cards.csv", clearingtest.Card, "0310507020000000000x", []string{"cards.csv:2: column 1", "20 decimal digits"}},
		{"unknown status", "cards.csv", "blocked", "lost", []string{"cards.csv:5", "active, blocked"}},
		{"no such date", "cards.csv", "20250630", "20250631", []string{"cards.csv:4: column 6", "a date YYYYMMDD"}},
		{"card twice", "cards.csv", clearingtest.OtherCard, clearingtest.Card, []string{"cards.csv:3", "occurs twice"}},
		{"a channel's terminal, and no such channel", "terminals.csv", ",bus,bus,1,", ",channel:tram,counter,,", []string{"terminals.csv", `channel "tram"`}},
		{"a channel's terminal on a bus", "terminals.csv", ",bus,bus,1,", ",channel:counter,bus,1,", []string{"terminals.csv:3", "at a channel's counter"}},
		{"a counter of no channel", "counters.csv", "counter,1", "tram,1", []string{"counters.csv:2", `channel "tram"`}},
		{"a counter without a name", "counters.csv", "counter,1", "counter,", []string{"counters.csv:2: column 3"}},
		{"a terminal at two counters", "counters.csv", "491030000002", "491030000001", []string{"counters.csv:3", "overlaps"}},
		{"operator not listed", "terminals.csv", ",bus,bus,", ",tram,bus,", []string{"terminals.csv:3", `operator "tram"`}},
		{"negative money", "persons.csv", "50000", "-1", []string{"persons.csv:2: column 4", "whole fen"}},
		{"month 13", "persons.csv", "203012", "203013", []string{"persons.csv:3: column 6", "a month YYYYMM"}},
		{"id with a colon", "channels.csv", "counter,", "a:b,", []string{"channels.csv:2: column 1"}},
		{"ends before it begins", "hospitals.csv", "20200101,", "20200101,20191231", []string{"hospitals.csv:2", "not before the first"}},
		{"span overlaps", "operators.csv", "bus,公交", "metro,公交", []string{"operators.csv:3", "overlaps"}},
		{"SAM of no terminal", "sams.csv", clearingtest.MetroGate, clearingtest.Unlisted, []string{"sams.csv:3", "neither in terminals.csv"}},
		{"SAM in two terminals", "sams.csv", "310000000777", clearingtest.BusValidator, []string{"sams.csv: SAM " + clearingtest.BusValidator, "too"}},
		{"vehicle on no line", "vehicles.csv", "bus-1", "bus-2", []string{"vehicles.csv:2", `line "bus-2"`}},
		{"line of no operator", "lines.csv", "bus-1,bus", "bus-1,tram", []string{"lines.csv:2", `operator "tram"`}},
		{"line above 65535", "lines.csv", ",1,", ",65536,", []string{"lines.csv:2: column 4", "up to 65535"}},
		{"issuer not listed", "issuers.csv", clearingtest.Issuer, "0a0a0a0a0a0a0a0a", []string{"cards.csv:2", "neither in issuers.csv"}},
		{"kind of issuer", "issuers.csv", ",own", ",ours", []string{"issuers.csv:2: column 4", "own, interoperable"}},
		{"type not listed", "card_types.csv", "01,普", "02,普", []string{"cards.csv:2", "neither in card_types.csv"}},
		{"expires too late", "cards.csv", "20401231", "21700101", []string{"cards.csv:2: column 6", "21690606"}},
		{"name on two lines", "channels.csv", "柜台", "\"柜\n台\"", []string{"channels.csv:2: column 2", "on one line"}},
		{"empty purse", "purses.csv", "day\n", "day\n" + clearingtest.Card + "," + clearingtest.Issuer + ",0,20200101\n", []string{"purses.csv:2", "above zero"}},
		{"card number that is not decimal", "cards.csv", clearingtest.Card, "0310507020000000000a", []string{"cards.csv:2: column 1", "20 decimal digits"}},
		{"card number padded with F", "cards.csv", clearingtest.Card, "f3105070200000000001", []string{"cards.csv:2: column 1", "begin with 0"}},
		{"card number without padding", "cards.csv", clearingtest.Card, "31050702000000000010", []string{"cards.csv:2: column 1", "begin with 0"}},
		{"card number of another issuer", "issuers.csv", ",20200101,,31050702", ",20200101,,31050703", []string{"cards.csv:2", "begin with 31050703"}},
		{"prefix that is no number", "issuers.csv", ",31050702", ",3105x", []string{"issuers.csv:2: column 7"}},
		{"card that differs in what is not signed", "cards.csv", clearingtest.OtherCard, "04115070200000000001", []string{"cards.csv:3", "card ****0001", "begin with 31050702"}},
		{"card that differs in the issuer alone", "cards.csv", clearingtest.OtherCard + "," + clearingtest.Issuer, clearingtest.Card + ",01014910fffffffe", []string{"cards.csv:3", "registered as 01014910ffffffff"}},
		{"issuer that differs in what is not signed", "issuers.csv", "0102030405060708", "01014910ffff0000", []string{"issuers.csv:3", "first four bytes"}},
		{"listed card padded with F", "hotlist.csv", clearingtest.Card, "f3105070200000000001", []string{"hotlist.csv:2: column 1", "begin with 0"}},
		{"listed twice under two beginnings", "hotlist.csv", clearingtest.OtherCard, "04115070200000000001", []string{"hotlist.csv", "overlaps"}},
		{"purse of a card of another issuer", "purses.csv", "day\n", "day\n" + clearingtest.Card + ",01014911ffffffff,5,20200101\n", []string{"purses.csv", "same last sixteen"}},
		{"purse of a card with another beginning", "purses.csv", "day\n", "day\n04115070200000000001," + clearingtest.Issuer + ",5,20200101\n", []string{"purses.csv", "same last sixteen"}},
		{"control character above ASCII", "operators.csv", "公交", "公\u0085交", []string{"operators.csv:3: column 2", "control characters"}},
		{"line separator", "hospitals.csv", "First", "Fi\u2028rst", []string{"hospitals.csv:2: column 3", "on one line"}},
		{"name too long", "channels.csv", "柜台", strings.Repeat("柜", 67), []string{"channels.csv:2: column 2", "at most 200 bytes"}},
		{"operators that differ in capitals", "operators.csv", "metro,地铁,Metro,metro,20200101,\n", "metro,地铁,Metro,metro,20200101,\nBUS,公交,Bus,bus,20200101,\n", []string{"operators.csv:4", `"BUS" already`}},
		{"hospitals that differ in capitals", "hospitals.csv", "h1,一院,First,3,20200101,\n", "h1,一院,First,3,20200101,\nH1,二院,Second,3,20200101,\n", []string{"hospitals.csv:3", `"h1" already`}},
		{"account of more than all there is", "persons.csv", "50000", "10000000001", []string{"persons.csv:2: column 4", "at most 10000000000"}},
		{"pension of more than all there is", "persons.csv", "300000", "1000000000000001", []string{"persons.csv:3: column 5", "at most 10000000000"}},
		{"purse above the ledger's largest amount", "purses.csv", "day\n", "day\n" + clearingtest.Card + "," + clearingtest.Issuer + ",2000000000000000,20200101\n", []string{"purses.csv:2: column 3", "at most 2147483647"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files := clearingtest.Files()
			maps.Copy(files, moreFiles())
			if test.to == "" {
				delete(files, test.file)
			} else {
				spoiled := strings.Replace(files[test.file], test.from, test.to, 1)
				if spoiled == files[test.file] {
					t.Fatalf("%q is not in %s", test.from, test.file)
				}
				files[test.file] = spoiled
			}
			_, err := registry.Import(clearingtest.WriteFiles(t, files))
			var faults *registry.ImportError
			if !errors.As(err, &faults) {
				t.Fatalf("import ended with %v, want an ImportError", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}

// TestPurseBound holds purses against what the rules of loads allow on their day.
func TestPurseBound(t *testing.T) {
	bounds := registry.Bounds{PurseFen: func(day ledger.Day) ledger.Fen {
		if day < 20200101 {
			return 500
		}
		return 100_000
	}}
	for row, good := range map[string]bool{
		"1,20200101": true, "100000,20200101": true, "100001,20200101": false, "500,20191231": true, "501,20191231": false,
	} {
		files := clearingtest.Files()
		files["purses.csv"] += clearingtest.Card + "," + clearingtest.Issuer + "," + row + "\n"
		_, err := bounds.Read(clearingtest.WriteFiles(t, files), nil)
		if (err == nil) != good || err != nil && !strings.Contains(err.Error(), "purses.csv:2: column 3") {
			t.Errorf("a purse of %s: %v", row, err)
		}
	}
}

// TestForeignFiles refuses what a directory has beside the files of a registry, each by its name
// and with the nearest one, and reads a directory with notes and hidden files.
func TestForeignFiles(t *testing.T) {
	base, err := registry.Import(clearingtest.WriteFiles(t, clearingtest.Files()))
	if err != nil {
		t.Fatal(err)
	}
	const channels = "id,name,name_en,effective_from,effective_to\nkiosk,自助机,Kiosk,20260101,\n"
	for name, nearest := range map[string]string{
		"termnals.csv": "terminals.csv", "Cards.csv": "cards.csv", "cards.csv.txt": "cards.csv", "hotlist.CSV": "hotlist.csv", "persons": "persons.csv",
	} {
		files := map[string]string{"channels.csv": channels, name: "x"}
		want := "1 fault\n  " + name + ": no file of a registry has this name, the nearest is " + nearest + ";"
		if _, err := registry.Read(clearingtest.WriteFiles(t, files), base); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	notes := map[string]string{"channels.csv": channels, "README": "x", "readme.txt": "x", ".gitignore": "x"}
	if draft, err := registry.Read(clearingtest.WriteFiles(t, notes), base); err != nil || draft.Rows() != 1 {
		t.Errorf("a directory with notes: %v", err)
	}
	dir := clearingtest.WriteFiles(t, map[string]string{"channels.csv": channels})
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "old"), 0o755), os.Symlink("gone", filepath.Join(dir, "cards.csv"))); err != nil {
		t.Fatal(err)
	}
	_, err = registry.Read(dir, base)
	for _, want := range []string{"2 faults", "old: no file of a registry", "cards.csv: open"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a directory with a folder and a link to nothing: %v, want %s", err, want)
		}
	}
}

// TestImportManyFaults lists the first and counts the rest.
func TestImportManyFaults(t *testing.T) {
	files := clearingtest.Files()
	files["channels.csv"] = "id,name,name_en,effective_from,effective_to\n" + strings.Repeat(",,,,\n", 500)
	_, err := registry.Import(clearingtest.WriteFiles(t, files))
	if err == nil || !strings.Contains(err.Error(), "500 faults") || strings.Count(err.Error(), "\n") > 30 {
		t.Errorf("error is %q, want 500 faults in a few lines", err)
	}
}

// FuzzImport reads any bytes as a file of terminals.
func FuzzImport(f *testing.F) {
	f.Add(clearingtest.Files()["terminals.csv"])
	f.Add("\"")
	f.Fuzz(func(t *testing.T, text string) {
		files := clearingtest.Files()
		files["terminals.csv"] = text
		r, err := registry.Import(clearingtest.WriteFiles(t, files))
		if (r == nil) == (err == nil) {
			t.Fatalf("registry %v, error %v", r, err)
		}
	})
}

// TestChangeFaults checks files against what is in force.
func TestChangeFaults(t *testing.T) {
	base, err := registry.Import(clearingtest.WriteFiles(t, clearingtest.Files()))
	if err != nil {
		t.Fatal(err)
	}
	const persons = "token,insurance,status,personal_account_fen,pension_fen,certified_until,effective_from\n"
	for _, test := range []struct{ name, file, text, want string }{
		{"money twice", "persons.csv", persons + clearingtest.Worker + ",employee,retired,50000,0,,20260101\n", "persons.csv:2: column 4"},
		{"operator nowhere", "terminals.csv", "terminal,operator,mode,line,station,effective_from,effective_to\n310000000005,tram,bus,1,,20260101,\n", `operator "tram"`},
		{"fine", "terminals.csv", "terminal,operator,mode,line,station,effective_from,effective_to\n310000000005,bus,bus,1,,20260101,\n", ""},
		{"channel that differs in capitals", "channels.csv", "id,name,name_en,effective_from,effective_to\nCounter,柜台,Counter,20260101,\n", `"counter" already`},
		{"money again for the same day", "persons.csv", persons + clearingtest.Worker + ",employee,retired,50001,0,,20200101\n", "persons.csv:2: column 4"},
		{"person goes on", "persons.csv", persons + clearingtest.Worker + ",employee,retired,0,100,,20260101\n", ""},
		{"card twice, out of order", "cards.csv", "card,issuer,type,status,effective_from,expires\n" +
			clearingtest.Stranger + "," + clearingtest.Issuer + ",01,active,20200101,20401231\n" +
			clearingtest.OtherCard + "," + clearingtest.Issuer + ",01,active,20200102,20401231\n" +
			clearingtest.Stranger + "," + clearingtest.Issuer + ",01,blocked,20200101,20401231\n", "cards.csv:4: card ****" + clearingtest.Stranger[16:] + " occurs twice"},
		{"card twice, far apart", "cards.csv", "card,issuer,type,status,effective_from,expires\n" +
			clearingtest.OtherCard + "," + clearingtest.Issuer + ",01,active,20200102,20401231\n" +
			clearingtest.Stranger + "," + clearingtest.Issuer + ",01,active,20200101,20401231\n" +
			clearingtest.OtherCard + "," + clearingtest.Issuer + ",01,blocked,20200102,20401231\n", "card ****" + clearingtest.OtherCard[16:] + " occurs twice with the same first day: lines [2 4]"},
		{"printed number", "cards.csv", "card,issuer,type,status,effective_from,expires\n" +
			clearingtest.OtherCard[1:] + "," + clearingtest.Issuer + ",01,active,20200102,20401231\n", `cards.csv:2: column 1 is "****` + clearingtest.OtherCard[16:] + `", 19 characters, want 20`},
		{"two cards, out of order", "cards.csv", "card,issuer,type,status,effective_from,expires\n" +
			clearingtest.Stranger + "," + clearingtest.Issuer + ",01,active,20200101,20401231\n" +
			"03105070200000000098," + clearingtest.Issuer + ",01,active,20200102,20401231\n" +
			"04115070200000000099," + clearingtest.Issuer + ",01,active,20210101,20401231\n", "same last sixteen"},
		{"two cards, in order", "cards.csv", "card,issuer,type,status,effective_from,expires\n" +
			clearingtest.Stranger + "," + clearingtest.Issuer + ",01,active,20200101,20401231\n" +
			"04115070200000000099," + clearingtest.Issuer + ",01,active,20210101,20401231\n", "same last sixteen"},
		{"card of another beginning", "cards.csv", "card,issuer,type,status,effective_from,expires\n" +
			"04115070200000000001," + clearingtest.Issuer + ",01,active,20210101,20401231\n", "same last sixteen"},
		{"card of another issuer", "cards.csv", "card,issuer,type,status,effective_from,expires\n" +
			clearingtest.Card + ",01014910fffffffe,01,active,20210101,20401231\n", "same last sixteen"},
		{"purse of another beginning", "purses.csv", "card,issuer,fen,day\n" +
			"04115070200000000001," + clearingtest.Issuer + ",5,20210101\n", "same last sixteen"},
		{"the card goes on", "cards.csv", "card,issuer,type,status,effective_from,expires\n" +
			clearingtest.Card + "," + clearingtest.Issuer + ",01,blocked,20210101,20401231\n", ""},
	} {
		_, err := registry.Read(clearingtest.WriteFiles(t, map[string]string{test.file: test.text}), base)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: read ends with %v, want %q", test.name, err, test.want)
		}
	}
}

package service

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// TestHouse holds this project to its house rules.
func TestHouse(t *testing.T) {
	tree := os.DirFS("../..")
	sources, err := readTree(tree)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(sources, func(s *source) bool { return s.path == "clearing/message/doc.go" }) {
		t.Fatalf("the walk over %d files did not see clearing/message/doc.go", len(sources))
	}
	found, err := offences(tree)
	if err != nil {
		t.Fatal(err)
	}
	for _, offence := range found {
		t.Error(offence)
	}
}

// TestHouseRules breaks each rule once, in a tree that is otherwise clean.
func TestHouseRules(t *testing.T) {
	tests := []struct {
		name, file, text string
		want             string // part of the one offence; "" for none
	}{
		{"clean", "ledger/chain/chain.go", "package chain\nimport _ \"citycard/ledger\"\n", ""},
		{"ledger knows nothing of cards", "ledger/post.go", "package ledger\nimport _ \"citycard/cardos/purse\"\n", "room ledger must not import citycard/cardos/purse"},
		{"cards know nothing of money", "cardos/purse/x.go", "package purse\nimport _ \"citycard/ledger\"\n", "room cardos must not import citycard/ledger"},
		{"clearing knows no terminal", "clearing/intake/x.go", "package intake\nimport _ \"citycard/terminals/gate\"\n", "room clearing must not import citycard/terminals/gate"},
		{"terminals take only messages of clearing", "terminals/gate/x.go", "package gate\nimport _ \"citycard/clearing/transit/fare\"\n", "room terminals must not import citycard/clearing/transit/fare"},
		{"terminals may have messages", "terminals/gate/x.go", "package gate\nimport _ \"citycard/clearing/message\"\n", ""},
		{"the truth is not clearing's", "simulators/truth/x.go", "package truth\nimport _ \"citycard/clearing/transit/fare\"\n", "room simulators must not import citycard/clearing/transit/fare"},
		{"nor in its tests", "simulators/truth/x_test.go", "package truth\nimport _ \"citycard/clearing/transit/fare\"\n", "room simulators must not import citycard/clearing/transit/fare"},
		{"a virtual card tests a reader", "terminals/reader/x_test.go", "package reader_test\nimport _ \"citycard/simulators/vcard\"\n", ""},
		{"a virtual card in a reader's code", "terminals/reader/x.go", "package reader\nimport _ \"citycard/simulators/vcard\"\n", "room terminals must not import citycard/simulators/vcard"},
		{"no other simulator tests a terminal", "terminals/gate/x_test.go", "package gate_test\nimport _ \"citycard/simulators/city\"\n", "room terminals must not import citycard/simulators/city"},
		{"test equipment in a program", "cmd/citycard/x.go", "package main\nimport _ \"citycard/ledger/ledgertest\"\n", "is for tests"},
		{"test equipment in test equipment", "clearing/clearingtest/x.go", "// Package clearingtest tests.\npackage clearingtest\nimport _ \"citycard/ledger/ledgertest\"\n", ""},
		{"nobody imports intake", "clearing/transit/fare/x.go", "package fare\nimport _ \"citycard/clearing/intake\"\n", "may import citycard/clearing/intake"},
		{"cmd imports intake", "cmd/citycard/x.go", "package main\nimport _ \"citycard/clearing/intake\"\n", ""},
		{"a leaf in a terminal", "terminals/gate/x.go", "package gate\nimport _ \"citycard/broker\"\n", ""},
		{"a room in a leaf", "broker/x.go", "package broker\nimport _ \"citycard/clearing/message\"\n", "room broker must not import citycard/clearing/message"},
		{"a room in the run-up", "cmd/service/x.go", "// Package service runs.\npackage service\nimport _ \"citycard/ledger\"\n", "room cmd must not import citycard/ledger"},
		{"a leaf in the run-up", "cmd/service/x.go", "// Package service runs.\npackage service\nimport _ \"citycard/broker\"\n", ""},
		{"cgo in the wrong place", "terminals/gate/x.go", "package gate\nimport \"C\"\n", "may import C"},
		{"cgo where it belongs", "terminals/reader/x.go", "package reader\nimport \"C\"\n", ""},
		{"an offline check reaches a database", "ledger/chain/x.go", "package chain\nimport _ \"citycard/ledger/schema\"\n", "ledger/chain: reaches a database driver through ledger/schema"},
		{"citycard reaches cgo", "cmd/citycard/x.go", "package main\nimport _ \"citycard/terminals/desk\"\n", "cmd/citycard: reaches cgo through terminals/reader"},
		{"database in a terminal", "terminals/gate/x.go", "package gate\nimport _ \"github.com/jackc/pgx/v5\"\n", "may import github.com/jackc/pgx/v5"},
		{"Kafka in a rule", "clearing/transit/fare/x.go", "package fare\nimport _ \"github.com/twmb/franz-go/pkg/kgo\"\n", "may import github.com/twmb/franz-go/pkg/kgo"},
		{"Kafka in a rule's test", "clearing/transit/fare/x_test.go", "package fare\nimport _ \"github.com/twmb/franz-go/pkg/kgo\"\n", ""},
		{"the time of day", "ledger/post.go", "package ledger\nimport \"time\"\nvar t = time.Now()\n", "reads the clock with time.Now"},
		{"the time of day by another name", "ledger/post.go", "package ledger\nimport clock \"time\"\nvar now = clock.Now\n", "reads the clock with time.Now"},
		{"the time of day in disguise", "ledger/post.go", "package ledger\nimport \"time\"\nvar t = time.Since(time.Time{})\n", "reads the clock with time.Since"},
		{"a duration is not a clock", "ledger/post.go", "package ledger\nimport \"time\"\nvar t = time.Second\n", ""},
		{"a hall of everything", "clearing/util/util.go", "// Package util has things.\npackage util\n", `folder named "util"`},
		{"a new top folder", "web/page.go", "// Package web has pages.\npackage web\n", "outside the rooms"},
		{"code in the root", "main.go", "// Package main runs.\npackage main\n", "outside the rooms"},
		{"a package without a word", "clearing/quota/quota.go", "package quota\n", "clearing/quota: no package comment"},
		{"a long file", "ledger/post.go", "package ledger\n" + strings.Repeat("// line\n", linesMax), "501 lines"},
		{"a long generated file", "ledger/post.go", "// Code generated by x. DO NOT EDIT.\n\npackage ledger\n" + strings.Repeat("// line\n", linesMax), ""},
		{"a long function", "ledger/post.go", "package ledger\nfunc post() {\n" + strings.Repeat("\n", functionLines-1) + "}\n", "function post has 71 lines"},
		{"a function just short enough", "ledger/post.go", "package ledger\nfunc post() {\n" + strings.Repeat("\n", functionLines-2) + "}\n", ""},
		{"a wide comment", "ledger/post.go", "package ledger\nfunc post() {\n\t// " + strings.Repeat("x", 94) + "\n}\n", "ledger/post.go:3: a comment of 101 columns"},
		{"a comment just narrow enough", "ledger/post.go", "package ledger\nfunc post() {\n\t// " + strings.Repeat("收", 93) + "\n}\n", ""},
		{"a comment behind code", "ledger/post.go", "package ledger\nvar post = 1 // " + strings.Repeat("x", 94) + "\n", ""},
		{"a word nobody says", "ledger/post.go", "package ledger\nvar post = 1 // Lest it be 2.\n", `the word "Lest"`},
		{"a table of the ledger's in clearing", "clearing/message/x.go", "package message\nconst q = `SELECT a.fen FROM fares a\n JOIN journal j ON j.id = a.id`\n", "clearing/message/x.go:2: reads or writes journal, a table of the ledger's"},
		{"one behind a comma", "clearing/message/x.go", "package message\nconst q = \"DELETE FROM fares USING fares, days\"\n", "reads or writes days, a table"},
		{"a column of that name", "clearing/message/x.go", "package message\nconst q = \"SELECT count(*) AS days FROM fares\"\n", ""},
		{"who checks clearing's tables", "clearing/verify/x.go", "// Package verify checks.\npackage verify\nconst q = \"SELECT id FROM journal\"\n", ""},
		{"a test that looks", "clearing/message/x_test.go", "package message\nconst q = \"SELECT id FROM journal\"\n", ""},
		{"test data", "ledger/testdata/main.go", "package ledger\nimport _ \"citycard/cardos/purse\"\n", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tree := cleanTree()
			tree[test.file] = &fstest.MapFile{Data: []byte(test.text)}
			found, err := offences(tree)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case test.want == "" && len(found) == 0:
			case test.want != "" && len(found) == 1 && strings.Contains(found[0], test.want):
			default:
				t.Errorf("found %q, want one with %q", found, test.want)
			}
		})
	}
}

func cleanTree() fstest.MapFS {
	tree := fstest.MapFS{}
	for dir, text := range map[string]string{
		"broker":                "// Package broker is a broker.\npackage broker\n",
		"cardos/purse":          "// Package purse is a purse.\npackage purse\n",
		"ledger":                "// Package ledger is the books.\npackage ledger\n",
		"ledger/chain":          "// Package chain is a chain.\npackage chain\n",
		"ledger/schema":         "// Package schema is a schema.\npackage schema\nimport _ \"github.com/jackc/pgx/v5\"\n",
		"clearing/message":      "// Package message is a message.\npackage message\n",
		"clearing/transit/fare": "// Package fare is a fare.\npackage fare\nimport _ \"citycard/clearing/message\"\n",
		"clearing/intake":       "// Package intake takes in.\npackage intake\nimport _ \"citycard/ledger\"\n",
		"terminals/gate":        "// Package gate is a gate.\npackage gate\nimport _ \"citycard/cardos/purse\"\n",
		"terminals/reader":      "// Package reader is a reader.\npackage reader\nimport _ \"github.com/ebfe/scard\"\n",
		"terminals/desk":        "// Package desk is a desk.\npackage desk\nimport _ \"citycard/terminals/reader\"\n",
		"simulators/truth":      "// Package truth is true.\npackage truth\nimport _ \"citycard/cardos/purse\"\n",
		"cmd/citycard":          "// Command citycard runs.\npackage main\nimport _ \"citycard/ledger\"\n",
		"cmd/cardterm":          "// Command cardterm reads.\npackage main\nimport _ \"citycard/terminals/desk\"\n",
	} {
		tree[dir+"/doc.go"] = &fstest.MapFile{Data: []byte(text)}
	}
	tree["ledger/schema/migrations/00001_books.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE journal (id BYTEA);\nCREATE TABLE days (day INT4);\n")}
	return tree
}

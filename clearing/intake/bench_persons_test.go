package intake_test

import (
	"citycard/ledger/ledgertest"
)

// personsOnce is how many persons one statement stores.
const personsOnce = 100_000

// people stores as many persons as PERSONS says, as an import that is done has them: rows of the
// size of residents with names of three characters. Nothing in clearing reads what stands in them.
func (d *drain) people() (n int) {
	d.Helper()
	n = int(ledgertest.Setting(d, "PERSONS", 0))
	exec := func(text string, arguments ...any) {
		d.Helper()
		_, err := d.ledger.Pool().Exec(d.Context(), text, arguments...)
		d.must(err)
	}
	if n > 0 {
		exec("INSERT INTO person_imports (number, file, charset, person, at, parts, next_line, head, counts, state) VALUES (1, '', 'utf-8', 'bench', 0, 0, $1, '', '{}', 'done')", n+2)
	}
	for from := 0; from < n; from += personsOnce {
		exec(`INSERT INTO persons (import, line, since, certificate, status, token, sealed)
			SELECT 1, i + 2, 20200101, 1, 1, decode(md5(i::TEXT), 'hex'), decode(repeat(md5((-i)::TEXT), 2), 'hex') FROM generate_series($1::INT8, $2::INT8) AS i`,
			from, min(from+personsOnce, n)-1)
	}
	return n
}

package verify_test

import (
	"testing"
	"time"

	"citycard/clearing/chart"
	"citycard/clearing/people"
)

// TestDeputyIsNamed alters rows of deputies, and what the audit says of them: verify names it, and
// an act by a deputy who then was none.
func TestDeputyIsNamed(t *testing.T) {
	o := newOffice(t)
	at := func(after time.Duration) string { return time.Now().Add(after).UTC().Format(time.RFC3339) }
	o.approve("lee", propose(o, "kim", people.ActDeputy, people.Deputy{ID: "cleo", For: "bob", From: at(-time.Hour), Until: at(time.Hour)}))
	o.approve("cleo", propose(o, "ann", chart.LimitName, chart.LimitRequest{Account: "operator:metro", Cap: 3000}))
	o.approve("lee", propose(o, "kim", people.ActDeputy, people.Deputy{ID: "cleo", For: "ann", From: at(time.Hour), Until: at(2 * time.Hour)}))
	o.approve("lee", propose(o, "kim", people.ActEndDeputy, people.EndDeputy{ID: "cleo", For: "bob"}))
	if faults := faultsOf(t, o.Ledger, ""); len(faults) > 0 {
		t.Fatalf("before any change: %q", faults)
	}
	o.wants("UPDATE staff_deputies SET until = until + 1 WHERE number = 1", "deputy 1: {")
	o.wants("UPDATE staff_deputies SET since = since - 1 WHERE number = 1", "deputy 1: {")
	o.wants("UPDATE staff_deputies SET ended = 0 WHERE number = 1", "deputy 1: {")
	o.wants("UPDATE staff_deputies SET ended = 1 WHERE number = 2", "deputy 2: {")
	o.wants("UPDATE staff_deputies SET stands_for = 'lee' WHERE number = 1", "deputy 1: {")
	o.wants("UPDATE staff_deputies SET deputy = 'omar' WHERE number = 1", "deputy 1: {")
	o.wants("DELETE FROM staff_deputies WHERE number = 2", "deputy 2: it is not there")
	o.wants("INSERT INTO staff_deputies VALUES (3, 'cleo', 'bob', 0, 9999999999, 0)", "deputy 3: the audit makes no such row")
	const first = " WHERE act = 'appoint deputy' AND strpos(what, '\"number\":1,') > 0"
	o.wants("UPDATE audit SET what = replace(what, 'bob', 'ann')"+first, "it appoints ")
	o.wants("UPDATE audit SET what = replace(what, 'bob', 'ann')"+first, `"cleo" stood in for "ann", and decided what "ann" proposed`)
	o.wants("UPDATE audit SET what = replace(what, 'bob', 'kim')"+first, `"cleo" cannot stand in for "kim" then`)
	o.wants("UPDATE audit SET what = replace(what, 'bob', 'kim')"+first, `cleo, clerk of issuer, may not approve "account limit"`)
	o.wants("UPDATE audit SET what = replace(what, 'bob', 'ann') WHERE act = 'end deputy'", `deputy 1 is not "cleo" for "ann"`)
	o.wants("UPDATE audit SET number = 9999"+first, `cleo, clerk of issuer, may not approve "account limit"`)
}

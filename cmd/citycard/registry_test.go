package main

import (
	"testing"

	"citycard/clearing/registry"
	"citycard/ledger"
)

// TestRegistryRowInForce marks the row of a day: the last that has begun and is not over.
func TestRegistryRowInForce(t *testing.T) {
	rows := func(spans ...[2]string) (list []registry.Row) {
		for _, s := range spans {
			day, err := ledger.ParseDay(s[0][:8])
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, registry.Row{From: day, Fields: map[string]string{"effective_from": s[0], "effective_to": s[1]}})
		}
		return list
	}
	listed := rows([2]string{"20260105120000", "20260105120001"}, [2]string{"20260105120003", ""})
	found := rows([2]string{"20260105120000", "20260106115959"})
	whole := rows([2]string{"20260201000000", "20260201235959"})
	dated := rows([2]string{"20260101", "20260630"}, [2]string{"20260701", "20261231"})
	for _, test := range []struct {
		rows []registry.Row
		day  ledger.Day
		want int
	}{
		{listed, 20260104, -1},
		{listed, 20260105, 1},
		{found, 20260105, 0},
		{found, 20260106, -1}, // over at its last second
		{whole, 20260201, 0},
		{whole, 20260202, -1},
		{dated, 20251231, -1},
		{dated, 20260630, 0},
		{dated, 20260701, 1},
		{dated, 20261231, 1},
		{dated, 20270101, -1},
		{nil, 20260101, -1},
	} {
		if got, err := rowInForce(test.rows, test.day); got != test.want || err != nil {
			t.Errorf("%+v on %d: row %d (%v), want %d", test.rows, test.day, got, err, test.want)
		}
	}
}

package ledger

import (
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// promptDays is how many days before its booking day a row's effective day may lie without being
// late. So a subject's rows of a booking day are found without an index on that day: they are in
// these few effective days, or in those that the late table names.
const promptDays = 3

// promptWindow returns the effective days on which rows of a booking day are prompt.
func promptWindow(booking Day) (first, last Day) { return booking.Add(-promptDays), booking }

// PromptDays lists, in order, the effective days on which rows of the booking days are prompt. The
// table late names their rows of other effective days.
func PromptDays(booking ...Day) []int32 {
	var days []int32
	for _, b := range booking {
		for day, last := promptWindow(b); day <= last; day = day.Next() {
			days = append(days, int32(day))
		}
	}
	slices.Sort(days)
	return slices.Compact(days)
}

// queueLate notes subject and effective day of the rows that are late (or early).
func queueLate(batch *pgx.Batch, booking Day, rows []newRow) {
	type late struct {
		subject Subject
		day     Day
	}
	first, last := promptWindow(booking)
	var all []late
	for i := range rows {
		if r := &rows[i]; r.Day < first || r.Day > last {
			all = append(all, late{r.Subject, r.Day})
		}
	}
	if len(all) == 0 {
		return
	}
	slices.SortFunc(all, func(a, b late) int {
		if c := strings.Compare(string(a.subject), string(b.subject)); c != 0 {
			return c
		}
		return int(a.day) - int(b.day)
	})
	all = slices.Compact(all)
	subjects, days := make([][]byte, len(all)), make([]int32, len(all))
	for i, l := range all {
		subjects[i], days[i] = []byte(l.subject), int32(l.day)
	}
	batch.Queue(`INSERT INTO late (booking_day, subject, effective_day) SELECT $1::INT4, s, d FROM unnest($2::BYTEA[], $3::INT4[]) AS u (s, d)
		ON CONFLICT (booking_day, subject, effective_day) DO NOTHING`, booking, subjects, days)
}

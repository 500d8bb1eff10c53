package truth

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"time"
)

const calendarDocument = "calendar.csv"

// calendar says what the days that a city has published are. Nothing follows from the day of the
// week.
type calendar map[string]string // by YYYYMMDD: workday, restday or holiday

// readCalendar reads the columns date, kind and source; lines that begin with # are comments.
func readCalendar(data []byte) (calendar, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))))
	r.Comment, r.FieldsPerRecord = '#', 3
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", calendarDocument, err)
	}
	c := calendar{}
	for i, row := range rows {
		if i == 0 {
			if row[0] != "date" || row[1] != "kind" {
				return nil, fmt.Errorf("%s: columns %q, want date,kind,source", calendarDocument, row)
			}
			continue
		}
		if _, err := time.Parse("20060102", row[0]); err != nil {
			return nil, fmt.Errorf("%s: %w", calendarDocument, err)
		}
		switch row[1] {
		case "workday", "restday", "holiday":
			c[row[0]] = row[1]
		default:
			return nil, fmt.Errorf("%s: %s is a %q, want workday, restday or holiday", calendarDocument, row[0], row[1])
		}
	}
	return c, nil
}
